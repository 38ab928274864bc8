"""Finite differences against every hand-written gradient: the proof that the derivations are right.

    dL/dw is about (L(w + h) - L(w - h)) / (2h)

with an error of order h^2 from the third derivative of L, and of about 1e-16 * L / h from rounding.
In float64 there is an h at which both are far below what a mistake in a formula makes: an error of
order 1.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Protocol

import numpy as np

from nnscratch.layers import Layer
from nnscratch.model import Sequential

_FIRST_STEP = 1e-3
_SMALLEST_STEP = 1e-6
# If two step sizes agree to this, relative to the largest gradient seen, no kink lies between them.
_AGREEMENT = 1e-9


class Loss(Protocol):
    """Anything with a forward(prediction, target) -> number, and a backward() -> dprediction."""

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float: ...
    def backward(self) -> np.ndarray: ...


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
    x      : (N, ...), any float dtype
    loss, target : the loss to differentiate, and (N, ...) what it compares y with; without either
        of the two, L = sum(dy * y) with a random dy
    seed   : of that dy

    Returns name -> |numerical - written| / (|numerical| + |written|), Euclidean norms over the
    array; the names are "x" and, for each parameter, "weight" or, in a network, "layer 2 weight".
    Below 1e-7 a gradient is right.

    Kinks (ReLU at 0, two equal maxima) have no derivative. If two step sizes disagree, a kink may
    lie between them, so smaller steps are tried until two agree.

    Raises
        ValueError : x or target does not fit the model or the loss

    >>> import nnscratch as nn
    >>> errors = gradient_check(nn.Dense(3, 2, rng=0), np.random.default_rng(0).random((4, 3)))
    >>> sorted(errors), max(errors.values()) < 1e-7
    (['bias', 'weight', 'x'], True)
    """
    network = (model if isinstance(model, Sequential) else Sequential(model)).astype(np.float64)
    x = x.astype(np.float64)
    target = None if target is None else target.astype(np.float64)
    dy = np.random.default_rng(seed).standard_normal(network.forward(x).shape)

    def scalar() -> float:
        y = _with_the_same_masks(network).forward(x, training=True)
        return float((dy * y).sum()) if loss is None or target is None else loss.forward(y, target)

    written = _with_the_same_masks(network)
    y = written.forward(x, training=True)
    if loss is not None and target is not None:
        loss.forward(y, target)
        dy = loss.backward()
    dx = written.backward(dy, input_gradient=True)
    assert dx is not None  # it was asked for
    errors = {"x": relative_error(numerical_gradient(scalar, x), dx)}
    for i, (layer, twin) in enumerate(zip(network.layers, written.layers, strict=True)):
        for name, value in layer.params.items():
            error = relative_error(numerical_gradient(scalar, value), twin.grads[name])
            errors[f"layer {i} {name}" if isinstance(model, Sequential) else name] = error
    return errors


def numerical_gradient(scalar: Callable[[], float], array: np.ndarray) -> np.ndarray:
    """Central differences of `scalar()` for each value of `array`.

    Each value is changed in place, and put back.

    array : any shape, float64, read by `scalar`
    Returns an array of the same shape.

    >>> x = np.array([1.0, -2.0])
    >>> numerical_gradient(lambda: float((x**2).sum()), x).round(6)
    array([ 2., -4.])
    """
    gradient = np.zeros_like(array)
    for index in np.ndindex(*array.shape):
        step = _FIRST_STEP
        slope = _central_difference(scalar, array, index, step)
        while step > _SMALLEST_STEP:
            finer = _central_difference(scalar, array, index, step / 4)
            agree = abs(finer - slope) <= _AGREEMENT * max(1.0, float(np.abs(gradient).max()))
            slope, step = finer, step / 4
            if agree:
                break
        gradient[index] = slope
    return gradient


def relative_error(a: np.ndarray, b: np.ndarray) -> float:
    """|a - b| / (|a| + |b|), Euclidean norms: 0 if a = b, also if both are 0, at most 1."""
    scale = float(np.linalg.norm(a) + np.linalg.norm(b))
    return float(np.linalg.norm(a - b)) / scale if scale else 0.0


def _central_difference(scalar: Callable[[], float], array: np.ndarray, index: tuple[int, ...], step: float) -> float:
    middle = array[index]
    array[index] = middle + step
    above = scalar()
    array[index] = middle - step
    below = scalar()
    array[index] = middle
    return (above - below) / (2 * step)


def _with_the_same_masks(network: Sequential) -> Sequential:
    """A copy that shares the parameters, but copies each layer's `rng`: it draws equal masks."""
    twin = copy.copy(network)
    twin.layers = [copy.copy(layer) for layer in network.layers]
    for layer in twin.layers:
        layer.grads = {}
        if hasattr(layer, "rng"):
            layer.rng = copy.deepcopy(layer.rng)
    return twin
