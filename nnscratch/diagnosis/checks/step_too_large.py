"""What the optimizer's steps do: too long, or too short."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from nnscratch.diagnosis.case import Case, Finding
from nnscratch.diagnosis.checks.saturated_by_bias import saturated
from nnscratch.diagnosis.checks.signal_strength import backward, forward
from nnscratch.diagnosis.signals import effective_lr
from nnscratch.diagnosis.thresholds import (
    ADAM_STEP,
    DEAD,
    DEAD_AND_STUCK,
    DIVERGED,
    EPOCHS,
    EXPLODED,
    FAR_FROM_MEAN,
    RISEN,
    SLOW_EPOCHS,
    STEP,
)
from nnscratch.history import Outcome
from nnscratch.optimizers import Adam

if TYPE_CHECKING:
    from nnscratch.optimizers.base import Optimizer


def steps(case: Case) -> Iterator[Finding]:
    """One finding at most: what is too long is not too short as well."""
    yield from [*_too_large(case), *_slow(case), *_too_small(case)][:1]


def _too_large(case: Case) -> Iterator[Finding]:
    optimizer, lr, tried = case.optimizer, case.largest_lr, case.rehearsal
    diverged = case.history is not None and case.history.outcome is Outcome.DIVERGED
    if optimizer is None:
        if diverged:
            yield _long({"lr": lr}, "the training diverged")
        else:
            yield from _risen(case)
        return
    relative = lr / min(layer.initial_rms for layer in case.signals.layers)
    zero = tried.get("zero", 0.0)
    scale = max(tried.get("start", math.inf), zero)
    # A network whose first answers are already a hundred times too large diverges at any rate, and so does one whose
    # signal or gradient explodes before the first step.
    sane = scale < EXPLODED**2 * zero and not (case.trained is False and _is_exploding(case))
    border = DEAD_AND_STUCK if case.is_stuck else DEAD
    dead = any(layer.never_active >= border for layer in case.signals.layers)
    if isinstance(optimizer, Adam) and relative > ADAM_STEP:
        yield _long({"lr": lr, "lr_to_weight": relative}, f"each step moves a weight by {relative:.1f} times its size")
    elif sane and tried.get("loss", 0.0) > DIVERGED * scale:
        what = f"ten steps from the start took the loss from {tried['start']:.3g} to {tried['loss']:.3g}"
        yield _long({"lr": lr, **tried}, what)
    elif sane and dead and tried.get("dead", 0.0) >= border > tried.get("dead_before", 0.0):
        yield _long({"lr": lr, **tried}, f"ten steps killed {tried['dead']:.0%} of a layer's units")
    elif saturated(case) and tried:
        return  # the same steps were tried without the biases, and led nowhere bad
    elif diverged and (sane or not tried):
        yield _long({"lr": lr}, "the training diverged")
    else:
        yield from _risen(case)


def _is_exploding(case: Case) -> bool:
    findings = [] if case.signals.not_finite else [*forward(case), *backward(case)]
    return any(finding.code.startswith("exploding") for finding in findings)


def _risen(case: Case) -> Iterator[Finding]:
    """A loss that came down and then rose above that of the mean."""
    losses = _losses(case)
    if losses and losses[-1] > RISEN * min(losses) and losses[-1] > RISEN * case.variance:
        what = f"the loss rose from {min(losses):.3g} to {losses[-1]:.3g}"
        yield _long({"lr": case.largest_lr, "lowest_loss": min(losses), "loss": losses[-1]}, what)


def _long(evidence: dict[str, float], what: str) -> Finding:
    return Finding(
        "step_too_large",
        None,
        evidence,
        f"The steps are too long: {what}. A step that jumps over the loss's valley lands higher up.",
        "Lower the learning rate ten times, and again until the loss of the first steps falls.",
    )


def _too_small(case: Case) -> Iterator[Finding]:
    """Whether a step is so short that a training gets nowhere: judged by the learning rate, not by a flat place."""
    optimizer = case.optimizer
    if optimizer is None or _lr_was_larger(case, optimizer):
        return
    if isinstance(optimizer, Adam):
        share = case.largest_lr / float(np.median([layer.initial_rms for layer in case.signals.layers]))
    else:
        # The last bias has the curvature 2 / outputs under a mean of squares: so much of its error goes in a step.
        share = 2 * long_run_lr(case, optimizer) / max(1, case.y[0].size)
    if share < STEP:
        yield Finding(
            "step_too_small",
            None,
            {"lr": case.largest_lr, "share_per_step": share},
            f"A step goes only {share:.1g} of the way: even {1 / max(share, 1e-9):,.0f} steps in one direction would "
            "hardly change the network.",
            "Raise the learning rate ten times, and again until the loss falls visibly in the first epochs.",
        )


def _lr_was_larger(case: Case, optimizer: Optimizer) -> bool:
    """Whether the biases are further from their start at 0 than the steps at this learning rate can have taken them."""
    moved, reach = 0.0, 0.0
    for signals in case.signals.layers[:-1]:
        layer = case.layers[signals.index]
        if getattr(layer, "bias_init", "") == "constant(0.0)" and "bias" in layer.params:
            moved = max(moved, signals.bias_range)
            reach = max(reach, case.steps * optimizer.lr if isinstance(optimizer, Adam) else 0.0)
    if not isinstance(optimizer, Adam):  # a gradient of 1 is a very large one
        reach = case.steps * effective_lr(optimizer)
    return case.steps > 0 and moved > 2 * reach


def _slow(case: Case) -> Iterator[Finding]:
    """A loss that falls and falls, but at that pace is not even at the mean's after hundreds of epochs."""
    losses, variance = _losses(case), case.variance
    rates = case.history.columns.get("lr", [0.0]) if case.history is not None else [0.0]
    if not losses or not losses[-1] > FAR_FROM_MEAN * variance > 0 or min(rates) < 0.5 * max(rates):
        return
    thirds = [float(np.mean(np.log(part))) for part in np.array_split(losses, 3)]
    pace = (thirds[1] - thirds[2]) / (len(losses) / 3)
    epochs = math.log(losses[-1] / variance) / max(pace, 1e-12)
    if thirds[0] > thirds[1] > thirds[2] and epochs > SLOW_EPOCHS:
        yield Finding(
            "step_too_small",
            None,
            {"lr": case.largest_lr, "fall_per_epoch": pace, "epochs_to_the_mean": epochs},
            f"The loss falls steadily, but by {pace:.1g} of itself an epoch: at that pace it takes {epochs:,.0f} more "
            "epochs until the network is as good as the mean of the targets.",
            "Raise the learning rate ten times, and again until the loss falls visibly in the first epochs.",
        )


def _losses(case: Case) -> list[float]:
    """The training losses, if there are enough of them and all are finite."""
    losses = case.history.columns.get("loss", []) if case.history is not None else []
    return losses if len(losses) >= EPOCHS and np.isfinite(losses).all() else []


def long_run_lr(case: Case, optimizer: Optimizer) -> float:
    """What a gradient that stays the same was multiplied by, at the largest learning rate."""
    if isinstance(optimizer, Adam):
        return case.largest_lr
    return effective_lr(optimizer) * case.largest_lr / max(optimizer.lr, 1e-30)
