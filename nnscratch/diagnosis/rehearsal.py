"""A rehearsal: ten steps of an optimizer on a copy of the network, to see what its steps do."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnscratch import initializers
from nnscratch.diagnosis.activity import can_die, silent_share
from nnscratch.layers import NotFiniteError
from nnscratch.losses import Loss
from nnscratch.model import Sequential
from nnscratch.optimizers.base import Optimizer

STEPS = 10
_ROWS, _BATCHES = 8, 4  # rows per step, and how many different batches of them


@dataclass(frozen=True)
class Rehearsal:
    """What ten steps did to a copy of a network.

    zero : the loss of always answering 0; NaN if even the first answers were not finite
    start, loss : the loss before and after the steps; infinite if they led there
    dead_before, dead : before and after them, the largest share of units of one ReLU layer that are
        0 for every image; NaN if it did not come to that
    """

    zero: float = math.nan
    start: float = math.inf
    loss: float = math.inf
    dead_before: float = math.nan
    dead: float = math.nan

    @property
    def evidence(self) -> dict[str, float]:
        """The numbers for a finding, without those that were not measured."""
        return {name: value for name, value in vars(self).items() if not math.isnan(value)}


def rehearse(
    model: Sequential,
    x: np.ndarray,
    y: np.ndarray,
    loss: Loss,
    optimizer: Optimizer,
    lr: float,
    *,
    fresh: bool,
    without_bias: Sequence[int] = (),
) -> Rehearsal:
    """Makes ten steps on a copy; the model and its optimizer stay as they are.

    x, y : (N, ...) training rows, x finite
    lr : learning rate of the steps
    fresh : begin with freshly drawn parameters, in place of those that are there
    without_bias : places in `model.layers` where the biases become 0 first
    """
    dtype = next(w.dtype for layer in model.layers for w in layer.params.values())
    model, optimizer, loss = copy.deepcopy((model, optimizer, loss))
    rng = np.random.default_rng(0)
    if fresh:
        optimizer.reset()
        _draw_parameters(model, rng)
    for i in without_bias:
        model.layers[i].params["bias"][:] = 0
    optimizer.lr = lr
    labelled = np.flatnonzero(np.isfinite(y.reshape(len(y), -1)).any(axis=1))
    chosen = rng.permutation(labelled)[: _ROWS * _BATCHES]
    x, y = x[chosen].astype(dtype), y[chosen].astype(dtype)
    measured: dict[str, float] = {}
    with np.errstate(all="ignore"):  # steps that lead to infinity are an answer, too
        try:
            measured["dead_before"], prediction = _dead_and_prediction(model, x)
            measured["zero"] = max(loss.forward(np.zeros_like(prediction), y), 1e-30)
            measured["start"] = loss.forward(prediction, y)
            _steps(model, x, y, loss, optimizer)
            measured["dead"], prediction = _dead_and_prediction(model, x)
            measured["loss"] = loss.forward(prediction, y)
        except NotFiniteError:
            pass
    if not math.isfinite(measured.get("loss", math.inf)):
        measured["loss"] = math.inf
    return Rehearsal(**measured)


def _draw_parameters(model: Sequential, rng: np.random.Generator) -> None:
    for layer in model.layers:
        if layer.frozen:
            continue  # what begins anew keeps it as it is
        for name, values in layer.params.items():
            initializer = getattr(layer, f"{name}_init", None)
            if initializer is not None:
                values[:] = initializers.get(initializer)(values.shape, rng)


def _steps(model: Sequential, x: np.ndarray, y: np.ndarray, loss: Loss, optimizer: Optimizer) -> None:
    for step in range(STEPS):
        first = step % _BATCHES * _ROWS
        rows = slice(first, first + _ROWS)
        if len(x[rows]):
            loss.forward(model.forward(x[rows], training=True), y[rows])
            model.backward(loss.backward())
            optimizer.step()


def _dead_and_prediction(model: Sequential, x: np.ndarray) -> tuple[float, np.ndarray]:
    """The largest share of units of one ReLU layer that are 0 for every image, and the answers."""
    worst = 0.0
    for layer in model.layers:
        x = layer.forward(x)
        if can_die(layer):
            worst = max(worst, silent_share(x))
    return worst, x
