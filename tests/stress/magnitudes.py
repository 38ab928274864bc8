"""How far two ways to add the same numbers may lie apart: a rounding bound for whole networks.

A sum of n products is rounded by at most n * eps * (the sum of their magnitudes), whatever the
order. So beside each array of a network goes its magnitude: the same sums with |x|, |weight|,
|bias| and |dy|, through the same winners and open ReLUs. Rounding of one layer goes on through the
next ones, whose magnitudes contain it; the terms of all layers are added.

Where rounding may turn a decision (a ReLU's sign, a pool's winner), gradients cannot be compared:
`Magnitudes.undecided` says so.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import nnscratch as nn


class Magnitudes(NamedTuple):
    """What each array may differ by is `rounding` times its magnitude."""

    rounding: float
    y: np.ndarray
    dx: np.ndarray
    grads: list[dict[str, np.ndarray]]
    undecided: bool
    largest: float
    order_decides: bool  # a sum has terms of both signs that overflow: it is infinity, -infinity or NaN


def magnitudes(layers: Sequence[nn.Layer], x: np.ndarray, dy: np.ndarray | None, dtype: type) -> Magnitudes:
    """layers : copies in float64, whose dropout draws the masks of the compared networks.

    dy : None stands for ones;  dtype : of the compared networks
    """
    info = np.finfo(dtype)
    terms = 8.0 + sum(_terms(layer) for layer in layers) + float(np.prod(x.shape[:-1]))
    rounding = 4 * terms * float(info.eps)  # 4: Winograd's transformations
    z, size, steps, undecided, largest = x.astype(np.float64), np.abs(x).astype(np.float64), [], False, 0.0
    relu_before = order_decides = False
    for layer in layers:
        y = layer.forward(z, training=True)
        twin = layer
        if layer.params:
            twin = copy.copy(layer)
            twin.params, twin.grads = {name: np.abs(value) for name, value in layer.params.items()}, {}
            size_after = twin.forward(size, training=True)
            order_decides |= bool(((size_after > info.max / 4) & (np.abs(y) < 0.999 * size_after)).any())
        elif isinstance(layer, nn.ReLU | nn.LeakyReLU):
            # Nothing but zeros were added up where the magnitude is as small as that.
            undecided |= bool(((np.abs(z) <= rounding * size) & (size > 1e3 * info.tiny)).any())
            size_after = size
        elif isinstance(layer, nn.MaxPool2D):
            undecided |= _close_winners(layer, z, size * rounding, relu_before)
            size_after = nn.MaxPool2D(layer.pool_size, layer.stride).forward(size)
        elif isinstance(layer, nn.AveragePool2D):
            size_after = nn.AveragePool2D(layer.pool_size, layer.stride).forward(size)
        elif isinstance(layer, nn.Sigmoid | nn.Tanh):
            size_after = 1 + size  # no steeper than 1, and rounded where they are about 1
        elif isinstance(layer, nn.ContrastNormalization):
            size_after = np.abs(y)  # only as the first layer, where both compute the same bits
        else:
            size_after = size.reshape(y.shape) if isinstance(layer, nn.Flatten) else size * layer.mask
        steps.append((layer, twin, size))
        relu_before = isinstance(layer, nn.ReLU)
        z, size = y, size_after + info.tiny
        largest = max(largest, float(size.max(initial=0)))
    y_size, g, grads = size, np.ones(z.shape) if dy is None else np.abs(dy).astype(np.float64), []
    for layer, twin, size_before in reversed(steps):
        if isinstance(layer, nn.ContrastNormalization):
            g = _contrast_magnitude(layer, g)
        elif isinstance(layer, nn.Sigmoid | nn.Tanh):
            g = g * (1 + size_before)  # what is rounded in x moves the slope, which bends by less than 1
        else:
            g = twin.backward(g) + info.tiny
        grads.append({name: grad + info.tiny for name, grad in twin.grads.items()})
        largest = max(largest, float(g.max(initial=0)), *(float(grad.max()) for grad in twin.grads.values()))
    return Magnitudes(rounding, y_size, g, grads[::-1], undecided, largest, order_decides)


def _terms(layer: nn.Layer) -> int:
    if not layer.params:
        return 1
    *window, c_in, c_out = layer.params["weight"].shape
    return int(np.prod(window)) * (c_in + c_out) + 1


def _close_winners(pool: nn.MaxPool2D, z: np.ndarray, error: np.ndarray, relu_before: bool) -> bool:
    """Whether rounding may turn a winner; in a window of zeros behind a ReLU none matters."""
    (s_h, s_w), size = pool.stride, int(np.prod(pool.pool_size))
    if size == 1:
        return False

    def windows(a: np.ndarray) -> np.ndarray:
        return sliding_window_view(a, pool.pool_size, axis=(1, 2))[:, ::s_h, ::s_w].reshape(-1, size)

    values, errors = windows(z), windows(error)
    second, first = np.partition(values, size - 2, axis=1)[:, -2:].T
    close = first - second <= 2 * errors.max(axis=1)
    return bool((close & ~((first == 0) & relu_before)).any())


def _contrast_magnitude(layer: nn.ContrastNormalization, g: np.ndarray) -> np.ndarray:
    x, moments, (spread, floor) = layer.take("x"), layer.take("moments"), layer.take("divisors")
    axes = tuple(range(1, x.ndim))
    mean, std = (moments[:, i].reshape(-1, *[1] * (x.ndim - 1)) for i in range(2))
    s = np.maximum(std, floor)
    z = np.abs(x - mean) / s
    total: np.ndarray = spread / s * (g + g.mean(axes, keepdims=True) + z * (g * z).mean(axes, keepdims=True))
    return total
