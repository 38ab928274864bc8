"""What a network answers, beside what could be answered: how much it explains of its targets."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nnscratch.diagnosis.explained import loss_beside_guess, shares_left
from nnscratch.diagnosis.learnable import Learnable, Rules
from nnscratch.diagnosis.rows import evenly_spaced
from nnscratch.diagnosis.setup import MANY_MULTIPLY_ADDS, labels_in_dtype, multiply_adds
from nnscratch.diagnosis.signals import Signals
from nnscratch.diagnosis.spread import variance_of_labels
from nnscratch.layers import NotFiniteError
from nnscratch.losses import Loss, MSELoss, SoftmaxCrossEntropy, labelled_mean
from nnscratch.model import Sequential

# Share of the targets' variance explained: from a fifth on, the network has learnt something.
LEARNT = 0.2

# Less of it is nothing: an output that explains no more has not begun to learn.
NOTHING = 0.05

# What a rule explains of an output, from which on the network should explain something of it too.
CAN_BE_LEARNT = 0.5

# Rows that a small network is judged by: few of them may hold what there is to know.
MOST_JUDGED = 1000


@dataclass(frozen=True)
class Answers:
    """A network, its rows, and what it makes of them.

    model : the network
    signals : what `measure` found in it
    x, y : (N, ...) all training rows, in the order in which they are trained on; y is NaN where a
        label is missing
    loss : what trains it
    """

    model: Sequential
    signals: Signals
    x: np.ndarray
    y: np.ndarray
    loss: Loss

    @property
    def squares_errors(self) -> bool:
        """Whether the loss is the mean squared error: then the mean is the best constant answer."""
        return type(self.loss) is MSELoss

    @cached_property
    def variance(self) -> float:
        """The loss of answering with the mean of the targets; NaN for other losses or no labels."""
        return variance_of_labels(self.y) if self.squares_errors else math.nan

    @cached_property
    def is_large(self) -> bool:
        """Whether a pass of many rows would take longer than a diagnosis may."""
        return multiply_adds(self.model.layers, self.x.shape[1:]) > MANY_MULTIPLY_ADDS

    @cached_property
    def judged(self) -> tuple[np.ndarray, np.ndarray]:
        """Answers and targets of the rows that the network is judged by.

        Up to 1000 evenly spaced rows of a small network, and those of the signals of a large one.
        """
        if self.is_large or self.signals.not_finite or len(self.x) <= len(self.signals.target):
            return self.signals.prediction, self.signals.target
        rows = evenly_spaced(len(self.x), MOST_JUDGED)
        dtype = self.signals.prediction.dtype
        try:
            answers = copy.deepcopy(self.model).predict(self.x[rows].astype(dtype))
        except NotFiniteError:  # in a row that was not measured
            return self.signals.prediction, self.signals.target
        return answers, labels_in_dtype(self.y[rows], dtype)

    @cached_property
    def skill(self) -> float:
        """Share of the targets' variance that the answers explain.

        1 is perfect, 0 is as good as the mean of the targets, NaN is unknown. For classes, how
        frequent each is takes the place of the mean; for other losses, answers to other rows do.
        """
        prediction, target = self.judged
        if self.signals.not_finite or len(target) < 2:
            return math.nan
        if self.squares_errors:
            variance = variance_of_labels(target)
            if not variance > 0:
                return math.nan
            return 1 - float(np.nanmean(np.square(target.astype(np.float64) - prediction))) / variance
        return 1 - loss_beside_guess(self.loss, prediction, target)

    @cached_property
    def skills(self) -> np.ndarray:
        """(outputs,) the share of each output's variance that the answers explain; -1 at worst.

        NaN where it is unknown: classes, an output that is constant, or an answer of another shape.
        """
        prediction, target = self.judged
        size = target[0].size if len(target) else 0
        if self.signals.not_finite or len(target) < 2 or self.classes or prediction.size != target.size:
            return np.full(size, math.nan)
        left = shares_left(prediction, target)
        return np.where(np.isfinite(left), np.maximum(1 - left, -1), math.nan)

    @property
    def explained(self) -> float:
        """`skill`, or the mean of `skills` if that is less; NaN if neither is known."""
        known = self.skills[np.isfinite(self.skills)]
        return float(np.fmin(self.skill, known.mean() if known.size else math.nan))

    @cached_property
    def outputs_behind(self) -> np.ndarray:
        """Places of the outputs of which a rule explains half or more, and the network nothing."""
        if self.skills.shape != self.learnable.each.shape:
            return np.empty(0, int)
        return np.flatnonzero((self.skills < NOTHING) & (self.learnable.each > CAN_BE_LEARNT))

    @property
    def has_learnt(self) -> bool:
        """Whether the answers explain something of what differs between the targets."""
        return self.skill >= LEARNT

    @cached_property
    def has_learnt_all(self) -> bool:
        """Whether it has learnt, and so has each output that a rule can learn."""
        skills, can_be = self.skills, self.learnable.each
        if not self.has_learnt or skills.shape != can_be.shape:
            return self.has_learnt
        return not np.any((skills < LEARNT) & (can_be > CAN_BE_LEARNT))

    def share_outside(self, low: float, high: float) -> float:
        """Share of the targets' variance that no answer from low to high explains."""
        if self.classes:
            return 0.0
        y = self.columns
        missed = y - np.clip(y, low, high)
        total = float(np.nansum(np.square(y - labelled_mean(y))))
        return min(1.0, float(np.nansum(np.square(missed))) / total) if total > 0 else 0.0

    # The data

    @property
    def classes(self) -> bool:
        """Whether the targets are classes: their numbers (N,), or a share of each (N, C)."""
        return isinstance(self.loss, SoftmaxCrossEntropy)

    @cached_property
    def columns(self) -> np.ndarray:
        """(N, outputs) float64 targets; a class becomes a column of 0 and 1. NaN where missing."""
        if not (self.classes and self.y.ndim == 1):
            y = self.y.reshape(len(self.y), -1).astype(np.float64)
            return np.where(np.isfinite(y), y, math.nan)
        return (self.y[:, np.newaxis] == np.unique(self.y)).astype(np.float64)

    @cached_property
    def rules(self) -> Rules | None:
        """The rules from x to y that a network is measured by; None if x is not finite."""
        return Rules(self.x) if np.isfinite(self.x).all() else None

    @cached_property
    def learnable(self) -> Learnable:
        """What these rules explain of the targets."""
        if self.rules is None:
            unknown = np.full(self.columns.shape[1], math.nan)
            return Learnable(unknown, unknown)
        return self.rules.learnable(self.columns)

    @cached_property
    def missed(self) -> float:
        """How much more of the targets' variance a rule explains than the network; NaN if unknown.

        It is the mean over outputs: below 0 where the network is better than the rules.
        """
        if self.classes:
            return self.learnable.best - self.skill
        if self.skills.shape != self.learnable.each.shape:
            return math.nan
        known = np.isfinite(self.skills) & np.isfinite(self.learnable.each)
        if not known.any():
            return math.nan
        return float((np.maximum(self.learnable.each, -1) - self.skills)[known].mean())
