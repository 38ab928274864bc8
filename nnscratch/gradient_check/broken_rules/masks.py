"""Mistakes with what a pass leaves out (closed units, dropped ones, missing labels)."""

from __future__ import annotations

import numpy as np

from nnscratch.layers import Dropout, ReLU
from nnscratch.losses import MSELoss


class ForgottenReLUMask(ReLU):
    """dy goes through closed units, too."""

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.take("positive")
        return dy.copy()  # right: dy * positive


class ForgottenDropoutMask(Dropout):
    """dy goes through dropped units, too, and is not scaled."""

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.take("mask")
        return dy.copy()  # right: dy * mask


class MissingScale(Dropout):
    """dy goes through the units that were kept, without 1 / (1 - p)."""

    def backward(self, dy: np.ndarray) -> np.ndarray:
        mask = self.take("mask")
        return dy * (mask > 0)  # right: dy * mask


class ForgottenLabelMask(MSELoss):
    """A missing label has no part in the loss, but a gradient: as if 0."""

    def forward(
        self,
        prediction: np.ndarray,
        target: np.ndarray,
        sample_weight: np.ndarray | None = None,
    ) -> float:
        self.prediction, self.target = prediction, target
        return super().forward(prediction, target, sample_weight)

    def backward(self) -> np.ndarray:
        super().backward()  # takes away what its forward kept
        count = max(1, self.labels or 0)
        error = self.prediction - np.nan_to_num(self.target)
        # right: 2 / count * np.where(np.isnan(self.target), 0, error)
        return 2 / count * error
