"""What a check is given, and what it gives back."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nnscratch.diagnosis.signals import Signals
from nnscratch.diagnosis.thresholds import EPOCHS, MANY_EPOCHS, MANY_STEPS, PROGRESS
from nnscratch.layers import Layer
from nnscratch.losses import MSELoss, labelled_mean

if TYPE_CHECKING:
    from nnscratch.history import History
    from nnscratch.optimizers.base import Optimizer


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    code : its name, such as "dead_units"; see `ORDER`
    layer : place in `model.layers`, or None if no single layer is meant
    evidence : the numbers that it rests on
    message, remedy : what is wrong and why; what to change

    >>> Finding("unlabelled", None, {"labels": 0.0}, "No target has a value.", "Look at y.").code
    'unlabelled'
    """

    code: str
    layer: int | None
    evidence: dict[str, float]
    message: str
    remedy: str


@dataclass
class Case:
    """Everything that the checks look at. `trained`: True or False if that is known, else None."""

    layers: list[Layer]
    signals: Signals
    x: np.ndarray
    y: np.ndarray
    loss: MSELoss
    optimizer: Optimizer | None
    history: History | None
    trained: bool | None
    largest_lr: float
    rehearsal: dict[str, float] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        return self.optimizer.steps if self.optimizer is not None else 0

    @property
    def is_stuck(self) -> bool:
        """Whether a training that is no better than the mean has stopped to become better, or had very many steps."""
        if self.history is None or "loss" not in self.history.names:
            return self.steps >= MANY_STEPS
        losses = self.history.columns["loss"]
        enough = self.steps >= MANY_STEPS if self.optimizer is not None else len(losses) >= MANY_EPOCHS
        return enough and len(losses) >= 2 * EPOCHS and not losses[-1] < PROGRESS * losses[len(losses) // 2]

    @property
    def skill(self) -> float:
        """Share of the targets' variance that the answers explain; for other losses, how much worse mixed-up ones are.

        1 is perfect, 0 is the mean of the targets, NaN is unknown.
        """
        p, y = self.signals.prediction.astype(np.float64), self.signals.target.astype(np.float64)
        if self.signals.not_finite or len(y) < 2:
            return math.nan
        if type(self.loss) is MSELoss:
            variance = float(np.nansum(np.square(y - labelled_mean(y))))
            return 1 - float(np.nansum(np.square(y - p))) / variance if variance > 0 else math.nan
        mixed = self.loss.forward(np.roll(self.signals.prediction, len(y) // 2, axis=0), self.signals.target)
        own = self.loss.forward(self.signals.prediction, self.signals.target)
        return 1 - own / mixed if mixed > 0 else math.nan

    @property
    def variance(self) -> float:
        """Mean squared difference between the targets and their mean: the loss of a network that answers with it.

        NaN for other losses than the mean squared error, and without labels.
        """
        y = np.where(np.isfinite(self.y), self.y, np.nan).astype(np.float64)
        if type(self.loss) is not MSELoss or np.isnan(y).all():
            return math.nan
        return float(np.nanmean((y - labelled_mean(y)) ** 2))

    @property
    def is_blank(self) -> bool:
        """Whether the last weights are 0 and ready to move: a start from the mean, on purpose.

        Or were 0, and so few steps or short ones ago that they still are small.
        """
        last = self.signals.layers[-1]
        own = 10 * self.steps * last.update_ratio * last.weight_rms  # what the steps so far can have made of 0
        return last.gradient_rms > 0 and (last.weight_rms == 0 or last.weight_rms < min(own, 1e-4 * last.initial_rms))
