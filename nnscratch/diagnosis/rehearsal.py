"""A rehearsal: ten steps of an optimizer on a copy of the network, to see what its steps do."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import numpy as np

from nnscratch import initializers
from nnscratch.layers import NotFiniteError, ReLU
from nnscratch.losses import MSELoss
from nnscratch.model import Sequential
from nnscratch.optimizers.base import Optimizer

STEPS = 10
_ROWS, _BATCHES = 8, 4  # rows a step, and how many different batches of them


def rehearse(
    model: Sequential,
    x: np.ndarray,
    y: np.ndarray,
    loss: MSELoss,
    optimizer: Optimizer,
    lr: float,
    *,
    fresh: bool,
    without_bias: Sequence[int] = (),
) -> dict[str, float]:
    """What ten steps do to a copy; the model and its optimizer stay as they are.

    x, y : (N, ...) training rows, x finite
    lr : learning rate of the steps
    fresh : begin with freshly drawn weights, in place of those that are there
    without_bias : places in `model.layers` where the biases become 0 first

    Returns
        zero : the loss of always answering 0
        start, loss : before and after the steps; infinite if they led there
        dead_before, dead : the largest share of units of one ReLU layer that are 0 for every image
    """
    dtype = next(w.dtype for layer in model.layers for w in layer.params.values())
    model, optimizer, loss = copy.deepcopy((model, optimizer, loss))
    rng = np.random.default_rng(0)
    if fresh:
        optimizer.reset()
        for layer in model.layers:
            for name in layer.params:
                initializer = getattr(layer, f"{name}_init", None)
                if initializer is not None:
                    layer.params[name][:] = initializers.get(initializer)(layer.params[name].shape, rng)
    for i in without_bias:
        model.layers[i].params["bias"][:] = 0
    optimizer.lr = lr
    labelled = np.flatnonzero(np.isfinite(y.reshape(len(y), -1)).any(axis=1))
    chosen = rng.permutation(labelled)[: _ROWS * _BATCHES]
    x, y = x[chosen].astype(dtype), y[chosen].astype(dtype)
    result = {"loss": math.inf, "zero": max(float(np.nanmean(np.square(y, dtype=np.float64))), 1e-30)}
    try:
        result["dead_before"], prediction = _silent(model, x)
        result["start"] = loss.forward(prediction, y)
        for step in range(STEPS):
            rows = slice(step % _BATCHES * _ROWS, (step % _BATCHES + 1) * _ROWS)
            if len(x[rows]):
                loss.forward(model.forward(x[rows], training=True), y[rows])
                model.backward(loss.backward())
                optimizer.step()
        result["dead"], prediction = _silent(model, x)
        result["loss"] = loss.forward(prediction, y)
    except NotFiniteError:
        pass
    if not math.isfinite(result["loss"]):
        result["loss"] = math.inf
    return result


def _silent(model: Sequential, x: np.ndarray) -> tuple[float, np.ndarray]:
    """The largest share of units of one ReLU layer that are 0 for every image, and the answers."""
    worst = 0.0
    for layer in model.layers:
        x = layer.forward(x)
        if isinstance(layer, ReLU):
            worst = max(worst, float(1 - np.any(x, axis=tuple(range(x.ndim - 1))).mean()))
    return worst, x
