"""Steps that are too long, by the learning rate, a rehearsal of ten steps, or the losses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.rehearsal import FIRST_STEPS, Rehearsal
from nnscratch.diagnosis.setup import Treatment
from nnscratch.diagnosis.thresholds import EXPLODED
from nnscratch.diagnosis.treatments import change_lr, change_momentum, draw
from nnscratch.optimizers import Adam

# lr over the size of a weight. Adam moves each weight by lr: more than half of its size forgets
# what was there.
ADAM_STEP = 0.5

# Loss after ten steps over the loss before them. Momentum overshoots by a factor of ten and comes
# back; a hundred times is a divergence.
LOSS_GREW = 100.0

# First loss over that of always answering 0: from here on, the answers are a hundred times too
# large.
ABSURD_START = EXPLODED**2

# Weights over what Glorot's initializer draws: from here on they are worth a try, too.
LARGE_WEIGHTS = 2.0

# Share of a layer's units that were alive before the first steps and are not behind them.
KILLED = 0.2

# A usual momentum: steps of 0.99 go on for a hundred steps after the gradient has turned.
USUAL_MOMENTUM = 0.9

# Loss over its lowest, and over that of the mean: noise does not triple it, too long steps do.
RISEN = 3.0


@dataclass(frozen=True)
class _Reason:
    what: str
    evidence: dict[str, float] = field(default_factory=dict)


def check(case: Case) -> Iterator[Finding]:
    """One finding, for the first of five reasons that holds, the surest first."""
    reason = _step_as_large_as_weights(case) or _rehearsal_diverged(case) or _rehearsal_killed_units(case)
    if reason is None and not _biases_are_to_blame(case):
        reason = _training_diverged(case) or _loss_rose(case)
    if reason is not None:
        yield Finding(
            "step_too_large",
            None,
            {"lr": case.largest_lr, **reason.evidence},
            f"The steps are too long: {reason.what}. A step that jumps over the loss's valley lands higher up.",
            "Lower the learning rate ten times, and again until the loss of the first steps falls.",
            treatments=_treatments(case),
        )


def _treatments(case: Case) -> tuple[Treatment, ...]:
    if case.largest_lr == 0:
        return ()
    fast = getattr(case.optimizer, "momentum", 0.0) > USUAL_MOMENTUM
    lower = tuple(change_lr(factor, case.largest_lr) for factor in (0.1, 0.01, 0.001))
    began = (case.at_the_start or case).learning_layers
    large = any(layer.weight_rms > LARGE_WEIGHTS * layer.initial_rms for layer in began)
    return (
        *lower,
        *((change_momentum(USUAL_MOMENTUM),) if fast else ()),
        *((draw("glorot_uniform"),) if large else ()),
    )


def _step_as_large_as_weights(case: Case) -> _Reason | None:
    share = max((case.largest_lr / layer.initial_rms for layer in case.learning_layers), default=0.0)
    if not isinstance(case.optimizer, Adam) or share <= ADAM_STEP:
        return None
    return _Reason(f"each step moves a weight by {share:.1f} times its size", {"lr_to_weight": share})


def _fair_rehearsal(case: Case) -> Rehearsal | None:
    """The rehearsal, if the steps are to blame for what went wrong in it.

    They are not if the first answers were a hundred times too large, or if the signal or the
    gradient explodes before the first step: such a network diverges at any rate.
    """
    tried = case.rehearsal
    if tried is None or (case.trained is False and case.is_exploding):
        return None
    return tried if tried.start < ABSURD_START * tried.zero else None


def _rehearsal_diverged(case: Case) -> _Reason | None:
    tried = _fair_rehearsal(case)
    if tried is None or tried.loss <= LOSS_GREW * max(tried.start, tried.zero):
        return None
    what = f"{tried.steps} steps from the start took the loss from {tried.start:.3g} to {tried.loss:.3g}"
    return _Reason(what, tried.evidence)


def _rehearsal_killed_units(case: Case) -> _Reason | None:
    tried, share = _fair_rehearsal(case), case.dead_share
    are_dead = any(layer.never_active >= share for layer in case.signals.layers)
    if tried is None or not are_dead or not (tried.dead >= share and tried.dead - tried.dead_before > KILLED):
        return None
    return _Reason(f"{FIRST_STEPS} steps killed {tried.dead:.0%} of a layer's units", tried.evidence)


def _biases_are_to_blame(case: Case) -> bool:
    """Whether the same steps, tried without the large biases, led nowhere bad."""
    return bool(case.saturated_layers) and case.rehearsal is not None


def _training_diverged(case: Case) -> _Reason | None:
    steps_may_be_to_blame = case.rehearsal is None or _fair_rehearsal(case) is not None
    return _Reason("the training diverged") if has_diverged(case) and steps_may_be_to_blame else None


def has_diverged(case: Case) -> bool:
    """Whether the history says so, or weights or answers are not finite though all rows are."""
    finite = bool(np.isfinite(case.x).all()) and not np.isinf(case.columns).any()
    return case.diverged or (finite and case.steps > 0 and bool(case.signals.not_finite))


def _loss_rose(case: Case) -> _Reason | None:
    """The loss came down and then rose above that of the mean."""
    if not case.losses:
        return None
    lowest, last = min(case.losses), case.losses[-1]
    if not (last > RISEN * lowest and last > RISEN * case.variance):
        return None
    return _Reason(f"the loss rose from {lowest:.3g} to {last:.3g}", {"lowest_loss": lowest, "loss": last})
