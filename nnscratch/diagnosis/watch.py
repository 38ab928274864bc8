"""A doctor that looks at a training every few epochs, and says when nothing more will come of it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from nnscratch.diagnosis import diagnose

if TYPE_CHECKING:
    from nnscratch.history import History
    from nnscratch.losses import MSELoss
    from nnscratch.optimizers.base import Optimizer

# What more epochs do not cure. The others may pass: a network that has just begun is no better than the mean either.
HOPELESS = {"not_finite", "dead_units", "vanishing_signal", "identical_units", "decay_dominates"}
# One diagnosis may fall into a bad moment, such as the first large steps; a training that recovers is not stopped.
IN_A_ROW = 2


class Consultation:
    """Diagnoses of one training, every few epochs.

    every : epochs between two diagnoses; None: there is none
    x, y : the training rows

    >>> import nnscratch as nn
    >>> x = np.random.default_rng(0).standard_normal((64, 4)).astype(np.float32)
    >>> model = nn.Sequential(nn.Dense(4, 8, bias_init="constant(-50)", rng=0), nn.ReLU(), nn.Dense(8, 1, rng=1))
    >>> trainer = nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.01), diagnose_every=3)
    >>> history = trainer.fit(x, x[:, :1], epochs=100)
    >>> len(history), history.stopped.partition(":")[0]
    (6, 'saturated by bias')
    """

    def __init__(self, every: int | None, x: np.ndarray, y: np.ndarray) -> None:
        self.every = every
        self.x, self.y = x, y
        self._hopeless = 0

    def reason_to_stop(self, optimizer: Optimizer, loss: MSELoss, history: History) -> str | None:
        """The first finding in words, on one line, if this was the second hopeless diagnosis in a row; else None."""
        if self.every is None or len(history) % self.every:
            return None
        # Its x is as the trainer shuffles it: whether neighbouring rows are alike does not matter.
        found = [
            finding
            for finding in diagnose(optimizer.model, self.x, self.y, loss, optimizer, history).findings
            if finding.code not in ("unshuffled", "overfitting")
        ]
        self._hopeless = self._hopeless + 1 if HOPELESS & {finding.code for finding in found} else 0
        if self._hopeless < IN_A_ROW:
            return None
        first = found[0]
        others = [finding.code.replace("_", " ") for finding in found[1:3]]
        also = f" (also: {', '.join(others)})" if others else ""
        return textwrap.shorten(f"{first.code.replace('_', ' ')}: {first.message}{also}", 1000)
