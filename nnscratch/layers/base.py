"""What every layer has in common, and the checks that stop a wrong x or dy."""

from __future__ import annotations

import copy
import inspect
from typing import Any, Self

import numpy as np

from nnscratch.checks import check_array, check_finite, flag, floating
from nnscratch.kernels.memory import aligned
from nnscratch.layers.gradients import Gradients
from nnscratch.layers.networks import attribute_changes, inside_network

_FLOATS = np.dtype(np.float32), np.dtype(np.float64)


class Layer:
    """A function y = f(x) with parameters, together with its own derivative.

    To write a layer of your own, subclass this one and define `forward`, `backward` and
    `output_shape`. Keep each constructor argument under its own name (`self.p = p`): `repr` and
    `nnscratch.save` rebuild the call from these. All other methods have defaults.

    Fields
        params : name -> array, what an optimizer changes, in place
        grads  : name -> array, dL/d(parameter) of the last `backward`, under the same names; a dict
            that computes some of its arrays when somebody looks at them (`Gradients`)
        frozen : True: optimizers leave `params` alone, and no weight decay and no momentum moves
            them. False at first; may be set between any two steps; copies and saved files keep it

    Contract
        `forward(x, training=True)` keeps what `backward` needs, and `backward(dy)` takes it away
        again: each `backward` belongs to exactly one forward pass. `backward` overwrites `grads`
        and never adds to them. A layer computes in the dtype of its parameters. It never divides by
        the number of rows N: that 1/N belongs to the loss.

    Whose memory
        y and dx are the caller's own: to change them changes nothing that the layer gives later. dy
        is read by `backward` alone. x is not copied, because a batch is large: it must stay
        unchanged until `backward` has used it. Arrays in `params` may be changed, and replaced by
        others of the same shape and dtype; those in `grads` are valid until the next `backward`.

    NaN and infinity
        A layer used by itself rejects an x or a dy that holds them (`NotFiniteError`). In a network
        `Sequential` does so, where arrays enter and leave it.
    """

    params: dict[str, np.ndarray]
    grads: dict[str, np.ndarray]
    _frozen = False
    last_pass: int = 0  # the number of the last network's training pass that came through here

    def __init__(self) -> None:
        self.params = {}
        self.grads = Gradients()

    @property
    def frozen(self) -> bool:
        """Whether optimizers leave the layer's parameters alone."""
        return self._frozen

    @frozen.setter
    def frozen(self, value: bool) -> None:
        self._frozen = flag(type(self).__name__, "frozen", value)

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)
        attribute_changes.note()

    # The idea: what a layer is. A subclass defines these three.

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Computes y from x; keeps what `backward` needs if `training`."""
        raise NotImplementedError

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Computes dx = dL/dx from dy = dL/dy, and sets `grads`."""
        raise NotImplementedError

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of y for one x of `input_shape`; both without the leading N."""
        raise NotImplementedError

    def take(self, name: str) -> Any:
        """Returns what forward(training=True) kept as `self.name`, and forgets it.

        Raises
            RuntimeError : there was no forward(training=True), or a backward already used it
        """
        return take(self, name, self)

    # No mathematics from here on: what serves safety (`check_sizes`), speed
    # (`backward_parameters`), the summary (`multiply_adds`, `window`), the gradient check
    # (`astype`) and saving (`config`, `repr`).

    def check_sizes(self) -> None:
        """Checks the constructor's arguments, which may have been set to something else since.

        Raises
            ValueError : one is out of its range
        """

    def draw_anew(self, rng: np.random.Generator) -> None:
        """Draws from `rng` what was drawn without a seed: first weights, or masks from now on.

        `Sequential(..., rng=0)` calls it, with a stream for each layer. Define it for a layer of
        your own that draws something and shall follow the network's seed.
        """

    def backward_parameters(self, dy: np.ndarray) -> None:
        """Sets `grads` without computing dx, which nobody reads for a network's first layer."""
        self.backward(dy)

    def multiply_adds(self, input_shape: tuple[int, ...]) -> int:
        """The multiply-adds of one forward pass of one x of `input_shape`."""
        return 0

    @property
    def window(self) -> tuple[int, int]:
        """(kernel size, stride) along an image's height: they make the receptive field grow."""
        return 1, 1

    def astype(self, dtype: Any) -> Self:
        """A copy of the layer that computes in `dtype`: float32 to train, float64 to check.

        Raises
            ValueError : another dtype
        """
        dtype = floating(type(self).__name__, dtype)
        layer = copy.deepcopy(self)
        layer.params = {name: aligned(value, dtype) for name, value in layer.params.items()}
        layer.grads = Gradients()
        return layer

    def config(self) -> dict[str, Any]:
        """The constructor's arguments that make this layer again, without `rng` and `dtype`.

        Raises
            AttributeError : the layer did not keep an argument under its own name
        """
        names = inspect.signature(type(self)).parameters
        return {name: getattr(self, name) for name in names if name not in ("rng", "dtype")}

    def __repr__(self) -> str:
        name = type(self).__name__
        try:
            config = self.config()
        except AttributeError:
            return f"{name}(...)"
        parts = []
        for parameter in inspect.signature(type(self)).parameters.values():
            if parameter.name not in config:
                continue
            value = config[parameter.name]
            text = f"array of shape {value.shape}" if isinstance(value, np.ndarray) else repr(value)
            if parameter.default is inspect.Parameter.empty:
                parts.append(text)
            elif not np.array_equal(value, parameter.default):  # != of arrays is no answer
                parts.append(f"{parameter.name}={text}")
        return f"{name}({', '.join(parts)})"


