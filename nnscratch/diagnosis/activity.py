"""Which units of a ReLU are ever on: one that is 0 for every image never gets a gradient."""

from __future__ import annotations

import numpy as np


def active_units(h: np.ndarray) -> np.ndarray:
    """(units,) bool: whether a unit is above 0 for at least one image.

    h : (N, units), or (N, H, W, channels), where a channel is one unit: it is active if any of its
        positions is. To take each position for a unit of its own, give h.reshape(N, -1).

    >>> active_units(np.array([[0.0, 2.0, 0.0], [0.0, 0.0, 1.0]]))
    array([False,  True,  True])
    """
    return np.any(h > 0, axis=tuple(range(h.ndim - 1)))


def silent_share(h: np.ndarray) -> float:
    """Share of units, 0..1, that are 0 (or below) for every image.

    h : as in `active_units`

    >>> silent_share(np.array([[0.0, 2.0], [0.0, 0.0]]))
    0.5
    """
    return float(1 - active_units(h).mean())
