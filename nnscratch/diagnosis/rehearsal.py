"""A rehearsal: some steps of an optimizer on a copy of the network, to see what its steps do."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnscratch.diagnosis.activity import can_die, silent_share
from nnscratch.diagnosis.setup import MANY_MULTIPLY_ADDS, draw_parameters, labels_in_dtype, multiply_adds
from nnscratch.layers import NotFiniteError
from nnscratch.losses import Loss
from nnscratch.model import Sequential
from nnscratch.optimizers.base import Optimizer

# Steps, rows per step (of a small network its own), and how many different batches of them. A
# momentum of 0.99 takes a hundred steps to show where it leads, and a loss that is a sum grows with
# the rows; a large network would take seconds for so many.
FIRST_STEPS = 10  # units that die later die of something else than the length of a step
_SMALL_NETWORK, _LARGE_NETWORK = (80, 4), (10, 8, 4)


@dataclass(frozen=True)
class Rehearsal:
    """What the steps did to a copy of a network.

    steps : how many they were
    zero : the loss of always answering 0; NaN if even the first answers were not finite
    start, loss : the loss before and after the steps; infinite if they led there
    dead_before, dead : before them and after the first ten, the largest share of units of one ReLU
        layer that are 0 for every image; NaN if it did not come to that
    """

    steps: int = 0
    zero: float = math.nan
    start: float = math.inf
    loss: float = math.inf
    dead_before: float = math.nan
    dead: float = math.nan

    @property
    def evidence(self) -> dict[str, float]:
        """The numbers for a finding, without those that were not measured."""
        return {name: float(value) for name, value in vars(self).items() if not math.isnan(value)}


def rehearse(
    model: Sequential,
    x: np.ndarray,
    y: np.ndarray,
    loss: Loss,
    optimizer: Optimizer,
    lr: float,
    *,
    fresh: bool,
    batch_size: int = 32,
    without_bias: Sequence[int] = (),
) -> Rehearsal:
    """Makes ten steps on a copy, or eighty of a small network; the model and its optimizer stay.

    x, y : (N, ...) training rows, x finite
    lr : learning rate of the steps
    batch_size : rows per step of a small network
    fresh : begin with freshly drawn parameters, in place of those that are there
    without_bias : places in `model.layers` where the biases become 0 first
    """
    dtype = next(w.dtype for layer in model.layers for w in layer.params.values())
    model, optimizer, loss = copy.deepcopy((model, optimizer, loss))
    rng = np.random.default_rng(0)
    if fresh:
        optimizer.reset()
        draw_parameters(model.layers, rng, optimizer)
    for i in without_bias:
        model.layers[i].params["bias"][:] = 0
    optimizer.lr = lr
    labelled = np.flatnonzero(np.isfinite(y.reshape(len(y), -1)).any(axis=1))
    many = multiply_adds(model.layers, x.shape[1:]) > MANY_MULTIPLY_ADDS
    steps, size, batches = _LARGE_NETWORK if many else (_SMALL_NETWORK[0], batch_size, _SMALL_NETWORK[1])
    chosen = rng.permutation(labelled)[: size * batches]
    x, y = x[chosen].astype(dtype), labels_in_dtype(y[chosen], dtype)
    measured: dict[str, Any] = {"steps": steps}
    with np.errstate(all="ignore"):  # steps that lead to infinity are an answer, too
        try:
            measured["dead_before"], prediction = _dead_and_prediction(model, x)
            measured["zero"] = max(loss.forward(np.zeros_like(prediction), y), 1e-30)
            measured["start"] = loss.forward(prediction, y)
            for step in range(steps):
                first = step % batches * size
                _step(model, x[first : first + size], y[first : first + size], loss, optimizer)
                if step + 1 == FIRST_STEPS:
                    measured["dead"], prediction = _dead_and_prediction(model, x)
            if steps > FIRST_STEPS:
                prediction = _dead_and_prediction(model, x)[1]
            measured["loss"] = loss.forward(prediction, y)
        except NotFiniteError:
            pass
    if not math.isfinite(measured.get("loss", math.inf)):
        measured["loss"] = math.inf
    return Rehearsal(**measured)


def _step(model: Sequential, x: np.ndarray, y: np.ndarray, loss: Loss, optimizer: Optimizer) -> None:
    if len(x):
        loss.forward(model.forward(x, training=True), y)
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
