"""Faces with answers: errors as the next level should meet them, and a table of what levels brought."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.keypoints.cascade.answers import Answered
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import POINTS, Faces
from nnscratch.keypoints.geometry.mirror import MIRRORED, symmetrical
from nnscratch.keypoints.metrics import mean_face, rmse_px

FACES = draw_faces(60, seed=0)
REFERENCE = symmetrical(mean_face(FACES.points))
EYE, OTHER_EYE = POINTS.index("left_eye_center"), POINTS.index("right_eye_center")


def answered(true: np.ndarray, error: np.ndarray) -> Answered:
    count = len(true)
    faces = Faces(np.zeros((count, 96, 96), np.uint8), true.astype(np.float32), np.arange(count))
    return Answered(faces, [np.zeros_like(error), np.nan_to_num(true, nan=48) + error], np.zeros(count))


def test_errors_are_the_last_levels_and_those_of_mirror_images() -> None:
    region = Region("eye", ("left_eye_center",), 24, 24)
    error = np.random.default_rng(0).normal(0, 0.5, (1, 15, 2))
    # The face is the reference to the last bit but for the errors: upright, and of average size.
    errors = answered(REFERENCE[np.newaxis] - error, error).errors(region, REFERENCE)
    np.testing.assert_allclose(errors[0], error[0], atol=1e-4)
    np.testing.assert_allclose(errors[1], error[0, MIRRORED] * [-1, 1], atol=1e-4)
    assert len(errors) == 2


def test_errors_are_those_of_an_upright_face_of_average_size() -> None:
    """A face a quarter turned and half as large is 2 px off to its own right: 4 px in an average face."""
    turn = 0.5 * np.array([[0, -1], [1, 0]])
    answer = ((REFERENCE - 48) @ turn.T + 48)[np.newaxis]
    error = np.broadcast_to(turn @ [4.0, 0], (1, 15, 2))
    errors = answered(answer - error, error).errors(Region("nose", ("nose_tip",), 24, 24), REFERENCE)
    np.testing.assert_allclose(errors[0], np.tile([4.0, 0], (15, 1)), atol=1e-4)
    np.testing.assert_allclose(errors[1], np.tile([-4.0, 0], (15, 1)), atol=1e-4)


def test_a_point_without_a_label_gets_the_mean_error_and_faces_without_the_regions_points_are_left_out() -> None:
    region = Region("eye", ("left_eye_center", "left_eye_inner_corner"), 24, 24)
    error = np.random.default_rng(0).normal(0, 0.1, (4, 15, 2))
    answer = np.repeat(REFERENCE[np.newaxis], 4, axis=0)
    true = answer - error
    true[0, 10:] = np.nan
    true[1, EYE] = np.nan  # its mirror image has both points, though
    true[2, [EYE, OTHER_EYE]] = np.nan
    faces = Faces(np.zeros((4, 96, 96), np.uint8), true.astype(np.float32), np.arange(4))
    errors = Answered(faces, [answer], np.zeros(4)).errors(region, REFERENCE)
    assert errors.shape == (2 + 3, 15, 2)  # faces 0 and 3; 0, 1 and 3 in the mirror
    np.testing.assert_allclose(errors[0, :10], error[0, :10], atol=1e-4)
    np.testing.assert_allclose(errors[0, 10:], np.tile(error[0, :10].mean(axis=0), (5, 1)), atol=1e-4)
    np.testing.assert_allclose(errors[3, EYE], error[1, OTHER_EYE] * [-1, 1], atol=1e-4)
    true[:, [EYE, OTHER_EYE]] = np.nan
    nobody = Faces(faces.images, true.astype(np.float32), faces.image_ids)
    assert Answered(nobody, [answer], np.zeros(4)).errors(region, REFERENCE).shape == (0, 15, 2)


def test_gains_are_a_line_a_point() -> None:
    true = FACES.points.astype(np.float64)
    true[:, 4] = np.nan
    error = np.random.default_rng(0).normal(0, 3, true.shape)
    answers = [np.nan_to_num(true, nan=48) + error, np.nan_to_num(true, nan=48) + error / 2]
    answers[1][:, 7] = answers[0][:, 7]
    faces = Faces(FACES.images, true.astype(np.float32), FACES.image_ids)
    lines = Answered(faces, answers, np.zeros(len(faces))).gains().split("\n")
    assert [line.split()[0] for line in lines[1:]] == [*POINTS, "all"]
    assert max(map(len, lines)) <= 80
    numbers = lines[1 + EYE].split()
    assert float(numbers[1]) == pytest.approx(2 * float(numbers[2]), abs=0.02)
    assert numbers[3] == "-50%"
    assert lines[1 + 7].split()[3] == "off"
    assert lines[1 + 4].split()[1:] == ["nan", "nan"]
    assert float(lines[-1].split()[2]) == pytest.approx(rmse_px(answers[1], true), abs=0.006)
    one_level = Answered(faces, answers[:1], np.zeros(len(faces))).gains().split("\n")
    assert len(one_level[1].split()) == 2
