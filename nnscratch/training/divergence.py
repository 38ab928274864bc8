"""Divergence: a training whose numbers are NaN or infinite, noticed at once, and where it began."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from nnscratch.checks import NotFiniteError
from nnscratch.kernels.finite import all_finite

if TYPE_CHECKING:
    from nnscratch.model import Sequential


def check_loss(loss: float) -> None:
    """Stops a loss that is not a number.

    Raises
        NotFiniteError : it is NaN or infinite
    """
    if not math.isfinite(loss):
        raise NotFiniteError(f"the loss is {loss}")


def check_bias_gradients(model: Sequential) -> None:
    """Stops a step whose gradient is not finite, before it is taken.

    Only the gradients of one axis are looked at, those of biases, which takes a microsecond; others
    may not be computed yet. A bias's gradient is the sum of dy over all rows and places, so that
    one NaN in dy shows in it.

    Raises
        NotFiniteError : names the layer
    """
    for i, layer in enumerate(model.layers):
        for name in layer.grads:
            w = layer.params.get(name)
            if w is not None and w.ndim == 1 and not all_finite(layer.grads[name]):
                raise NotFiniteError(f"the gradient of {name!r} in layer {i}, {layer!r}, overflowed")


def bad_weight(model: Sequential) -> str | None:
    """The first parameter that is not finite, in words; None if all are."""
    for i, layer in enumerate(model.layers):
        for name, w in layer.params.items():
            if not all_finite(w):
                return f"the step before made {name!r} in layer {i}, {layer!r}, infinite or NaN"
    return None


def origin(model: Sequential, x: np.ndarray, error: NotFiniteError) -> str:
    """Where NaN or infinity came up first, in words: in a weight, in a layer's outputs, or later.

    x : (N, ...) the batch at which `error` was raised

    >>> import nnscratch as nn
    >>> model = nn.Sequential(nn.Dense(1, 1, weight_init="constant(1e30)", rng=0), nn.ReLU())
    >>> origin(model, np.full((1, 1), 1e30, np.float32), NotFiniteError("the loss is inf"))
    "the outputs of layer 0, Dense(1, 1, weight_init='constant(1e+30)'), overflowed"
    """
    if weight := bad_weight(model):
        return weight
    y = x
    for i, layer in enumerate(model.layers):
        y = layer.forward(y)
        if not all_finite(y):
            return f"the outputs of layer {i}, {layer!r}, overflowed"
    return str(error)
