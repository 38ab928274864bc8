"""The parameters of a model, for those who keep arrays beside them and must notice changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.checks import check_array, check_finite, whole_number
from nnscratch.kernels.products.deferred import DeferredProduct
from nnscratch.layers.base import Layer

if TYPE_CHECKING:
    from nnscratch.model import Sequential

MOST_STEPS = 1 << 53  # a float holds no whole number beyond it exactly, and Adam computes beta ** steps


class HeldParameters:
    """The parameters of a model, and what they were when their holder was made.

    Arguments
        model : anything whose `.layers` have `params`, dicts of arrays
        holder : who keeps arrays beside them; begins and ends the messages
        layers : those of the model that are held; None: all

    Another array of the same shape and dtype may take a parameter's place at any time. Whatever
    else changes in the layers that are held, `present` notices.

    >>> import nnscratch as nn
    >>> model = nn.Sequential(nn.Dense(2, 1, rng=0))
    >>> held = HeldParameters(model, "SGD")
    >>> model.layers[0].params["bias"] = np.float32([7])
    >>> held.present()[1]
    array([7.], dtype=float32)
    >>> model.layers[0] = nn.Dense(2, 1, rng=1)
    >>> held.present()
    Traceback (most recent call last):
    ValueError: SGD: got a model with other layers, expected those it was made for; make a new SGD
    """

    def __init__(self, model: Sequential, holder: str, layers: Sequence[Layer] | None = None) -> None:
        self.model = model
        self.holder = holder
        self.layers = layers
        self.places: list[tuple[Layer, str]] = [(layer, name) for layer in self._present() for name in layer.params]
        for layer, name in self.places:
            check_array(f"{holder}, {layer!r}", name, layer.params[name])
        self.kinds = [(layer.params[name].shape, layer.params[name].dtype) for layer, name in self.places]

    def present(self) -> list[np.ndarray]:
        """The arrays that are the parameters now, in the order of the layers.

        Raises
            ValueError : the layers are others than at first, or have parameters of other names, an
                array has another shape or dtype, or must not be written to
        """
        k, arrays = 0, []
        for layer in self._present():
            for name, w in layer.params.items():
                if k == len(self.places) or self.places[k][0] is not layer or self.places[k][1] != name:
                    raise self._other_layers()
                if not isinstance(w, np.ndarray) or (w.shape, w.dtype) != self.kinds[k] or not w.flags.writeable:
                    raise self._other_array(layer, name, w, *self.kinds[k])
                arrays.append(w)
                k += 1
        if k < len(self.places):
            raise self._other_layers()
        return arrays

    def _present(self) -> Sequence[Layer]:
        layers = self.layers
        return self.model.layers if layers is None else [layer for layer in self.model.layers if layer in layers]

    @property
    def are_present(self) -> bool:
        """Whether `present` would not raise."""
        try:
            self.present()
        except ValueError:
            return False
        return True

    def write(self, arrays: Sequence[np.ndarray]) -> None:
        """Writes `arrays`, like the parameters in number, shapes and dtypes, into the present ones.

        Raises
            ValueError : as `present`; then nothing is written
        """
        for w, new in zip(self.present(), arrays, strict=True):
            np.copyto(w, new)

    def _other_layers(self) -> ValueError:
        return ValueError(
            f"{self.holder}: got a model with other layers, expected those it was made for; make a new {self.holder}"
        )

    def _other_array(
        self, layer: Layer, name: str, w: object, shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> ValueError:
        what = f"shape {w.shape} {w.dtype}" if isinstance(w, np.ndarray) else f"type {type(w).__name__}"
        fix = f"make a new {self.holder}, or put back an array like the first"
        if isinstance(w, np.ndarray) and (w.shape, w.dtype) == (shape, dtype):
            what, fix = "read-only memory", "use a copy of it"
        return ValueError(
            f"{self.holder}: got {name!r} in {layer!r} of {what}, expected an array of {shape} {dtype} that can be "
            f"changed; {fix}"
        )


def chosen_layers(where: str, model: Sequential, layers: object) -> list[Layer] | None:
    """Some layers of a model, in the order of the model; None for None, which stands for all.

    Raises
        ValueError : no list of layers, an empty one, a layer that is not in the model, is there
            twice, or has no parameters

    >>> import nnscratch as nn
    >>> model = nn.Sequential(nn.Dense(2, 3), nn.ReLU(), nn.Dense(3, 1))
    >>> chosen_layers("SGD", model, [model[2], model[0]])
    [Dense(2, 3), Dense(3, 1)]
    >>> chosen_layers("SGD", model, [model[1]])
    Traceback (most recent call last):
    ValueError: SGD: got ReLU() in layers, expected layers with parameters; leave it out
    """
    if layers is None:
        return None
    example = "write layers=[model[0]]"
    if isinstance(layers, Layer) or not isinstance(layers, Iterable):
        got = repr(layers)
        raise ValueError(f"{where}: got layers={got[:60]}, expected a list of layers of the model; {example}")
    chosen = list(layers)
    if not chosen:
        raise ValueError(f"{where}: got no layer in layers, expected one of the model at least; {example}")
    for i, layer in enumerate(chosen):
        if not isinstance(layer, Layer):
            raise ValueError(f"{where}: got {layer!r:.60} in layers, expected layers of the model; {example}")
        if not any(layer is each for each in model.layers):
            raise ValueError(
                f"{where}: got {layer!r} in layers, which is not in the model, expected layers of it; {example}"
            )
        if any(layer is each for each in chosen[:i]):
            raise ValueError(f"{where}: got {layer!r} twice in layers, expected each once; leave one out")
        if not layer.params:
            raise ValueError(f"{where}: got {layer!r} in layers, expected layers with parameters; leave it out")
    return [layer for layer in model.layers if layer in chosen]


def moves(layer: Layer) -> bool:
    """Whether a step moves the layer's parameters: it is not frozen."""
    return not getattr(layer, "frozen", False)  # whatever has params and grads can be optimized


