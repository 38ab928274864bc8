"""How large numbers are (rms), and how much they differ from one image to the next (spread).

rms     root mean square: sqrt(mean of the squares)
spread  sqrt(mean over units of (variance over images)); 0: every image gives the same numbers
"""

from __future__ import annotations

import math

import numpy as np

from nnscratch.losses import labelled_mean

_POSITIONS = 64  # positions of a feature map that its spread is measured at; their neighbours' is about the same


def rms(array: np.ndarray) -> float:
    """Root mean square of all values, in float32 where that is exact enough; 0 of an empty array.

    >>> rms(np.array([3.0, -4.0, 0.0, 0.0]))
    2.5
    """
    flat = array.reshape(-1)
    with np.errstate(over="ignore"):
        square = float(np.dot(flat, flat))
    if not 1e-30 < square < 1e30:  # too small or too large for float32
        square = float(np.square(flat, dtype=np.float64).sum())
    return math.sqrt(square / max(1, flat.size))


def spread(values: np.ndarray) -> float:
    """Root mean square over units of the standard deviation over images; 0 if all rows are equal.

    values : (N, ...) one row per image, such as the outputs of a layer, or points in px

    >>> spread(np.array([[1.0, 5.0], [3.0, 5.0]]))  # deviations 1 and 0
    0.7071067811865476
    """
    # Seen from the first row, equal rows are exactly 0, and so is their variance.
    return float(np.sqrt(np.mean(np.var(values - values[:1], axis=0, dtype=np.float64))))


def variance_of_labels(y: np.ndarray) -> float:
    """Mean squared difference between labels and the mean of their column; NaN without labels.

    y : (N, ...), NaN (or infinite) where a label is missing

    >>> variance_of_labels(np.array([[1.0, np.nan], [3.0, 7.0]]))  # differences -1, 1 and 0
    0.6666666666666666
    """
    labelled = np.isfinite(y)
    if not labelled.any():
        return math.nan
    y = np.where(labelled, y, np.nan).astype(np.float64)
    return float(np.nanmean((y - labelled_mean(y)) ** 2))


class RunningSpread:
    """Spread and rms of a layer's output over images that come in batches.

    Sums are float64, of differences from the first image: a large common part does not cost digits.

    >>> running = RunningSpread()
    >>> for batch in (np.array([[1.0, 5.0]]), np.array([[3.0, 5.0]])):
    ...     running.add(batch)
    >>> running.per_unit
    array([1., 0.])
    >>> running.spread
    0.7071067811865476
    """

    def __init__(self) -> None:
        self.count = 0
        self._origin: np.ndarray | None = None
        self._sums: np.ndarray | None = None
        self._square = 0.0

    def add(self, y: np.ndarray) -> None:
        """y : (N, units), or (N, H, W, channels), of whose positions about 64 are measured."""
        if y.ndim == 4:
            step = max(1, math.ceil(math.sqrt(y.shape[1] * y.shape[2] / _POSITIONS)))
            y = y[:, ::step, ::step]
        if self._origin is None:
            self._origin = y[:1].astype(np.float64)
        d = y - self._origin
        sums = np.stack([d.sum(axis=0), np.square(d).sum(axis=0)])
        self._sums = sums if self._sums is None else self._sums + sums
        self.count += len(y)
        self._square += float(np.square(y, dtype=np.float64).sum())

    @property
    def variance(self) -> np.ndarray:
        """Variance over images, in the shape of one y (of its measured positions)."""
        assert self._sums is not None
        mean = self._sums[0] / self.count
        return np.maximum(self._sums[1] / self.count - mean * mean, 0)

    @property
    def spread(self) -> float:
        """As the function `spread`, of all images so far; NaN before the first batch."""
        return float(np.sqrt(self.variance.mean())) if self.count else math.nan

    @property
    def rms(self) -> float:
        """Root mean square of all values; NaN before the first batch."""
        return math.sqrt(self._square / (self.count * self._sums[0].size)) if self._sums is not None else math.nan

    @property
    def per_unit(self) -> np.ndarray:
        """(units,) the spread of each one; all positions of a channel are one unit."""
        variance = self.variance
        return np.sqrt(variance.reshape(-1, variance.shape[-1]).mean(axis=0))
