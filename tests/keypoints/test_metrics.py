"""The scores: against sums written out, with missing labels, and never a warning."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nnscratch.keypoints.faces import POINTS
from nnscratch.keypoints.metrics import Score, mean_face, rmse_per_point, rmse_px, score

NOTHING = np.full((2, 15, 2), np.nan, np.float32)


def predicted_and_true() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    true = rng.uniform(10, 90, (20, 15, 2)).astype(np.float32)
    predicted = true + rng.normal(0, 3, true.shape).astype(np.float32)
    true[rng.random((20, 15)) < 0.4] = np.nan
    true[:, 3] = np.nan
    return predicted, true


def test_rmse_is_the_loop_over_labelled_values() -> None:
    predicted, true = predicted_and_true()
    errors = [float(p) - float(t) for p, t in zip(predicted.ravel(), true.ravel(), strict=True) if not math.isnan(t)]
    assert 100 < len(errors) < 500
    assert rmse_px(predicted, true) == pytest.approx(math.sqrt(sum(e * e for e in errors) / len(errors)), rel=1e-12)


def test_rmse_per_point_is_that_of_each_alone() -> None:
    predicted, true = predicted_and_true()
    per_point = rmse_per_point(predicted, true)
    assert tuple(per_point) == POINTS
    assert math.isnan(per_point[POINTS[3]])
    alone = np.full_like(true, np.nan)
    alone[:, 10] = true[:, 10]
    assert per_point["nose_tip"] == rmse_px(predicted, alone)


def test_sums_are_float64() -> None:
    true = np.full((40_000, 15, 2), 0, np.float32)
    assert rmse_px(np.full_like(true, 0.1), true) == pytest.approx(np.float32(0.1), rel=1e-12)
    assert mean_face(np.full_like(true, 0.1)) == pytest.approx(np.full((15, 2), np.float32(0.1)), rel=1e-12)


def test_no_label_is_nan_without_a_warning() -> None:
    assert math.isnan(rmse_px(np.zeros_like(NOTHING), NOTHING))
    assert math.isnan(rmse_px(NOTHING[:0], NOTHING[:0]))
    assert all(math.isnan(error) for error in rmse_per_point(np.zeros_like(NOTHING), NOTHING).values())


@pytest.mark.parametrize(("value", "expected"), [(np.nan, math.nan), (np.inf, math.inf), (1e300, math.inf)])
def test_a_diverged_prediction_is_never_left_out(value: float, expected: float) -> None:
    true = np.full((2, 15, 2), 48.0)
    predicted = true.copy()
    predicted[1, 2, 0] = value
    assert rmse_px(predicted, true) == pytest.approx(expected, nan_ok=True)


def test_the_mean_face_is_each_coordinates_own_mean() -> None:
    _, true = predicted_and_true()
    face = mean_face(true)
    assert face.dtype == np.float64
    labelled = true[~np.isnan(true[:, 7, 1]), 7, 1]
    assert face[7, 1] == pytest.approx(labelled.astype(np.float64).mean(), rel=1e-12)
    assert face[3].tolist() == [48, 48]
    assert (mean_face(NOTHING) == 48).all()


def test_the_mean_face_is_the_best_constant() -> None:
    _, true = predicted_and_true()
    face = mean_face(true)
    best = rmse_px(np.broadcast_to(face, true.shape), true)
    assert rmse_px(np.broadcast_to(face + 0.01, true.shape), true) > best
    assert rmse_px(np.broadcast_to(face - 0.01, true.shape), true) > best


def test_score_sets_both_beside_each_other() -> None:
    predicted, true = predicted_and_true()
    face = np.full((15, 2), 50.0)
    result = score(predicted, true, face)
    constant = np.full(true.shape, 50.0)
    assert result.rmse_px == rmse_px(predicted, true)
    assert result.mean_face_rmse_px == rmse_px(constant, true)
    assert result.ratio == result.rmse_px / result.mean_face_rmse_px < 1
    assert result.per_point["nose_tip"] == rmse_per_point(predicted, true)["nose_tip"]
    assert result.mean_face_per_point["nose_tip"] == rmse_per_point(constant, true)["nose_tip"]


def test_verdict_of_a_network_that_has_learnt() -> None:
    predicted, true = predicted_and_true()
    verdict = score(predicted, true, mean_face(true)).verdict()
    assert "87% less error" in verdict
    assert "learnt nothing" not in verdict
    assert len(verdict.splitlines()) == 2
    assert "nan" not in verdict


@pytest.mark.parametrize("shift", [0.0, 5.0])
def test_verdict_of_a_network_that_has_not(shift: float) -> None:
    _, true = predicted_and_true()
    face = mean_face(true)
    verdict = score(np.broadcast_to(face + shift, true.shape), true, face).verdict()
    assert "has learnt nothing" in verdict
    assert len(verdict.splitlines()) == 2


def test_verdict_without_numbers_says_why() -> None:
    face = np.full((15, 2), 48.0)
    unlabelled, labelled = NOTHING, np.full((2, 15, 2), 40.0)
    assert "No label" in score(labelled, unlabelled, face).verdict()
    assert "diverged" in score(NOTHING, labelled, face).verdict()
    assert "diverged" in score(NOTHING + np.inf, labelled, face).verdict()


def test_a_mean_face_without_error_cannot_be_beaten() -> None:
    true = np.full((2, 15, 2), 48.0)
    result = score(true + 1, true, true[0])
    assert result.ratio == math.inf
    assert "has learnt nothing" in result.verdict()
    assert isinstance(result, Score)


@pytest.mark.parametrize(
    ("predicted", "true", "message"),
    [
        (
            np.zeros((2, 30)),
            np.zeros((2, 15, 2)),
            r"got predicted of shape \(2, 30\), expected \(N, 15, 2\).*to_points",
        ),
        (np.zeros((2, 15, 2)), np.zeros((2, 30)), r"got true of shape \(2, 30\), expected \(N, 15, 2\)"),
        (np.zeros((15, 2)), np.zeros((15, 2)), r"got true of shape \(15, 2\)"),
        (np.zeros((1, 15, 2)), np.zeros((2, 15, 2)), r"got predicted of shape \(1, 15, 2\), expected \(2, 15, 2\)"),
    ],
)
def test_other_shapes_are_refused(predicted: np.ndarray, true: np.ndarray, message: str) -> None:
    for metric in (rmse_px, rmse_per_point):
        with pytest.raises(ValueError, match=message):
            metric(predicted, true)


def test_a_mean_face_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"score: got face of shape \(30,\), expected \(15, 2\)"):
        score(NOTHING, NOTHING, np.zeros(30))
    with pytest.raises(ValueError, match=r"mean_face: got points of shape \(2, 30\)"):
        mean_face(np.zeros((2, 30)))
