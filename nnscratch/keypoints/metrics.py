"""How well points were found, in pixels, always beside the simplest predictor: the mean face."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nnscratch.keypoints.faces import POINTS, SIDE, check_points, to_points
from nnscratch.losses import labelled_mean
from nnscratch.metric import Metric

_CENTRE = SIDE / 2


def rmse_px(predicted: np.ndarray, true: np.ndarray) -> float:
    """Root mean squared error in pixels over the labelled coordinates: Kaggle's score.

    predicted : (N, 15, 2) px; a NaN where there is a label is not left out: the result is NaN
    true      : (N, 15, 2) px, NaN where a label is missing

        rmse = sqrt(sum over labelled values of (predicted - true)^2 / number of labelled values)

    NaN if there is no label. Sums are float64.

    Raises
        ValueError : the shapes are not the same (N, 15, 2)

    >>> true = np.full((1, 15, 2), np.nan)
    >>> true[0, 0] = [30, 40]
    >>> rmse_px(np.full((1, 15, 2), 33.0), true)  # sqrt((3^2 + 7^2) / 2)
    5.385164807134504
    """
    return _root_mean(_squares("rmse_px", predicted, true)[~np.isnan(true)])


def rmse_per_point(predicted: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """`rmse_px` of each point, over its x and y, in the order of `POINTS`; NaN if it has no label.

    predicted, true : (N, 15, 2) px, as for `rmse_px`

    >>> rmse_per_point(np.full((2, 15, 2), 33.0), np.full((2, 15, 2), 30.0))["nose_tip"]
    3.0
    """
    squares = _squares("rmse_per_point", predicted, true)
    labelled = ~np.isnan(true)
    return {point: _root_mean(squares[:, i][labelled[:, i]]) for i, point in enumerate(POINTS)}


def mean_face(points: np.ndarray) -> np.ndarray:
    """The best constant prediction, (15, 2) float64 px: each coordinate's mean over its labels.

    points : (N, 15, 2) px, NaN where a label is missing

    A coordinate without any label becomes 48, the middle of the picture.

    Raises
        ValueError : another shape

    >>> mean_face(np.array([[[30.0, 40.0]] * 15, [[32.0, np.nan]] * 15]))[0]
    array([31., 40.])
    """
    check_points("mean_face", "points", points)
    mean = labelled_mean(points.astype(np.float64))
    return np.where(np.isnan(points).all(axis=0), _CENTRE, mean)


@dataclass(frozen=True)
class Score:
    """A prediction's error beside the mean face's, on the same labels.

    rmse_px, mean_face_rmse_px     : px, as `rmse_px` gives them
    ratio                          : rmse_px / mean_face_rmse_px; 1 or more means that nothing was
                                     learnt; NaN without labels
    per_point, mean_face_per_point : px, as `rmse_per_point` gives them
    """

    rmse_px: float
    mean_face_rmse_px: float
    ratio: float
    per_point: dict[str, float]
    mean_face_per_point: dict[str, float]

    def verdict(self) -> str:
        """The score in words for people, one or two lines."""
        if math.isnan(self.mean_face_rmse_px):
            return "No label to score against: these faces have no points."
        if not math.isfinite(self.rmse_px):
            return "The predictions are not finite: the network has diverged. Lower the learning rate."
        numbers = f"RMSE {self.rmse_px:.2f} px; the mean face gets {self.mean_face_rmse_px:.2f} px: "
        numbers += f"ratio {self.ratio:.2f}"
        if self.ratio >= 1:
            return f"{numbers}.\nIt has learnt nothing: the mean face, whatever the picture, does as well."
        points = sorted((error, point) for point, error in self.per_point.items() if not math.isnan(error))
        (best, best_point), (worst, worst_point) = points[0], points[-1]
        return (
            f"{numbers}, {1 - self.ratio:.0%} less error.\n"
            f"Best: {best_point} {best:.2f} px; worst: {worst_point} {worst:.2f} px."
        )


def score(predicted: np.ndarray, true: np.ndarray, face: np.ndarray) -> Score:
    """Scores a prediction beside a constant one.

    predicted, true : (N, 15, 2) px, as for `rmse_px`
    face            : (15, 2) px, the mean face of the *training* rows

    The ratio is infinite if the mean face makes no error.

    Raises
        ValueError : other shapes

    >>> true = np.full((1, 15, 2), 30.0)
    >>> print(score(true + 1, true, np.full((15, 2), 34.0)).verdict())
    RMSE 1.00 px; the mean face gets 4.00 px: ratio 0.25, 75% less error.
    Best: left_eye_center 1.00 px; worst: right_eyebrow_outer_end 1.00 px.
    """
    if face.shape != (len(POINTS), 2):
        raise ValueError(f"score: got face of shape {face.shape}, expected (15, 2); give mean_face(training points)")
    error = rmse_px(predicted, true)
    constant = np.broadcast_to(face, true.shape)
    baseline = rmse_px(constant, true)
    ratio = error / baseline if baseline != 0 else math.inf
    return Score(error, baseline, ratio, rmse_per_point(predicted, true), rmse_per_point(constant, true))


def _squares(where: str, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(N, 15, 2) float64 squared errors, NaN where there is no label; `where` is for messages."""
    check_points(where, "true", true)
    check_points(where, "predicted", predicted)
    if predicted.shape != true.shape:
        raise ValueError(
            f"{where}: got predicted of shape {predicted.shape}, expected {true.shape} as true has; predict the same"
            " faces"
        )
    with np.errstate(over="ignore", invalid="ignore"):  # a diverged network's inf and NaN need no warning
        return np.square(np.subtract(predicted, true, dtype=np.float64))


def _root_mean(squares: np.ndarray) -> float:
    with np.errstate(over="ignore"):
        return math.sqrt(squares.mean()) if squares.size else math.nan


# For a Trainer: the error in pixels of (N, 30) outputs, on the (N, 30) targets of `Faces.y`.
RMSE_PX = Metric("rmse_px", "px", lambda prediction, target: rmse_px(to_points(prediction), to_points(target)))
