"""Targets in units of their own spread: a network begins near 0, wherever the targets lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# A spread below so many roundings of the mean is none: the column is constant.
_ROUNDINGS = 10


@dataclass(frozen=True)
class TargetScale:
    """What takes each column of targets to mean 0 and standard deviation 1, and back.

    mean, spread : (n_outputs,) float64

    >>> y = np.array([[1.0, 7.0], [3.0, 7.0], [np.nan, 7.0]])
    >>> scale = TargetScale.of("example", y)
    >>> scale.mean, scale.spread
    (array([2., 7.]), array([1., 1.]))
    >>> scale.scaled(y)
    array([[-1.,  0.],
           [ 1.,  0.],
           [nan,  0.]])
    >>> scale.unscaled(np.array([[0.5, 0.0]]))
    array([[2.5, 7. ]])
    """

    mean: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, where: str, y: np.ndarray, sample_weight: np.ndarray | None = None) -> TargetScale:
        """The scale of these targets: over labelled rows, each as often as its weight says.

            mean[o]   = sum of w[n] * y[n,o] / sum of w[n],   over labelled n
            spread[o] = sqrt(sum of w[n] * (y[n,o] - mean[o])^2 / sum of w[n]);  1 for a constant

        where : begins the message
        y : (N, n_outputs) float64, NaN where a target is missing
        sample_weight : (N,), > 0; None stands for ones

        Raises
            ValueError : a column without a target
        """
        labelled = ~np.isnan(y)
        weights = labelled * (np.ones(len(y)) if sample_weight is None else sample_weight)[:, np.newaxis]
        total = weights.sum(axis=0)
        if not total.all():
            column = int(np.argmin(total))
            raise ValueError(
                f"{where}: got no target in column {column} of y, expected one at least; leave the column out"
            )
        known = np.where(labelled, y, 0)
        size = np.abs(known).max(axis=0)
        size[size == 0] = 1
        known = known / size  # so that no square overflows, or vanishes
        mean = (weights * known).sum(axis=0) / total
        spread = np.sqrt((weights * np.square(known - mean)).sum(axis=0) / total)
        constant = spread <= _ROUNDINGS * np.finfo(float).eps * np.abs(mean)
        return cls(size * mean, np.where(constant, 1.0, size * spread))

    @classmethod
    def none(cls, n_outputs: int) -> TargetScale:
        """The scale that leaves targets as they are."""
        return cls(np.zeros(n_outputs), np.ones(n_outputs))

    def scaled(self, y: np.ndarray) -> np.ndarray:
        """Targets (N, n_outputs) as the network learns them."""
        return (y - self.mean) / self.spread

    def unscaled(self, y: np.ndarray) -> np.ndarray:
        """What the network says, (N, n_outputs), in the units of the targets; float64."""
        return y.astype(np.float64) * self.spread + self.mean
