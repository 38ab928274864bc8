"""Spread and activity, on numbers that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints.experiments import measures


def test_spread_is_what_differs_from_picture_to_picture() -> None:
    points = np.full((5, 15, 2), 33.3, np.float32)
    assert measures.spread(points) == 0
    points[0] += 5
    assert measures.spread(points) == pytest.approx(2)  # deviations 4, -1, -1, -1, -1: variance 20 / 5


def test_activity_counts_values_and_units() -> None:
    layer = nn.Dense(1, 3)
    layer.params["weight"][:] = [[1, -1, 0]]
    layer.params["bias"][:] = [0, 0, -1]
    activity = measures.activity(nn.Sequential(layer, nn.ReLU()), np.array([[1.0], [2.0], [-3.0]], np.float32))
    assert activity["active"]["dense 1"] == pytest.approx(1 / 3)  # 2 + 1 + 0 of 9
    assert activity["alive"]["dense 1"] == pytest.approx(2 / 3)
