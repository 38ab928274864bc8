"""Activity, on numbers that can be counted by hand; scores beside the mean face's."""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints.experiments import measures
from nnscratch.keypoints.experiments.settings import Split
from nnscratch.keypoints.faces import POINTS


def test_activity_counts_values_and_units() -> None:
    layer = nn.Dense(1, 3)
    layer.params["weight"][:] = [[1, -1, 0]]
    layer.params["bias"][:] = [0, 0, -1]
    activity = measures.activity(nn.Sequential(layer, nn.ReLU()), np.array([[1.0], [2.0], [-3.0]], np.float32))
    assert activity["active"]["dense 1"] == pytest.approx(1 / 3)  # 2 + 1 + 0 of 9
    assert activity["alive"]["dense 1"] == pytest.approx(2 / 3)


def test_scores_are_of_the_named_points_alone(split: Split) -> None:
    nose, predicted = POINTS.index("nose_tip"), np.full(split.validation.points.shape, np.nan)
    predicted[:, nose] = split.validation.points[:, nose] + [3.0, 4.0]
    scores = measures.scores(predicted, split, [nose])
    assert scores["rmse_px"] == pytest.approx(np.sqrt((9 + 16) / 2), rel=1e-5)
    assert list(scores["per_point"]) == ["nose_tip"]
    assert scores["ratio"] == pytest.approx(scores["rmse_px"] / scores["mean_face_rmse_px"])
