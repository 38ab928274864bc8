"""What every layer has in common, and the checks that keep wrong input from going further than the door."""

from __future__ import annotations

import copy
import inspect
from typing import Any, Self

import numpy as np

from nnscratch import initializers
from nnscratch.checks import check_finite, floating


class Layer:
    """A function y = f(x) with parameters, that also knows its own derivative.

    To write a layer of your own, subclass this one and define `forward`, `backward` and `output_shape`; keep each
    constructor argument under its own name (`self.p = p`), which is how `repr` and `nnscratch.save` rebuild the call.

    Fields
        params : name -> array, what an optimiser changes, in place
        grads  : name -> array, dL/d(parameter) of the last `backward`, same keys once it has run

    Contract
        `forward(x, training=True)` keeps what `backward` needs; `backward(dy)` takes it away again, so that each
        `backward` belongs to exactly one forward pass. `backward` overwrites `grads` and never adds to them. A layer
        computes in the dtype of its parameters and never divides by the number of images: that 1/N is the loss's.
    """

    params: dict[str, np.ndarray]
    grads: dict[str, np.ndarray]
    weight_init: str  # these three only for layers that call draw_parameters
    bias_init: str
    bias: bool

    def __init__(self) -> None:
        self.params = {}
        self.grads = {}

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Computes y from x; keeps what `backward` needs if `training`."""
        raise NotImplementedError

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Computes dx = dL/dx from dy = dL/dy, and sets `grads`."""
        raise NotImplementedError

    def backward_parameters(self, dy: np.ndarray) -> None:
        """Sets `grads` alone: all that is wanted of a network's first layer, whose dx nobody reads."""
        self.backward(dy)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of y for one x of `input_shape`; both without the leading N."""
        raise NotImplementedError

    def multiply_adds(self, input_shape: tuple[int, ...]) -> int:
        """The multiply-adds of one forward pass of one x of `input_shape`."""
        return 0

    @property
    def window(self) -> tuple[int, int]:
        """(kernel size, stride) along an image's height: what the receptive field grows by."""
        return 1, 1

    def take(self, name: str) -> Any:
        """Returns what forward(training=True) kept as `self.name` and forgets it.

        Raises
            RuntimeError : there was no forward(training=True), or a backward already used it
        """
        return take(self, name, self)

    def draw_parameters(self, weight_shape: tuple[int, ...], rng: np.random.Generator | int | None, dtype: Any) -> None:
        """Makes params["weight"] of `weight_shape`, and params["bias"], one for each output, if `self.bias`.

        Reads the initialisers in `self.weight_init` and `self.bias_init`.
        """
        rng, dtype = np.random.default_rng(rng), floating(dtype)
        self.params["weight"] = initializers.get(self.weight_init)(weight_shape, rng).astype(dtype)
        if self.bias:
            self.params["bias"] = initializers.get(self.bias_init)(weight_shape[-1:], rng).astype(dtype)

    def astype(self, dtype: Any) -> Self:
        """A copy of the layer that computes in `dtype`: float32 to train, float64 to check."""
        layer = copy.deepcopy(self)
        layer.params = {name: value.astype(floating(dtype)) for name, value in layer.params.items()}
        layer.grads = {}
        return layer

    def config(self) -> dict[str, Any]:
        """The constructor's arguments that make this layer again; random generators and dtype left out.

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
            if parameter.default is inspect.Parameter.empty:
                parts.append(repr(value))
            elif value != parameter.default:
                parts.append(f"{parameter.name}={value!r}")
        return f"{name}({', '.join(parts)})"


def take(owner: object, name: str, layer: Layer) -> Any:
    """Returns what forward(training=True) kept as `owner.name` and forgets it; `layer` is named in the error.

    Raises
        RuntimeError : there was no forward(training=True), or a backward already used it
    """
    if name not in owner.__dict__:
        raise RuntimeError(
            f"{layer!r}: got backward without a forward(training=True) before it, expected one forward for each "
            "backward; call forward(x, training=True) first"
        )
    return owner.__dict__.pop(name)


def check_input(layer: Layer, x: np.ndarray, ndim: int | None = None, channels: int | None = None) -> None:
    """Stops an x that `layer` cannot compute with: `check_shape` and `check_finite`.

    Raises
        ValueError     : not an array, or of a wrong dtype or shape
        NotFiniteError : holds NaN or infinity
    """
    check_shape(layer, x, ndim, channels)
    check_finite(layer, "x", x)


def check_shape(layer: Layer, x: np.ndarray, ndim: int | None = None, channels: int | None = None) -> None:
    """Stops an x that is no array of the layer's dtype and of the shape that it takes.

    ndim     : the number of axes that x must have, the leading N included; None for any from one up
    channels : the length that x's last axis must have; None for any

    Raises
        ValueError : not an array, or of a wrong dtype or shape
    """
    if not isinstance(x, np.ndarray):
        raise ValueError(f"{layer!r}: got {type(x).__name__}, expected a NumPy array; wrap it in np.asarray(x, dtype)")
    expected = [value.dtype for value in layer.params.values()][:1] or [np.dtype(np.float32), np.dtype(np.float64)]
    if x.dtype not in expected:
        wanted = " or ".join(str(dtype) for dtype in expected)
        fix = f"x.astype(np.{expected[0]})" + (f" or layer.astype(np.{x.dtype})" if x.dtype.kind == "f" else "")
        raise ValueError(f"{layer!r}: got x of dtype {x.dtype}, expected {wanted}; use {fix}")
    if (ndim is not None and x.ndim != ndim) or x.ndim == 0 or (channels is not None and x.shape[-1] != channels):
        last = "C" if channels is None else str(channels)
        shape = {2: f"(N, {last})", 4: f"(N, H, W, {last})"}.get(ndim or 0, "(N, ...)")
        raise ValueError(f"{layer!r}: got x of shape {x.shape}, expected {shape}; {_shape_fix(x, ndim, channels)}")


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


def check_gradient(layer: Layer, dy: np.ndarray, y_shape: tuple[int, ...], y_dtype: Any) -> None:
    """Stops a dy that is not the gradient of this layer's last y.

    Raises
        ValueError : not an array of y's shape and dtype
    """
    if not isinstance(dy, np.ndarray) or dy.shape != y_shape or dy.dtype != y_dtype:
        got = f"dtype {dy.dtype}, shape {dy.shape}" if isinstance(dy, np.ndarray) else type(dy).__name__
        raise ValueError(
            f"{layer!r}: got dy of {got}, expected dtype {y_dtype}, shape {y_shape}, as the y of the last "
            "forward(training=True); pass dL/dy of that very y"
        )
