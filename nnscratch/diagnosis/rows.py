"""Which of many rows are looked at: evenly spaced ones, for their order may mean something."""

from __future__ import annotations

import numpy as np


def evenly_spaced(count: int, most: int) -> np.ndarray:
    """The places of at most `most` of `count` rows, the first and the last among them; ascending.

    >>> evenly_spaced(9, 5), evenly_spaced(3, 5)
    (array([0, 2, 4, 6, 8]), array([0, 1, 2]))
    """
    return np.unique(np.linspace(0, count - 1, min(most, count)).astype(int))
