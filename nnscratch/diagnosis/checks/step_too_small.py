"""Steps that are too short, by the learning rate or by the pace at which the loss falls."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.setup import Treatment
from nnscratch.diagnosis.thresholds import FEWEST_EPOCHS
from nnscratch.diagnosis.treatments import change_lr
from nnscratch.optimizers import Adam

# Share of its way that one step can go. Below 1/50,000 no usual training, of some thousand steps,
# gets anywhere.
STEP = 2e-5

# Loss over that of the mean: from here on, the network is clearly worse than the mean.
FAR_FROM_MEAN = 1.5

# Epochs that such a network still needs, at its last pace, to become as good as the mean.
SLOW_EPOCHS = 300.0

# Smallest over largest learning rate: below it, a schedule is at work, and the pace is its doing.
SCHEDULED = 0.5

# How much more of the targets' variance a rule explains, on rows left out, than the network.
MISSED = 0.2

# Size of a step over that of the weights: 1e-3 is usual, and a tenth of it is slow.
SMALL_UPDATE = 1e-4

# Trainings as long as this one that the loss still needs, at its last pace.
MANY_TRAININGS = 8.0

_REMEDY = "Raise the learning rate ten times, and again until the loss falls visibly in the first epochs."


def check(case: Case) -> Iterator[Finding]:
    """One finding at most: what the loss shows, otherwise what the learning rate says."""
    yield from [*_slow_fall(case), *_small_rate(case), *_slow_for_what_there_is(case)][:1]


def _treatments(case: Case) -> tuple[Treatment, ...]:
    if not case.largest_lr > 0:
        return ()
    return tuple(change_lr(factor, case.largest_lr) for factor in (10, 100, 1000, 10_000))


def _slow_fall(case: Case) -> Iterator[Finding]:
    """The loss falls, but needs hundreds of epochs to become as good as the mean."""
    losses, variance = case.losses, case.variance
    if not case.learning_layers:
        return
    if not losses or not losses[-1] > FAR_FROM_MEAN * variance > 0 or _lr_changes(case):
        return
    thirds = [float(np.mean(np.log(part))) for part in np.array_split(losses, 3)]
    pace = (thirds[1] - thirds[2]) / (len(losses) / 3)
    epochs = math.log(losses[-1] / variance) / max(pace, 1e-12)
    if thirds[0] > thirds[1] > thirds[2] and epochs > SLOW_EPOCHS:
        yield Finding(
            "step_too_small",
            None,
            {"lr": case.largest_lr, "fall_per_epoch": pace, "epochs_to_the_mean": epochs},
            f"The loss falls steadily, but by {pace:.1g} of itself per epoch: at that pace it takes {epochs:,.0f} more "
            "epochs until the network is as good as the mean of the targets.",
            _REMEDY,
            treatments=_treatments(case),
        )


def _slow_for_what_there_is(case: Case) -> Iterator[Finding]:
    """At the pace of the loss, what a plain rule explains takes many trainings more."""
    losses, variance = case.losses, case.variance
    if len(losses) < 2 * FEWEST_EPOCHS or not case.missed > MISSED or _lr_changes(case) or not case.learning_layers:
        return
    ratio = float(np.median([layer.update_ratio for layer in case.learning_layers]))
    goal = (1 - max(case.learnable.best, 0)) * variance
    thirds = [float(np.mean(part)) for part in np.array_split(losses, 3)]
    pace = (thirds[1] - thirds[2]) / (len(losses) / 3)
    left = losses[-1] - goal
    if not (ratio < SMALL_UPDATE and left > 0 and thirds[0] > thirds[1] >= thirds[2]):
        return
    trainings = left / max(pace, 1e-30) / len(losses)
    if trainings > MANY_TRAININGS:
        yield Finding(
            "step_too_small",
            None,
            {"lr": case.largest_lr, "update_to_weight": ratio, "missed": case.missed, "trainings": min(trainings, 1e9)},
            f"A step moves the weights by {ratio:.1g} of their size, and after {len(losses)} epochs a plain rule "
            f"explains {case.missed:.0%} more of the targets' variance than the network. At the pace of the last "
            f"epochs it needs {min(trainings, 1e6):,.0f} times as many.",
            _REMEDY,
            treatments=_treatments(case),
        )


def _lr_changes(case: Case) -> bool:
    rates = case.history.columns.get("lr", [0.0]) if case.history is not None else [0.0]
    return min(rates) < SCHEDULED * max(rates)


def _small_rate(case: Case) -> Iterator[Finding]:
    """The learning rate is so low that no training gets anywhere, on a flat place or not."""
    if case.optimizer is None or not case.learning_layers or _lr_was_larger(case):
        return
    if isinstance(case.optimizer, Adam):
        share = case.largest_lr / float(np.median([layer.initial_rms for layer in case.learning_layers]))
    else:
        # The last bias has the curvature 2 / outputs under a mean of squares: a step takes lr times
        # that off its error.
        share = 2 * case.largest_effective_lr / max(1, case.y[0].size)
    if share < STEP:
        yield Finding(
            "step_too_small",
            None,
            {"lr": case.largest_lr, "share_per_step": share},
            f"A step goes only {share:.1g} of the way: even {1 / max(share, 1e-9):,.0f} steps in one direction would "
            "hardly change the network.",
            _REMEDY,
            treatments=_treatments(case),
        )


def _lr_was_larger(case: Case) -> bool:
    """Whether biases that began as 0 are further away than steps at this rate can take them."""
    if case.optimizer is None or not case.steps:
        return False
    hidden = [layer for layer in case.learning_layers if not layer.is_last]
    from_0 = [signals for signals in hidden if getattr(case.layer(signals), "bias_init", "") == "constant(0.0)"]
    moved = max((signals.bias_range for signals in from_0), default=0.0)
    # Under Adam a step is lr long; otherwise it is lr times the gradient, and a gradient of 1 is a
    # very large one.
    return moved > 2 * case.steps * case.optimizer.effective_lr
