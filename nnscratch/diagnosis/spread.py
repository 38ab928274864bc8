"""The spread of a layer over images: how much each unit's number differs from one image to the next."""

from __future__ import annotations

import math

import numpy as np

_POSITIONS = 64  # positions of a feature map that its spread is taken from; neighbours say the same


class Spread:
    """Variance of each unit over images that come in batches; float64 sums of differences from the first image.

    y : (N, units) or (N, H, W, channels), of which every few positions are looked at

    >>> spread = Spread()
    >>> spread.add(np.array([[1.0, 5.0], [3.0, 5.0]]))
    >>> spread.per_unit
    array([1., 0.])
    """

    def __init__(self) -> None:
        self.count = 0
        self.origin: np.ndarray | None = None
        self.sums: np.ndarray | None = None
        self.square = 0.0

    def add(self, y: np.ndarray) -> None:
        if y.ndim == 4:
            step = max(1, math.ceil(math.sqrt(y.shape[1] * y.shape[2] / _POSITIONS)))
            y = y[:, ::step, ::step]
        if self.origin is None:
            self.origin = y[:1].astype(np.float64)
        d = y - self.origin
        sums = np.stack([d.sum(axis=0), np.square(d).sum(axis=0)])
        self.sums = sums if self.sums is None else self.sums + sums
        self.count += len(y)
        self.square += float(np.square(y, dtype=np.float64).sum())

    @property
    def variance(self) -> np.ndarray:
        """Of every unit, in the shape of one y."""
        assert self.sums is not None
        mean = self.sums[0] / self.count
        variance: np.ndarray = np.maximum(self.sums[1] / self.count - mean * mean, 0)
        return variance

    @property
    def spread(self) -> float:
        return float(np.sqrt(self.variance.mean())) if self.count else math.nan

    @property
    def rms(self) -> float:
        return math.sqrt(self.square / (self.count * self.sums[0].size)) if self.sums is not None else math.nan

    @property
    def per_unit(self) -> np.ndarray:
        """(units,): a convolution's positions are one unit."""
        variance = self.variance
        spread: np.ndarray = np.sqrt(variance.reshape(-1, variance.shape[-1]).mean(axis=0))
        return spread
