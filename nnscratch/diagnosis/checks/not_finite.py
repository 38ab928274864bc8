"""NaN or infinity: in the data, in the network, or in the losses of its training."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.setup import Treatment
from nnscratch.diagnosis.treatments import change_lr, finite_rows

IN_X, IN_Y = "x, the input", "y, the targets"


def check(case: Case) -> Iterator[Finding]:
    place = _place(case)
    if place:
        yield Finding(
            "not_finite",
            None,
            {"steps": float(case.steps)},
            f"NaN or infinity came up first in {place}. Whatever is computed with it is NaN too, and no step "
            "removes it.",
            _remedy(case, place),
            variant="in x or y" if place in (IN_X, IN_Y) else "",
            treatments=_treatments(case, place),
        )


def _remedy(case: Case, place: str) -> str:
    if place in (IN_X, IN_Y):
        return f"Look at how {place[0]} was read: leave such rows out, or put something in their place."
    lower = " with a learning rate ten times lower" if case.largest_lr > 0 else ""
    return f"Make the network anew and train{lower}."


def _treatments(case: Case, place: str) -> tuple[Treatment, ...]:
    if place in (IN_X, IN_Y):
        return (Treatment("the rows that are finite", finite_rows),)
    return tuple(change_lr(factor, case.largest_lr) for factor in (0.1, 0.01)) if case.largest_lr > 0 else ()


def _place(case: Case) -> str:
    """Where NaN or infinity first came up; "" if nowhere."""
    # All rows count: the one with a NaN may not be among those that were measured.
    if not np.isfinite(case.x).all():
        return IN_X
    if case.signals.not_finite:
        return case.signals.not_finite
    if np.isinf(case.y).any():
        return IN_Y
    columns = case.history.columns if case.history is not None else {}
    losses = [value for name in ("loss", "validation_loss") for value in columns.get(name, [])]
    return "the loss during the training" if case.diverged or not np.isfinite(losses).all() else ""
