"""What the optimizer does: steps that are too long or too short, decay that wins."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from nnscratch.checks.case import Case, Finding
from nnscratch.checks.thresholds import (
    ADAM_STEP,
    DEAD,
    DECAY,
    DECAY_TIME,
    DIVERGED,
    EXPLODED,
    SHRUNK,
    STEP,
)
from nnscratch.optimizers import Adam
from nnscratch.signals import effective_lr

if TYPE_CHECKING:
    from nnscratch.optimizer import Optimizer


def steps(case: Case) -> Iterator[Finding]:
    optimizer = case.optimizer
    if optimizer is None:
        if case.history is not None and case.history.stopped.startswith("diverged"):
            yield _too_large({"lr": case.largest_lr}, "the training diverged")
        return
    lr, tried = case.largest_lr, case.rehearsal
    relative = lr / min(layer.initial_rms for layer in case.signals.layers)
    scale = max(tried.get("start", math.inf), tried.get("zero", math.inf))
    # A network whose first answers are already a hundred times too large diverges at any rate.
    sane = scale < EXPLODED**2 * tried.get("zero", 0.0)
    diverged = case.history is not None and case.history.stopped.startswith("diverged")
    if isinstance(optimizer, Adam) and relative > ADAM_STEP:
        text = f"each step moves a weight by {relative:.1f} times its size"
        yield _too_large({"lr": lr, "lr_to_weight": relative}, text)
    elif sane and tried.get("loss", 0.0) > DIVERGED * scale:
        text = f"ten steps from the start took the loss from {tried['start']:.3g} to {tried['loss']:.3g}"
        yield _too_large({"lr": lr, **tried}, text)
    elif sane and _is_dead(case) and tried.get("dead", 0.0) >= DEAD > tried.get("dead_before", 0.0):
        yield _too_large({"lr": lr, **tried}, f"ten steps killed {tried['dead']:.0%} of a layer's units")
    elif diverged and (sane or not tried):
        yield _too_large({"lr": lr}, "the training diverged")
    else:
        yield from _too_small(case, optimizer)
    yield from _decay(case, optimizer)


def _is_dead(case: Case) -> bool:
    return any(layer.never_active >= DEAD for layer in case.signals.layers)


def _too_large(evidence: dict[str, float], what: str) -> Finding:
    return Finding(
        "step_too_large",
        None,
        evidence,
        f"The steps are too long: {what}. A step that jumps over the loss's valley lands higher up.",
        "Lower the learning rate ten times, and again until the loss of the first steps falls.",
    )


def _too_small(case: Case, optimizer: Optimizer) -> Iterator[Finding]:
    """Whether a step is so short that a training gets nowhere: judged by the learning rate, not by a flat place."""
    scale = case.largest_lr / max(optimizer.lr, 1e-30)
    if isinstance(optimizer, Adam):
        share = case.largest_lr / float(np.median([layer.initial_rms for layer in case.signals.layers]))
    else:
        outputs = max(1, case.y[0].size)
        # The last bias has the curvature 2 / outputs under a mean of squares: so much of its error goes in a step.
        share = 2 * effective_lr(optimizer) * scale / outputs
    if share < STEP:
        yield Finding(
            "step_too_small",
            None,
            {"lr": case.largest_lr, "share_per_step": share},
            f"A step goes only {share:.1g} of the way: even {1 / max(share, 1e-9):,.0f} steps in one direction would "
            "hardly change the network.",
            "Raise the learning rate ten times, and again until the loss falls visibly in the first epochs.",
        )


def _decay(case: Case, optimizer: Optimizer) -> Iterator[Finding]:
    if optimizer.weight_decay == 0 or case.signals.not_finite:
        return
    layers = case.signals.layers
    ratio = float(np.median([layer.decay_ratio for layer in layers]))
    shrunk = float(np.median([layer.weight_rms / layer.initial_rms for layer in layers]))
    lr = (
        case.largest_lr
        if isinstance(optimizer, Adam)
        else effective_lr(optimizer) * case.largest_lr / max(optimizer.lr, 1e-30)
    )
    time = case.steps * lr * optimizer.weight_decay
    pulls = ratio > DECAY and not case.is_blank and (time > DECAY_TIME or not case.trained)
    if pulls or (case.trained and shrunk < SHRUNK and (time > DECAY_TIME or not case.steps)):
        yield Finding(
            "decay_dominates",
            None,
            {"decay_to_data": ratio, "weights_to_glorot": shrunk, "weight_decay": optimizer.weight_decay},
            f"Weight decay pulls {ratio:.3g} times as hard at the weights as the data do (they are {shrunk:.2g} times "
            "a fresh layer's): the cheapest network is one with weights of 0, and that one answers with a constant.",
            "Lower weight_decay ten to a hundred times. Beside a loss averaged over outputs, 1e-5 to 1e-4 is usual.",
        )