def take(owner: object, name: str, layer: Layer) -> Any:
    """Returns what forward(training=True) kept as `owner.name`, and forgets it.

    owner : the layer, or the stage that runs it;  layer : named in the error

    Raises
        RuntimeError : there was no forward(training=True), or a backward already used it
    """
    if name not in owner.__dict__:
        raise RuntimeError(
            f"{layer!r}: got backward without a forward(training=True) before it, expected one forward per "
            "backward; call forward(x, training=True) first"
        )
    return owner.__dict__.pop(name)


def check_input(layer: Layer, x: np.ndarray, ndim: int | None = None, channels: int | None = None) -> None:
    """Stops an x that `layer` cannot compute with: `check_shape`, then NaN and infinity.

    The second is left to the network if the layer runs in one.

    ndim, channels : as `check_shape` takes them

    Raises
        ValueError     : not an array, or of a wrong dtype or shape
        NotFiniteError : holds NaN or infinity
    """
    check_shape(layer, x, ndim, channels)
    if not inside_network.depth:
        check_finite(layer, "x", x)


def check_shape(layer: Layer, x: np.ndarray, ndim: int | None = None, channels: int | None = None) -> None:
    """Stops an x that is no array, or not of the dtype and the shape that the layer takes.

    ndim     : the number of axes that x must have, with the leading N; None for any number >= 1
    channels : the length that x's last axis must have; None for any

    Raises
        ValueError : not an array, or of a wrong dtype or shape
    """
    check_array(layer, "x", x)
    check_dtype(layer, x.dtype)
    if (ndim is not None and x.ndim != ndim) or x.ndim == 0 or (channels is not None and x.shape[-1] != channels):
        last = "C" if channels is None else str(channels)
        shape = {2: f"(N, {last})", 4: f"(N, H, W, {last})"}.get(ndim or 0, "(N, ...)")
        raise ValueError(f"{layer!r}: got x of shape {x.shape}, expected {shape}; {_shape_fix(x, ndim, channels)}")


def check_dtype(layer: Layer, x_dtype: np.dtype[Any]) -> None:
    """Stops an x of another dtype than that of the layer's parameters.

    Raises
        ValueError : another dtype; without parameters, one that is neither float32 nor float64
    """
    for value in layer.params.values():
        if isinstance(value, np.ndarray) and value.dtype in _FLOATS:
            expected: tuple[np.dtype[Any], ...] = (value.dtype,)
            break
    else:
        expected = _FLOATS
    if x_dtype not in expected:
        wanted = " or ".join(str(dtype) for dtype in expected)
        fix = f"x.astype(np.{expected[0]})" + (f" or layer.astype(np.{x_dtype})" if x_dtype.kind == "f" else "")
        raise ValueError(f"{layer!r}: got x of dtype {x_dtype}, expected {wanted}; use {fix}")


def _shape_fix(x: np.ndarray, ndim: int | None, channels: int | None) -> str:
    if ndim == 4 and x.ndim == 3:
        return "add the missing axis: x[..., np.newaxis] for grey images, x[np.newaxis] for a single one"
    if ndim == 2 and x.ndim == 4:
        return "put a Flatten() before this layer"
    if ndim == 2 and x.ndim == 1:
        return "a single row is x[np.newaxis]"
    if ndim == 4 and x.ndim == 4 and channels == x.shape[1]:
        return "images are (N, H, W, C) here: x.transpose(0, 2, 3, 1)"
    return "change x or the layer so that the two agree"


def check_window(
    layer: Layer, input_shape: tuple[int, ...], least: tuple[int, int], *, channels: object = "C", fix: str
) -> None:
    """Stops images that are smaller than the layer's window.

    input_shape : of one image, (H, W, C);  least : the least height and width, in pixels
    channels    : what the message says of C;  fix : ends the message

    Raises
        ValueError : no image, or one that is too small
    """
    if len(input_shape) != 3 or input_shape[0] < least[0] or input_shape[1] < least[1]:
        raise ValueError(
            f"{layer!r}: got images of {input_shape}, expected (H, W, {channels}) of at least "
            f"{least[0]} x {least[1]} pixels; {fix}"
        )


def check_gradient(layer: Layer, dy: np.ndarray, y_shape: tuple[int, ...], y_dtype: Any) -> None:
    """Stops a dy that cannot be the gradient of the layer's last y: shape and dtype, then NaN.

    The second is left to the network if the layer runs in one.

    y_shape, y_dtype : of that y

    Raises
        ValueError     : not an array of y's shape and dtype
        NotFiniteError : holds NaN or infinity
    """
    check_gradient_shape(layer, dy, y_shape, y_dtype)
    if not inside_network.depth:
        check_finite(layer, "dy", dy)


def check_gradient_shape(layer: Layer, dy: np.ndarray, y_shape: tuple[int, ...], y_dtype: Any) -> None:
    """Stops a dy that is not of the shape and dtype of the layer's last y.

    y_shape, y_dtype : of that y

    Raises
        ValueError : not an array of y's shape and dtype
    """
    if not isinstance(dy, np.ndarray) or dy.shape != y_shape or dy.dtype != y_dtype:
        got = f"dtype {dy.dtype}, shape {dy.shape}" if isinstance(dy, np.ndarray) else type(dy).__name__
        raise ValueError(
            f"{layer!r}: got dy of {got}, expected dtype {y_dtype}, shape {y_shape}, as y of the last "
            "forward(training=True) has them; pass dL/dy of that very y"
        )
