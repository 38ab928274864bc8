"""Inputs or targets of a size that fresh weights were not drawn for."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.spread import variance_of_labels
from nnscratch.diagnosis.thresholds import SMALL_INPUT

# Root mean square of x or y. Glorot's and He's variances assume about 1; ten times more is no
# rounding matter.
LARGE = 10.0

# Mean over spread of x. Pixels in 0..1 have a mean of two or three times their spread; from ten
# times on, the mean drowns what differs.
OFF_CENTRE = 10.0

# Spread of y. Face targets in -1..1 spread 0.08; below a fortieth of that, their squares hardly
# give a gradient.
SMALL_TARGETS = 0.002


def check(case: Case) -> Iterator[Finding]:
    yield from _input(case)
    if case.squares_errors:
        yield from _targets(case.y)


def _input(case: Case) -> Iterator[Finding]:
    rms, spread = case.signals.x_rms, case.signals.x_spread
    if not np.isfinite([rms, spread]).all():
        return
    mean = math.sqrt(max(0.0, rms**2 - spread**2))
    off_centre = mean / max(spread, 1e-30) > OFF_CENTRE and len(case.x) > 1  # one row has no spread
    if rms > LARGE or rms < SMALL_INPUT or off_centre:
        yield Finding(
            "input_unscaled",
            None,
            {"x_rms": rms, "x_spread": spread},
            f"The input has a root mean square of {rms:.3g} and spreads {spread:.3g} between rows; the "
            "first weights were drawn for numbers around 1, so what comes out of them has the wrong size.",
            "Scale x: pixels / 256, or (x - mean) / standard deviation of the training rows.",
        )


def _targets(y: np.ndarray) -> Iterator[Finding]:
    labels = y[np.isfinite(y)].astype(np.float64)
    if not labels.size:
        return
    rms, spread = math.sqrt(float(np.mean(labels**2))), math.sqrt(variance_of_labels(y))
    if rms > LARGE or (0 < spread < SMALL_TARGETS):
        yield Finding(
            "targets_unscaled",
            None,
            {"y_rms": rms, "y_spread": spread},
            f"The targets have a root mean square of {rms:.3g} and spread {spread:.3g}, but a fresh "
            "network answers with numbers around 1: the squared error, and with it every step, has the wrong size.",
            "Scale y to about -1..1, as (pixel - 48) / 48, and scale the answers back.",
        )
