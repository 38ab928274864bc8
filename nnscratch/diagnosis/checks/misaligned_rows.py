"""Rows of x and y that do not belong together: shifted, or in another order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.treatments import shift_rows

# Share of the targets' variance explained on rows left out, by the better rule: faces from pixels
# give 0.2 to 0.5, points of other pictures nothing.
NOTHING = 0.05

# The same beside a network that explains something of its own rows, less than BY_HEART.
NOTHING_AT_ALL = 0.0
BY_HEART = 0.5

# How much more the rules explain if y is moved by a few rows.
BY_SHIFT = 0.3
_SHIFTS = (-1, 1, -2, 2, -3, 3)

# Rows at least: with fewer, a weak rule cannot be told from chance.
_FEWEST_ROWS = 80


def check(case: Case) -> Iterator[Finding]:
    if case.rules is None or not np.isfinite(case.learnable.best) or case.learnable.best > 1 - BY_SHIFT:
        return
    shift, explained = _best_shift(case)
    if explained > max(case.learnable.best, 0) + BY_SHIFT:
        yield Finding(
            "misaligned_rows",
            None,
            {"rows": float(shift), "explained": case.learnable.best, "explained_if_moved": explained},
            f"x says little about the y of its row ({max(case.learnable.best, 0):.0%} explained on rows left out), but "
            f"much about the y {abs(shift)} row{'s' if abs(shift) > 1 else ''} {'before' if shift > 0 else 'behind'} "
            f"it ({explained:.0%}): one of them was moved.",
            f"Look at some rows of x beside their y; y = np.roll(y, {shift}, axis=0) puts them together again.",
            treatments=(shift_rows(shift),),
        )
    elif _learns_nothing(case) and _enough(case):
        yield Finding(
            "misaligned_rows",
            None,
            {"explained_variance": case.skill, "explained_by_rules": case.learnable.best},
            f"The network explains {max(case.skill, 0.0):.1%} of what differs between the targets of its own rows, and "
            f"two plain rules from x to y {max(case.learnable.best, 0.0):.1%} on rows left out: x seems to say nothing "
            "about y.",
            "Look at some rows of x beside their y: were both shuffled, sorted or selected alike?",
        )


def _learns_nothing(case: Case) -> bool:
    """Neither network nor rules explain anything, or the network only a little, by heart."""
    if not case.trained:
        return False
    nothing = not case.has_learnt and case.learnable.best < NOTHING
    by_heart = case.has_settled and case.skill < BY_HEART and case.learnable.best < NOTHING_AT_ALL
    return nothing or by_heart


def _enough(case: Case) -> bool:
    assert case.rules is not None
    labelled = np.isfinite(case.columns[case.rules.rows]).any(axis=1)
    return int(np.count_nonzero(labelled)) >= _FEWEST_ROWS


def _best_shift(case: Case) -> tuple[int, float]:
    assert case.rules is not None
    explained = {by: case.rules.learnable(np.roll(case.columns, by, axis=0)).best for by in _SHIFTS}
    best = max(explained, key=lambda by: explained[by])
    return best, explained[best]
