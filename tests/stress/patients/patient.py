"""A patient: a training that somebody could not get to learn, its fault, and the cure that learns.

None is made to fit the doctor: each set was written from what people report, without a look at
`nnscratch/diagnosis`, and its first examination is the score that counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import nnscratch as nn
from nnscratch.losses import Loss
from nnscratch.optimizers.base import Optimizer


@dataclass
class Training:
    """A network, its rows, and what trains it.

    model : the network, fresh
    x, y : (N, ...) and (N, ...) float32 training rows; NaN in y where a label is missing
    loss, optimizer : what trains it
    batch_size : rows per step
    loop : (training, epochs) -> history or None; how its owner trains it, where he does not use
        the Trainer; called again, it goes on
    """

    model: nn.Sequential
    x: np.ndarray
    y: np.ndarray
    loss: Loss
    optimizer: Optimizer
    batch_size: int = 32
    loop: Callable[[Training, int], nn.History | None] | None = None

    def run(self, epochs: int) -> nn.History | None:
        """Trains for so many epochs more, as its owner would."""
        if self.loop is not None:
            return self.loop(self, epochs)
        trainer = nn.Trainer(self.model, self.loss, self.optimizer, batch_size=self.batch_size, seed=0)
        return trainer.fit(self.x, self.y, epochs=epochs, keep_best=False)

    @property
    def r2(self) -> float:
        """Share of the variance of its own training labels that the network explains, 1 at best.

        The mean over outputs (a constant one is left out); -1 at worst, or where answers are not
        finite. For classes: accuracy beyond that of the commonest class.
        """
        if isinstance(self.loss, nn.SoftmaxCrossEntropy):
            return self._skill()
        with np.errstate(all="ignore"):
            try:
                answer = self.model.forward(self.x).reshape(len(self.x), -1)
            except ValueError:
                return -1.0
            y = self.y.reshape(len(self.y), -1).astype(np.float64)
            labelled = np.isfinite(y)
            shares = []
            for column, known in zip(range(y.shape[1]), labelled.T, strict=True):
                target = y[known, column]
                total = float(np.square(target - target.mean()).sum()) if known.any() else 0.0
                if total > 0:
                    shares.append(1 - float(np.square(answer[known, column] - target).sum()) / total)
        mean = float(np.mean(shares)) if shares else math.nan
        return max(mean, -1.0) if math.isfinite(mean) else -1.0

    def _skill(self) -> float:
        """Accuracy beyond that of always answering the commonest class, over what there is."""
        y = self.y if self.y.ndim == 1 else self.y.argmax(axis=1)
        commonest = float(np.bincount(y.astype(int)).max() / len(y))
        with np.errstate(all="ignore"):
            try:
                right = float((self.model.forward(self.x).argmax(axis=1) == y).mean())
            except ValueError:
                return -1.0
        return max((right - commonest) / (1 - commonest), -1.0) if commonest < 1 else -1.0


@dataclass(frozen=True)
class Patient:
    """A fault, proved by its cure: the same training with one thing taken back learns.

    name : of the fault and the network, such as "relu behind the output, house prices"
    report : what its owner says, in a sentence
    causes : the codes that name the cause; the first is the best
    make : (seed, cured) -> Training
    epochs : after which its owner asks
    """

    name: str
    report: str
    causes: tuple[str, ...]
    make: Callable[[int, bool], Training]
    epochs: int = 60


@dataclass(frozen=True)
class Healthy:
    """A training with nothing wrong: no finding at any moment.

    make : (seed) -> Training; epochs : until it is trained
    """

    name: str
    make: Callable[[int], Training]
    epochs: int = 60
