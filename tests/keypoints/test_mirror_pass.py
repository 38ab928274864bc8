"""The mirror pass: averaged answers, and the label offset that they tell."""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints.faces import POINTS, to_points, to_targets
from nnscratch.keypoints.mirror_pass import both_ways


class Brightest(nn.Layer):
    """Says that all points lie `offset` px to the right of the brightest pixel, and 2 px above it
    if it is far left.
    """

    def __init__(self, offset: float) -> None:
        super().__init__()
        self.offset = offset

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        row, column = np.divmod(x.reshape(len(x), -1).argmax(axis=1), 96)
        points = np.stack([column + self.offset, row - 2.0 * (column < 48)], axis=1)
        return to_targets(np.repeat(points[:, np.newaxis], len(POINTS), axis=1))


@pytest.mark.parametrize("offset", [0.0, 3.5, -2.0])
def test_both_ways_are_averaged_and_the_offset_is_told_without_labels(offset: float) -> None:
    where = np.array([[10, 20], [70, 30], [43, 60]])  # x, y
    x = np.zeros((3, 96, 96, 1), np.float32)
    x[range(3), where[:, 1], where[:, 0]] = 1
    y, found = both_ways(nn.Sequential(Brightest(offset)), x)
    np.testing.assert_allclose(found, offset, atol=1e-4)
    expected = where + np.array([[offset, -1.0]])  # above in one of the two pictures
    np.testing.assert_allclose(to_points(y), np.repeat(expected[:, np.newaxis], len(POINTS), axis=1), atol=1e-4)