def gradient_of(where: str, layer: Layer, name: str) -> np.ndarray:
    """The gradient of one parameter, of its shape and dtype.

    Raises
        ValueError : there is none, or one of another shape or dtype
    """
    dw: Any = layer.grads.get(name)
    check_gradient_of(where, layer, name, dw)
    return dw


def check_gradient_of(where: str, layer: Layer, name: str, dw: object) -> None:
    """Stops what is no gradient of a parameter; it may be a product not computed yet.

    Raises
        ValueError : it is none, or one of another shape or dtype
    """
    w = layer.params[name]
    if not isinstance(dw, np.ndarray | DeferredProduct):
        got = "no gradient" if dw is None else f"a gradient of type {type(dw).__name__}"
        raise ValueError(f"{where}: got {got} of {name!r} in {layer!r}, expected one; call backward before it")
    if (dw.shape, dw.dtype) != (w.shape, w.dtype):
        raise ValueError(
            f"{where}: got a gradient of {name!r} in {layer!r} of shape {dw.shape} {dw.dtype}, expected {w.shape} "
            f"{w.dtype} as the parameter; call backward before it, or correct the layer's backward"
        )


def check_keys(where: str, state: object, expected: Sequence[str]) -> None:
    """Stops what is no state of this holder.

    Raises
        ValueError : state is no dict, or has other keys than expected
    """
    if not isinstance(state, Mapping) or set(state) != set(expected):
        got = sorted(map(str, state)) if isinstance(state, Mapping) else type(state).__name__
        raise ValueError(f"{where}: got a state of {got}, expected {sorted(expected)}; pass what state() gave")


def count_of_steps(where: str, name: str, value: object) -> int:
    """`value` as an int, if it is a whole number from 0 to `MOST_STEPS`; otherwise ValueError."""
    count = whole_number(where, name, value, least=0, fix="pass what state() gave")
    if count > MOST_STEPS:
        raise ValueError(f"{where}: got {name} beyond {MOST_STEPS}, expected fewer; pass what state() gave")
    return count


def counts_of_steps(where: str, name: str, values: object, length: int) -> list[int]:
    """`values` as ints, if they are a list of `length` counts of steps; otherwise ValueError."""
    if not isinstance(values, list | tuple) or len(values) != length:
        got = f"{len(values)} numbers" if isinstance(values, list | tuple) else type(values).__name__
        raise ValueError(f"{where}: got {got} as {name}, expected {length}; pass the state of the same network")
    return [count_of_steps(where, name, value) for value in values]


def copies_like(where: str, name: str, arrays: object, expected: Sequence[np.ndarray]) -> list[np.ndarray]:
    """A copy of each of `arrays`, if they are as many as `expected`, of the same shapes and dtypes.

    Raises
        ValueError : they are not, or a value is NaN or infinite
    """
    if not isinstance(arrays, list | tuple) or len(arrays) != len(expected):
        got = f"{len(arrays)} arrays" if isinstance(arrays, list | tuple) else type(arrays).__name__
        raise ValueError(
            f"{where}: got {got} as {name}, expected a list of {len(expected)}; pass the state of the same network"
        )
    for k, (array, like) in enumerate(zip(arrays, expected, strict=True)):
        check_array(where, f"{name}[{k}]", array)
        if (array.shape, array.dtype) != (like.shape, like.dtype):
            raise ValueError(
                f"{where}: got {name}[{k}] of shape {array.shape} {array.dtype}, expected {like.shape} {like.dtype}; "
                "pass the state of the same network"
            )
        check_finite(where, f"{name}[{k}]", array)
    return [array.copy() for array in arrays]
