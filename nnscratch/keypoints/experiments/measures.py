"""What is measured of a network: errors beside the mean face's, the spread of its outputs, active
units.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from nnscratch.diagnosis.spread import spread
from nnscratch.keypoints.experiments import heatmap
from nnscratch.keypoints.experiments.results import Result
from nnscratch.keypoints.experiments.settings import Experiment, Split
from nnscratch.keypoints.faces import POINTS, Faces, to_points
from nnscratch.keypoints.metrics import mean_face, rmse_per_point, rmse_px
from nnscratch.layers import Conv2D, Dense, ReLU
from nnscratch.losses import softmax
from nnscratch.model import Sequential

MAP_POINT = POINTS.index("nose_tip")  # the point that the map experiments look for


def points_of(experiment: Experiment, outputs: np.ndarray) -> np.ndarray:
    """(N, K, 2) px from a network's outputs: all 15 points, or the one point of a map."""
    if experiment.kind != "map":
        return to_points(outputs)
    if experiment.loss == "cross-entropy":
        return heatmap.expected_point(softmax(outputs))[:, np.newaxis]
    return heatmap.highest_pixel(outputs)[:, np.newaxis]


def rmse_of_points(experiment: Experiment, points: np.ndarray, faces: Faces) -> float:
    """RMSE, px, of what `points_of` gave, over the labelled points or the one point of a map."""
    if experiment.kind != "map":
        return rmse_px(points, faces.points)
    errors = points[:, 0] - faces.points[:, MAP_POINT]
    return math.sqrt(np.mean(np.square(errors, dtype=np.float64)))


def scores(predicted: np.ndarray, split: Split, points: Iterable[int]) -> Result:
    """The error of `predicted` (N, 15, 2) on some of the points, beside the mean face's on the
    same, and its spread.
    """
    points, true = list(points), split.validation.points
    labels = np.full_like(true, np.nan)
    labels[:, points] = true[:, points]
    predicted = np.where(np.isnan(labels), 0, predicted)
    face = np.broadcast_to(mean_face(split.train.points), true.shape)
    error, mean_error = rmse_px(predicted, labels), rmse_px(face, labels)
    errors = rmse_per_point(predicted, labels)
    return {
        "rmse_px": error,
        "mean_face_rmse_px": mean_error,
        "ratio": error / mean_error if mean_error else math.inf,
        "spread_px": spread(predicted[:, points]),
        "per_point": {POINTS[k]: errors[POINTS[k]] for k in points},
    }


def activity(network: Sequential, x: np.ndarray) -> Result:
    """The shares of active values and of units that are ever active, after each ReLU, on x."""
    active: dict[str, list[float]] = {}
    alive: dict[str, np.ndarray] = {}
    chunks = range(0, len(x), 50)
    for start in chunks:
        for name, y in _rectified(network, x[start : start + 50]):
            positive = y > 0
            active.setdefault(name, []).append(float(positive.mean()) * len(y) / len(x))
            alive[name] = alive.get(name, np.zeros(y.shape[-1], bool)) | positive.any(axis=tuple(range(y.ndim - 1)))
    return {
        "active": {name: sum(shares) for name, shares in active.items()},
        "alive": {name: float(units.mean()) for name, units in alive.items()},
    }


def _rectified(network: Sequential, x: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """(name, y) after each ReLU, named after the layer that feeds it: "conv 1", "dense 2"."""
    counts = {Conv2D: 0, Dense: 0}
    name = ""
    for layer in network.layers:
        x = layer.forward(x)
        for kind, word in ((Conv2D, "conv"), (Dense, "dense")):
            if isinstance(layer, kind):
                counts[kind] += 1
                name = f"{word} {counts[kind]}"
        if isinstance(layer, ReLU):
            yield name, x
