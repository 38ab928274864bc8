"""NaN or infinity: in the data, in the network, or in the losses of its training."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding


def check(case: Case) -> Iterator[Finding]:
    place = _place(case)
    if place:
        yield Finding(
            "not_finite",
            None,
            {"steps": float(case.steps)},
            f"NaN or infinity came up first in {place}. Whatever is computed with it is NaN too, and no step "
            "removes it.",
            "If x and y are finite, make the network anew and train with a learning rate ten times lower.",
        )


def _place(case: Case) -> str:
    """Where NaN or infinity first came up; "" if nowhere."""
    # All rows count: the one with a NaN may not be among those that were measured.
    if not np.isfinite(case.x).all():
        return "x, the input"
    if case.signals.not_finite:
        return case.signals.not_finite
    if np.isinf(case.y).any():
        return "y, the targets"
    columns = case.history.columns if case.history is not None else {}
    losses = [value for name in ("loss", "validation_loss") for value in columns.get(name, [])]
    return "the loss during the training" if case.diverged or not np.isfinite(losses).all() else ""
