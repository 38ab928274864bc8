"""Rows of x that are all, or nearly all, the same: there is nothing to tell them apart by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.rows import evenly_spaced
from nnscratch.diagnosis.spread import variance_of_labels

# Share of the rows that are equal to another one, number by number.
SAME = 0.9

# Spread between rows over the size of x: rounding of float32 makes 1e-7.
NO_SPREAD = 1e-6

_ROWS = 256  # rows that are compared, evenly spaced


def check(case: Case) -> Iterator[Finding]:
    share = share_of_equal_rows(case.x)
    spread, size = case.signals.x_spread, case.signals.x_rms
    none = len(case.x) > 1 and np.isfinite(size) and spread <= NO_SPREAD * size
    differs = len(case.x) > 1 and variance_of_labels(case.columns) > 0
    if not differs or not (none or share > SAME):
        return
    what = "all 0" if size == 0 else "the same" if none or share == 1 else f"the same in {share:.0%} of them"
    yield Finding(
        "constant_input",
        None,
        {"x_spread": spread, "x_rms": size, "equal_rows": share},
        f"The rows of x are {what}, but their targets differ: the network has nothing to tell them apart by.",
        "Look at how x was read: empty pictures, a division of integers, the same file again and again.",
    )


def share_of_equal_rows(x: np.ndarray) -> float:
    """Share of 256 evenly spaced rows that are equal to the most frequent one; 0 of a single row.

    >>> share_of_equal_rows(np.array([[1, 2], [1, 2], [1, 2], [3, 4]]))
    0.75
    """
    rows = evenly_spaced(len(x), _ROWS)
    if len(rows) < 2:
        return 0.0
    _, most = Counter(row.tobytes() for row in x[rows]).most_common(1)[0]
    return most / len(rows) if most > 1 else 0.0
