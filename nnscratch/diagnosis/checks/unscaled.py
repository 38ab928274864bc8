"""Inputs or targets of a size that fresh weights were not drawn for."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.checks.constant_input import NO_SPREAD
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.setup import Treatment
from nnscratch.diagnosis.spread import variance_of_labels
from nnscratch.diagnosis.thresholds import SMALL_INPUT
from nnscratch.diagnosis.treatments import centre_targets, scale_all, scale_columns, scale_pixels, scale_targets
from nnscratch.losses import labelled_mean

# Root mean square of x or y. Glorot's and He's variances assume about 1; ten times more is no
# rounding matter.
LARGE = 10.0

# Mean over spread of x. Pixels in 0..1 have a mean of two or three times their spread; from ten
# times on, the mean drowns what differs.
OFF_CENTRE = 10.0

# Mean over spread of y. Points of faces in -1..1 have 5, and are learnt.
FAR_TARGETS = 10.0

# The same, where the loss is flat and nothing was learnt: then this is the likeliest reason.
OFF_CENTRE_TARGETS = 6.0

# How much more of the targets' variance a rule explains than a network that learnt nothing.
MISSED = 0.2

# Spread of y. Face targets in -1..1 spread 0.08; below a fortieth of that, their squares hardly
# give a gradient.
SMALL_TARGETS = 0.002


def check(case: Case) -> Iterator[Finding]:
    if not case.has_learnt:
        yield from _input(case)
        if not case.classes:
            yield from _targets(case)


def _input(case: Case) -> Iterator[Finding]:
    rms, spread = case.signals.x_rms, case.signals.x_spread
    if not np.isfinite([rms, spread]).all():
        return
    mean = math.sqrt(max(0.0, rms**2 - spread**2))
    if len(case.x) > 1 and spread <= NO_SPREAD * rms:
        return  # constant_input says so
    off_centre = mean / max(spread, 1e-30) > OFF_CENTRE and len(case.x) > 1  # one row has no spread
    if rms > LARGE or rms < SMALL_INPUT or off_centre:
        yield Finding(
            "input_unscaled",
            None,
            {"x_rms": rms, "x_spread": spread},
            f"The input has a root mean square of {rms:.3g} and spreads {spread:.3g} between rows; the "
            "first weights were drawn for numbers around 1, so what comes out of them has the wrong size.",
            "Scale x: pixels / 256, or (x - mean) / standard deviation of the training rows.",
            treatments=(
                *((Treatment("x from 0 to 1", scale_pixels),) if case.x.ndim > 2 else ()),
                Treatment("x less its mean, over its standard deviation", scale_columns),
                *((Treatment("x and y less their means, over their spreads", scale_all),) if not case.classes else ()),
            ),
        )


def _targets(case: Case) -> Iterator[Finding]:
    y = case.y
    labels = y[np.isfinite(y)].astype(np.float64)
    if not labels.size:
        return
    rms, spread = math.sqrt(float(np.mean(labels**2))), math.sqrt(variance_of_labels(y))
    yield from _off_centre(case, spread)
    if rms > LARGE or (0 < spread < SMALL_TARGETS):
        yield Finding(
            "targets_unscaled",
            None,
            {"y_rms": rms, "y_spread": spread},
            f"The targets have a root mean square of {rms:.3g} and spread {spread:.3g}, but a fresh "
            "network answers with numbers around 1: the squared error, and with it every step, has the wrong size.",
            "Scale y to about -1..1, as (pixel - 48) / 48, and scale the answers back.",
            treatments=(
                Treatment("y less its mean, over its standard deviation", scale_targets),
                Treatment("x and y less their means, over their spreads", scale_all),
            ),
        )


def _off_centre(case: Case, spread: float) -> Iterator[Finding]:
    """The mean of y lies far from 0 beside its spread; less far counts where nothing was learnt."""
    mean = math.sqrt(float(np.mean(labelled_mean(case.columns) ** 2)))
    ratio = mean / spread if spread > 0 else 0.0
    nothing_learnt = case.has_settled and case.missed > MISSED
    if ratio > FAR_TARGETS or (ratio > OFF_CENTRE_TARGETS and nothing_learnt):
        yield Finding(
            "targets_off_centre",
            None,
            {"y_mean": mean, "y_spread": spread, "ratio": ratio},
            f"The targets lie around {mean:.3g} and spread {spread:.2g}: the first steps go into finding the mean, "
            f"{ratio:.0f} times as far away as the targets are from one another, and make the hidden layers serve it "
            "alone.",
            "Train on y - mean(y), of the training rows, and add the mean to the answers"
            + ("; or let the last bias begin there." if case.trained is False else "."),
            treatments=(
                Treatment("y less its mean", centre_targets),
                Treatment("y less its mean, over its standard deviation", scale_targets),
            ),
        )
