"""Targets that are not what they seem: stand-ins for missing labels, or nearly always the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.thresholds import FEWEST_EPOCHS
from nnscratch.diagnosis.treatments import rare_rows_more_often, without_values

# Share of a column's rows that hold the very same number, below or above all others.
STAND_IN = 0.05

# The same for a usual stand-in that lies very far away.
RARE_STAND_IN = 0.005
FAR_GAP = 4.0

# Distance of that number from the nearest other one, over the spread of the others.
GAP = 2.0

# The same for the numbers that people take for "missing".
USUAL_GAP = 0.75
_USUAL = {-1.0, 0.0, -9.0, -99.0, 99.0, -999.0, 999.0, -9999.0, 9999.0}

# Other values that a column must have: fewer are classes or counts.
_FEWEST_OTHERS = 10

_FEWEST_ROWS = 3  # that hold the number

# Share of the rows with the most frequent target.
NEARLY_ALL = 0.9

# The same, where the loss still falls.
ALL_BUT_FEW = 0.97

# How much more of the other labels' variance a rule explains once a stand-in is left out.
BY_LEAVING_OUT = 0.15

# Columns of classes, one of them 1 in each row; more are a map with a single place.
MOST_CLASSES = 30

# Share of the targets' variance explained, from which on the rare rows are learnt too.
WELL_LEARNT = 0.5


def check(case: Case) -> Iterator[Finding]:
    if not case.classes:
        yield from _placeholders(case)
    yield from _sparse(case)


@dataclass(frozen=True)
class StandIn:
    """A number that seems to stand for a missing label. column; value; share of its rows, 0..1."""

    column: int
    value: float
    share: float


def stand_ins(y: np.ndarray) -> list[StandIn]:
    """Numbers far below or above all others of their column that many rows hold.

    y : (N, columns) float64, NaN where missing

    >>> y = np.random.default_rng(0).uniform(20, 70, (100, 2))
    >>> y[:30, 1] = -1
    >>> stand_ins(y)
    [StandIn(column=1, value=-1.0, share=0.3)]
    """
    found = []
    for column, values in enumerate(y.T):
        values = values[np.isfinite(values)]
        for end in (values.min(), values.max()) if values.size else ():
            others = values[values != end]
            share = (len(values) - len(others)) / len(values)
            few = len(np.unique(others)) < _FEWEST_OTHERS or len(values) - len(others) < _FEWEST_ROWS
            if few or not RARE_STAND_IN <= share < NEARLY_ALL:
                continue
            gap = float(np.abs(others - end).min() / max(others.std(), 1e-30))
            usual = float(end) in _USUAL
            if gap > (USUAL_GAP if usual else GAP) and (share >= STAND_IN or (usual and gap > FAR_GAP)):
                found.append(StandIn(column, float(end), share))
    return found


def _placeholders(case: Case) -> Iterator[Finding]:
    found = stand_ins(case.columns) or _among_few(case)
    if found:
        worst = max(found, key=lambda each: each.share)
        values = sorted({each.value for each in found})
        named = " and ".join(f"{value:g}" for value in values[:3])
        yield Finding(
            "placeholder_labels",
            None,
            {"columns": float(len(found)), "share": worst.share, "value": worst.value},
            f"In {len(found)} of {case.columns.shape[1]} columns of y many rows hold {named}, far from all "
            f"other values (column {worst.column}: {worst.share:.0%} of the rows). That seems to stand for a missing "
            "label, and the network learns it as a number.",
            f"Put NaN there, which MSELoss leaves out: y[y == {worst.value:g}] = np.nan.",
            treatments=(without_values(values),),
        )


def _among_few(case: Case) -> list[StandIn]:
    """Usual stand-ins beside labels of few values, such as 0 and 1.

    They may be labels themselves: they are not if a rule explains the others far better alone.
    """
    if case.rules is None or not case.trained or case.skill > WELL_LEARNT:
        return []
    found = []
    for column, values in enumerate(case.columns.T):
        known = values[np.isfinite(values)]
        for end in {float(known.min()), float(known.max())} & _USUAL if known.size else ():
            share = float((known == end).mean())
            if STAND_IN <= share < NEARLY_ALL and 2 <= len(np.unique(known)) - 1 < _FEWEST_OTHERS:
                found.append(StandIn(column, end, share))
    if not found:
        return []
    alone = case.columns.copy()
    for each in found:
        alone[alone[:, each.column] == each.value, each.column] = np.nan
    gained = case.rules.learnable(alone).best - max(case.learnable.best, 0)
    return found if gained > BY_LEAVING_OUT else []


def _sparse(case: Case) -> Iterator[Finding]:
    """Nearly every row has the same target, and nothing is learnt of the others."""
    y = case.columns
    whole = y[np.isfinite(y).all(axis=1)]
    had_time = case.has_settled or len(case.losses) >= 2 * FEWEST_EPOCHS
    if not had_time or len(whole) < 2 or not case.skill < WELL_LEARNT:
        return
    rows, counts = np.unique(whole, axis=0, return_counts=True)
    share, common = float(counts.max() / len(whole)), rows[counts.argmax()]
    several = whole.shape[1] > 1 and (whole.shape[1] > MOST_CLASSES or not _one_of_each(whole))
    same = float((whole == np.median(whole, axis=0)).mean()) if several else share
    if max(share, same) < (NEARLY_ALL if case.has_settled else ALL_BUT_FEW) or share == 1:
        return
    is_common = (y == common).all(axis=1)
    yield Finding(
        "sparse_targets",
        None,
        {"share": max(share, same), "explained_variance": case.skill},
        f"{max(share, same):.0%} of the targets are the same number. To answer it always is almost right, and the "
        f"few others hardly pull: the network explains {max(case.skill, 0.0):.1%} of what differs.",
        "Show the rare rows more often or with a larger sample_weight, and judge by them: a mean over all rows "
        "hides them.",
        treatments=(rare_rows_more_often(is_common),) if 0 < is_common.sum() < len(y) else (),
    )


def _one_of_each(y: np.ndarray) -> bool:
    """Whether each row has a single number other than 0: the columns are classes."""
    return bool((np.count_nonzero(y, axis=1) == 1).all())
