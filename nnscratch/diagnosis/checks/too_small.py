"""A network that lets too little through: a bottleneck, or maps pooled to a single value."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.setup import Treatment
from nnscratch.diagnosis.spread import variance_of_labels
from nnscratch.diagnosis.thresholds import FEWEST_EPOCHS
from nnscratch.diagnosis.treatments import pool_less, widen
from nnscratch.layers import AveragePool2D, Conv2D, Dense, MaxPool2D

# How much more of the targets' variance a rule explains, on rows left out, than the network does of
# its own rows.
MISSED = 0.15

# Units of the narrowest hidden layer: with more, the number of units is seldom what is missing.
FEW_UNITS = 8

# The same for a network whose loss still falls, after so many epochs.
VERY_FEW_UNITS = 2
MANY_EPOCHS = 20

# What an autoencoder explains of its input, from which on its bottleneck does what it is for.
COMPRESSED = 0.5

# Components of y that hold this share of what a rule explains of it.
MOST = 0.9

# Pixels per place of the last maps.
POOLED = 16

# How much more of the targets' variance a twin with more units or smaller windows must explain,
# after the same steps, to accuse a network whose loss still falls.
BY_TRIAL = 0.3

_SMALL_WINDOWS = Treatment("windows of 2 x 2", pool_less)


def check(case: Case) -> Iterator[Finding]:
    if case.signals.not_finite or not (case.has_settled or len(case.losses) >= 2 * FEWEST_EPOCHS):
        return
    pooled = list(_pooled_away(case)) if case.missed > MISSED else []
    if pooled and (case.has_settled or case.brought_by(_SMALL_WINDOWS) > BY_TRIAL):
        yield from pooled
    else:
        yield from _too_small(case)


def _too_small(case: Case) -> Iterator[Finding]:
    hidden = [signals for signals in case.signals.layers[:-1] if isinstance(case.layer(signals), Dense)]
    if not hidden:
        return
    narrowest = min(hidden, key=lambda signals: case.layer(signals).params["weight"].shape[-1])
    units = int(case.layer(narrowest).params["weight"].shape[-1])
    needed = components(case.columns)
    enough = units > FEW_UNITS and units >= needed
    if enough or (case.skill > COMPRESSED and copies_its_input(case)):
        return
    wide = widen(max(32, 4 * units))
    if case.has_settled:
        more = case.missed if case.missed > MISSED else case.brought_by(wide)
    else:
        early = len(case.losses) < MANY_EPOCHS or units > VERY_FEW_UNITS
        more = math.nan if early or not case.missed > BY_TRIAL else case.brought_by(wide)
    if more > (MISSED if case.has_settled else BY_TRIAL):
        by = "a plain rule" if more == case.missed else f"a twin with {wide.words}, tried for some hundred steps,"
        yield Finding(
            "too_small",
            narrowest.index,
            {"units": float(units), "components_of_y": float(needed), "more": more},
            f"All that the network knows about a row passes through the {units} unit{'s' if units > 1 else ''} of "
            f"{narrowest.name}, and {by} explains {more:.0%} more of the targets' variance, on "
            "rows that it did not see.",
            f"Give the hidden layers more units, such as {max(32, 4 * units)}.",
            treatments=(wide, widen(max(128, 8 * units))),
        )


def copies_its_input(case: Case) -> bool:
    """Whether y is nearly x: an autoencoder, whose bottleneck is there to leave things out."""
    if case.x.shape != case.y.shape:
        return False
    variance = variance_of_labels(case.y)
    return bool(np.nanmean(np.square(case.x.astype(np.float64) - case.y)) < variance / 2)


def components(y: np.ndarray) -> int:
    """How many directions hold nine tenths of the variance of y, each column scaled."""
    y = y[np.isfinite(y).all(axis=1)]
    y = y[:, y.std(axis=0) > 0] if len(y) else y
    if y.size == 0:
        return 0
    scaled = (y - y.mean(axis=0)) / y.std(axis=0)
    shares = np.linalg.eigvalsh(np.cov(scaled.T).reshape(scaled.shape[1], -1))[::-1]
    return int(np.searchsorted(np.cumsum(shares) / shares.sum(), MOST) + 1)


def _pooled_away(case: Case) -> Iterator[Finding]:
    """The maps became single numbers, or strides skip pixels, and what was where is lost."""
    if case.x.ndim != 4:
        return
    shape: tuple[int, ...] = case.x.shape[1:]
    for i, layer in enumerate(case.model.layers):
        before = shape
        try:
            shape = layer.output_shape(shape)
        except NotImplementedError:
            return
        if len(shape) != 3:
            return
        shrinks = before[0] * before[1] >= POOLED * shape[0] * shape[1]
        skips = isinstance(layer, Conv2D) and max(layer.stride) > max(layer.kernel_size)
        single = shape[0] * shape[1] == 1 and isinstance(layer, MaxPool2D | AveragePool2D) and before[0] * before[1] > 1
        if single or skips or (shrinks and isinstance(layer, MaxPool2D | AveragePool2D | Conv2D)):
            yield Finding(
                "pooled_away",
                i,
                {"places_before": float(before[0] * before[1]), "places": float(shape[0] * shape[1])},
                f"{layer!r} makes of {before[0]} x {before[1]} places {shape[0]} x {shape[1]}"
                + (" and skips pixels" if skips else "")
                + f": where something was is lost. A plain rule explains {case.missed:.0%} more of the targets' "
                "variance.",
                "Pool 2 x 2 at a time, end with maps of several places, and flatten them.",
                treatments=(_SMALL_WINDOWS,),
            )
            return
