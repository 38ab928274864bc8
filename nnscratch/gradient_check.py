"""Finite differences against every hand-written gradient: the proof that the derivations are right.

    dL/dw is about (L(w + h) - L(w - h)) / (2h)

with an error of order h^2 from the third derivative of L, and of about 1e-16 * L / h from rounding.
In float64 there is an h at which both are far below what a mistake in a formula makes: an error of
order 1.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import numpy as np

from nnscratch.checks import check_array
from nnscratch.layers import Layer
from nnscratch.losses import Loss
from nnscratch.model import Sequential

_FIRST_STEP = 1e-3
_SMALLEST_STEP = 1e-6
# If two step sizes agree to this, relative to the largest gradient seen, no kink lies between them.
_AGREEMENT = 1e-9
_RIGHT = 1e-7  # a relative error up to this is rounding
_MOVES = 8  # of a point that lies on a kink
_DISTANCE = 1e-3  # of a move, relative to numbers of the order of 1
_ROUNDING = 1e-11  # of a central difference, relative to the loss: 1e-16 / _FIRST_STEP, with room


def gradient_check(
    model: Layer | Sequential,
    x: np.ndarray,
    *,
    loss: Loss | None = None,
    target: np.ndarray | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """The relative error of each gradient of `model` at `x`, including the gradient of the input.

    model  : a layer or a network; a copy in float64 is checked. Dropout keeps one mask.
    x      : (N, ...), real numbers of any dtype; a copy in float64 is used
    loss, target : the loss to differentiate, and (N, ...) what it compares y with; without the
        two, L = sum(dy * y) with a random dy
    seed   : of that dy

    Returns name -> |numerical - written| / (|numerical| + |written|), Euclidean norms over the
    array; the names are "x" and, for each parameter, "weight" or, in a network, "layer 2 weight".
    Below 1e-7 a gradient is right. A difference that rounding explains counts as less than that:
    some gradients are 0 but for rounding.

    Kinks (ReLU at 0, two equal maxima) have no derivative. If two step sizes disagree, a kink may
    lie between them, so smaller steps are tried until two agree. If the slope to the left is not
    that to the right, the point lies on a kink, as with biases of 0 behind closed ReLUs. Where a
    gradient looks wrong and one of the two was seen, x and all parameters of the copy are moved by
    tiny random steps, off the kink, and checked again there: a wrong formula is wrong there, too.

    Raises
        ValueError : x or target does not fit the model or the loss; one of loss and target without
            the other; a backward that sets no gradient; a loss that does not compute in float64

    >>> import nnscratch as nn
    >>> errors = gradient_check(nn.Dense(3, 2, rng=0), np.random.default_rng(0).random((4, 3)))
    >>> sorted(errors), max(errors.values()) < 1e-7
    (['bias', 'weight', 'x'], True)
    """
    check_array("gradient_check", "x", x)
    if (loss is None) != (target is None):
        given, missing = ("target", "loss") if loss is None else ("loss", "target")
        raise ValueError(f"gradient_check: got {given} without {missing}, expected both or neither; pass {missing}=")
    if target is not None:
        check_array("gradient_check", "target", target)
        target = target.astype(np.float64)
    network = (model if isinstance(model, Sequential) else Sequential(model)).astype(np.float64)
    x = x.astype(np.float64)
    rng = np.random.default_rng(seed)
    dy = rng.standard_normal(network.forward(x).shape)
    errors, kinks = _errors_at(network, x, dy, loss, target)
    for _ in range(_MOVES):
        if not kinks or max(errors.values()) <= _RIGHT:
            break
        for array in (x, *network.parameters()):
            array += _DISTANCE * rng.standard_normal(array.shape)
        errors, kinks = _errors_at(network, x, dy, loss, target)
    if isinstance(model, Sequential):
        return errors
    return {name.removeprefix("layer 0 "): error for name, error in errors.items()}


def _errors_at(
    network: Sequential, x: np.ndarray, dy: np.ndarray, loss: Loss | None, target: np.ndarray | None
) -> tuple[dict[str, float], bool]:
    """The errors at this very point, by name; and whether it lies on a kink or close to one."""
    generators = [(layer, layer.rng) for layer in network.layers if hasattr(layer, "rng")]

    def forward() -> np.ndarray:
        for layer, rng in generators:
            layer.rng = copy.deepcopy(rng)  # so that it draws the same mask again
        return network.forward(x, training=True)

    def scalar() -> float:
        y = forward()
        return float((dy * y).sum()) if loss is None or target is None else _float64(loss.forward(y, target))

    terms = dy * forward() if loss is None else np.zeros(1)
    scale = max(1.0, abs(scalar()), float(np.abs(terms).sum()))
    dx = network.backward(dy if loss is None else loss.backward(), input_gradient=True)
    assert dx is not None  # it was asked for
    arrays = {"x": (x, dx)}
    for i, layer in enumerate(network.layers):
        for name, value in layer.params.items():
            arrays[f"layer {i} {name}"] = value, _gradient_of(layer, name)
    errors, kinks = {}, False
    for name, (array, gradient) in arrays.items():
        slopes, smooth = _slopes(scalar, array)
        errors[name] = relative_error(slopes, gradient, rounding=_ROUNDING * scale * math.sqrt(array.size))
        kinks = kinks or not smooth
    return errors, kinks


def _gradient_of(layer: Layer, name: str) -> np.ndarray:
    w, dw = layer.params[name], layer.grads.get(name)
    if dw is None or np.shape(dw) != w.shape:
        got = "no gradient" if dw is None else f"a gradient of shape {np.shape(dw)}"
        raise ValueError(
            f"gradient_check: got {got} of {name!r} in {layer!r}, expected one of shape {w.shape}; set "
            f"grads[{name!r}] in its backward"
        )
    return dw


def _float64(value: object) -> float:
    """A loss as a float; one in float32 would differ from its neighbours by rounding alone."""
    if isinstance(value, np.ndarray | np.generic) and value.dtype != np.float64:
        raise ValueError(
            f"gradient_check: got a loss of dtype {value.dtype}, expected float64; compute it in the dtype of the "
            "prediction"
        )
    return float(value)  # type: ignore[arg-type]


def numerical_gradient(scalar: Callable[[], float], array: np.ndarray) -> np.ndarray:
    """Central differences of `scalar()` for each value of `array`.

    Each value is changed in place, and put back.

    array : any shape, float64, read by `scalar`
    Returns an array of the same shape.

    >>> x = np.array([1.0, -2.0])
    >>> numerical_gradient(lambda: float((x**2).sum()), x).round(6)
    array([ 2., -4.])
    """
    return _slopes(scalar, array)[0]


def _slopes(scalar: Callable[[], float], array: np.ndarray) -> tuple[np.ndarray, bool]:
    """The gradient by central differences, and whether no kink was seen."""
    gradient = np.zeros_like(array)
    middle, largest, smooth = scalar(), 1.0, True
    for index in np.ndindex(*array.shape):
        step, agree, on_kink = _FIRST_STEP, False, False
        slope, bend = _central_difference(scalar, array, index, step, middle)
        while step > _SMALLEST_STEP and not agree:
            finer, finer_bend = _central_difference(scalar, array, index, step / 4, middle)
            agree = abs(finer - slope) <= _AGREEMENT * largest
            # The slopes to both sides differ by step * second derivative, or by a kink's angle,
            # which a smaller step does not make smaller.
            on_kink = abs(finer_bend) > max(abs(bend) / 2, _RIGHT * largest)
            slope, bend, step = finer, finer_bend, step / 4
        smooth = smooth and agree and not on_kink
        gradient[index] = slope
        largest = max(largest, abs(slope))
    return gradient, smooth


def relative_error(a: np.ndarray, b: np.ndarray, rounding: float = 0.0) -> float:
    """|a - b| / (|a| + |b|), Euclidean norms: 0 if a = b, also if both are 0, at most 1.

    rounding : the |a - b| of two gradients that are 0 but for rounding; it counts as 1e-7
    """
    scale = float(np.linalg.norm(a) + np.linalg.norm(b)) + rounding / _RIGHT
    return float(np.linalg.norm(a - b)) / scale if scale else 0.0


def _central_difference(
    scalar: Callable[[], float], array: np.ndarray, index: tuple[int, ...], step: float, middle: float
) -> tuple[float, float]:
    """The slope across both sides, and the slope to the right less that to the left.

    middle : scalar() as `array` is
    """
    value = array[index]
    array[index] = value + step
    above = scalar()
    array[index] = value - step
    below = scalar()
    array[index] = value
    return (above - below) / (2 * step), (above - 2 * middle + below) / step
