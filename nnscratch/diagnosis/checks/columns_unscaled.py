"""Columns of x or of y whose sizes lie far apart: the largest one drowns the others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.rows import evenly_spaced
from nnscratch.diagnosis.setup import Treatment
from nnscratch.diagnosis.treatments import scale_all, scale_columns, scale_targets

# Largest size of a column over the median one, or over the smallest that counts.
APART = 100.0

# The same for columns of y: the squared error counts the square of it.
APART_TARGETS = 30.0

# Share of an output's variance that a rule explains and the network does not.
LAGS = 0.3

_MOST_ROWS = 2000  # rows that are measured, evenly spaced
_MOST_COLUMNS = 1000  # more are pixels, which share one unit


def check(case: Case) -> Iterator[Finding]:
    if case.x.ndim == 2 and 1 < case.x.shape[1] <= _MOST_COLUMNS and not case.has_learnt_all:
        yield from _found(case.x, "x", APART, "of the first weights, and of the gradient")
    behind = not case.has_learnt_all or _an_output_lags(case)
    if 1 < case.columns.shape[1] <= _MOST_COLUMNS and case.squares_errors and behind:
        yield from _found(case.columns, "y", APART_TARGETS, "of the squared error, and of every step")


def _an_output_lags(case: Case) -> bool:
    """Whether a rule explains far more of one output than the network, which has learnt others."""
    skills, can_be = case.skills, case.learnable.each
    return skills.shape == can_be.shape and bool(np.any(can_be - skills > LAGS))


def _found(values: np.ndarray, name: str, apart: float, of_what: str) -> Iterator[Finding]:
    sizes = column_sizes(values)
    if len(sizes) < 2:
        return
    largest, smallest = int(np.argmax(sizes)), int(np.argmin(sizes))
    ratio = float(sizes[largest] / sizes[smallest])
    if ratio > apart:
        yield Finding(
            "columns_unscaled",
            None,
            {"largest": float(sizes[largest]), "smallest": float(sizes[smallest]), "ratio": ratio},
            f"The columns of {name} are of different sizes: one is about {sizes[largest]:.3g}, another "
            f"{sizes[smallest]:.3g}, {ratio:.3g} times less. The largest gets nearly all {of_what}.",
            f"Scale each column of {name}: (column - its mean) / its standard deviation, of the training rows"
            + (", and scale the answers back." if name == "y" else "."),
            treatments=(
                Treatment(f"each column of {name} scaled", scale_columns if name == "x" else scale_targets),
                Treatment("each column of x and of y scaled", scale_all),
            ),
        )


def column_sizes(values: np.ndarray) -> np.ndarray:
    """The root mean square of each column that is not constant, where it is not 0, over its rows.

    A rare word, 1 in few rows and 0 elsewhere, is of size 1: only what is not 0 counts.

    >>> column_sizes(np.array([[0.0, 3.0, 7.0], [1.0, -3.0, 7.0]]))
    array([1., 3.])
    """
    rows = evenly_spaced(len(values), _MOST_ROWS)
    columns = np.where(np.isfinite(values[rows]), values[rows], 0).astype(np.float64)
    columns = columns[:, np.ptp(columns, axis=0) > 0]
    counted = np.maximum(np.count_nonzero(columns, axis=0), 1)
    return np.sqrt(np.square(columns).sum(axis=0) / counted)
