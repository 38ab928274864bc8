"""One of several outputs that is not learnt beside others that are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.checks.columns_unscaled import column_sizes
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.setup import Treatment
from nnscratch.diagnosis.thresholds import FEWEST_EPOCHS
from nnscratch.diagnosis.treatments import change_lr, scale_targets, take_mse

# Share of its variance that the network explains of an output, at most, and of the best one, at
# least.
NOT_LEARNT, LEARNT = 0.1, 0.5

# The best output, where another seems to have nothing to do with x.
WELL_LEARNT = 0.8

# Size of the largest column of y over the smallest: from here on they do not pull alike.
APART = 3.0

# What a rule explains of the output that is not learnt: it can be.
CAN_BE = 0.25

# What a rule explains of an output that x says nothing about, on rows left out.
NOTHING = 0.03


def check(case: Case) -> Iterator[Finding]:
    skills, can_be = case.skills, case.learnable.each
    if len(skills) < 2 or skills.shape != can_be.shape or case.signals.not_finite:
        return
    behind = np.flatnonzero((skills < NOT_LEARNT) & (can_be > CAN_BE))
    if not len(behind):
        if len(case.losses) >= 2 * FEWEST_EPOCHS:
            yield from _unrelated(skills, can_be)
    elif np.nanmax(skills) > LEARNT and _is_no_plateau(case) and (case.has_settled or _stands_still(case)):
        worst = behind[np.argmin(skills[behind] - can_be[behind])]
        yield Finding(
            "output_not_learnt",
            None,
            {"output": float(worst), "explained": float(skills[worst]), "explained_by_a_rule": float(can_be[worst])},
            f"Output {worst} is not learnt ({max(skills[worst], 0):.0%} of its variance explained), though a plain "
            f"rule explains {can_be[worst]:.0%} of it on rows left out; the best output is at {np.nanmax(skills):.0%}.",
            "Scale each column of y to a spread of 1, so that each pulls alike, and look at this column's labels.",
            treatments=(
                *(() if case.squares_errors else (Treatment("MSELoss() in place of the loss", take_mse),)),
                Treatment("each column of y scaled", scale_targets),
                change_lr(10, case.largest_lr),
            ),
        )


def _is_no_plateau(case: Case) -> bool:
    """Whether something keeps the outputs apart: a loss of one's own, their sizes, or many steps.

    Otherwise a harder output is often learnt later, behind a plateau.
    """
    sizes = column_sizes(case.columns)
    apart = len(sizes) > 1 and sizes.max() > APART * sizes.min()
    return case.is_stuck or not case.squares_errors or bool(apart)


def _stands_still(case: Case) -> bool:
    """Whether an output explains nothing after ten epochs, while another is nearly done."""
    return len(case.losses) >= 2 * FEWEST_EPOCHS and bool(
        len(case.outputs_behind) and case.skills[case.outputs_behind].min() < 0 and np.nanmax(case.skills) > WELL_LEARNT
    )


def _unrelated(skills: np.ndarray, can_be: np.ndarray) -> Iterator[Finding]:
    """No rule finds anything of one output in x, and much of another."""
    behind = np.flatnonzero((skills < LEARNT) & (can_be < NOTHING))
    if len(behind) and np.nanmax(skills) > WELL_LEARNT and np.nanmax(can_be) > LEARNT:
        worst = behind[np.argmin(can_be[behind])]
        yield Finding(
            "output_not_learnt",
            None,
            {"output": float(worst), "explained": float(skills[worst]), "explained_by_a_rule": float(can_be[worst])},
            f"x seems to say nothing about output {worst}: neither the network ({max(skills[worst], 0):.0%}) nor a "
            f"plain rule ({max(can_be[worst], 0):.0%} on rows left out) explains it; the best output is at "
            f"{np.nanmax(skills):.0%}.",
            "Look at this column's labels beside x: are they of the same rows, and is it what it is called?",
        )
