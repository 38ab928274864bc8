"""A small training in float64, with gaps in its labels, that ranks and one process can do alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import nnscratch as nn

RNG = np.random.default_rng(0)
X, Y = RNG.uniform(-1, 1, (37, 6)), RNG.uniform(-1, 1, (37, 3))
Y[RNG.random(Y.shape) < 0.3] = np.nan
Y[3] = np.nan  # a row without a label
VALIDATION = RNG.uniform(-1, 1, (11, 6)), RNG.uniform(-1, 1, (11, 3))
WEIGHTS = RNG.uniform(0, 2, 37)
WEIGHTS[5:9] = 0
FIT = {
    "sample_weight",
    "validation",
    "patience",
    "epochs",
    "callbacks",
    "stop",
    "checkpoint",
    "time_limit",
    "keep_best",
}


class Trained:
    """A small network after a training; `history` and `weights` of it."""

    def __init__(
        self,
        communicator: Any = None,
        *,
        x: np.ndarray = X,
        y: np.ndarray = Y,
        dtype: Any = np.float64,
        optimizer: Callable[[nn.Sequential], Any] = lambda model: nn.SGD(model, lr=0.1, momentum=0.9),
        dropout: float = 0.0,
        weight: float = 0.0,
        **arguments: Any,
    ) -> None:
        rng = np.random.default_rng(1)
        drop = [nn.Dropout(dropout, rng=rng)] if dropout else []
        model = nn.Sequential(nn.Dense(6, 8, rng=rng), nn.ReLU(), *drop, nn.Dense(8, 3, rng=rng)).astype(dtype)
        model.layers[0].params["bias"] += weight
        of_fit = {"epochs": 4, **{name: arguments.pop(name) for name in FIT & arguments.keys()}}
        settings = {"batch_size": 8, **arguments}
        self.trainer = nn.Trainer(model, nn.MSELoss(), optimizer(model), communicator=communicator, **settings)
        if "validation" in of_fit:
            of_fit["validation"] = tuple(array.astype(dtype) for array in of_fit["validation"])
        self.history = self.trainer.fit(x.astype(dtype), y.astype(dtype), **of_fit)
        self.weights = model.copy_parameters()

    def difference(self, other: Trained) -> float:
        """The largest of all weights and losses."""
        losses = zip(self.history.columns["loss"], other.history.columns["loss"], strict=True)
        weights = zip(self.weights, other.weights, strict=True)
        return max(*(float(np.abs(w - v).max()) for w, v in weights), *(abs(a - b) for a, b in losses))


def noisy(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return x + 0.1 * rng.normal(size=x.shape), y


def noisy_rows(
    x: np.ndarray, y: np.ndarray, rng: np.random.Generator, rows: slice = slice(None)
) -> tuple[np.ndarray, np.ndarray]:
    changed = 0.1 * rng.normal(size=x.shape)
    return x[rows] + changed[rows], y[rows]


class After:
    """Asks for the end after so many looks: one before the first step, one after each."""

    def __init__(self, looks: int) -> None:
        self.left = looks

    def is_set(self) -> bool:
        self.left -= 1
        return self.left < 0


# A training that has everything, to be stopped and gone on with.
RESUMED: dict[str, Any] = {
    "dropout": 0.5, "augment": noisy_rows, "average": 0.9, "validation": VALIDATION,
    "lr": nn.schedules.cosine(0.1, 0.0), "metric": nn.Metric("mean", "", lambda y, t: float(np.nanmean(abs(y - t)))),
}  # fmt: skip
