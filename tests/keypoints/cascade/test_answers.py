"""The errors of answers, as the next level should meet them, and their table."""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints.cascade.answers import CascadeAnswers
from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import POINTS, Faces
from nnscratch.keypoints.geometry.conventions import LabelConventions
from nnscratch.keypoints.geometry.mirror import MIRRORED, symmetrical
from nnscratch.keypoints.metrics import mean_face, rmse_px

FACES = draw_faces(60, seed=0)
REFERENCE = symmetrical(mean_face(FACES.points))
EYE, OTHER_EYE = POINTS.index("left_eye_center"), POINTS.index("right_eye_center")


def answers_with(true: np.ndarray, error: np.ndarray) -> CascadeAnswers:
    count = len(true)
    faces = Faces(np.zeros((count, 96, 96), np.uint8), true.astype(np.float32), np.arange(count))
    return CascadeAnswers(faces, [np.zeros_like(error), np.nan_to_num(true, nan=48) + error], np.zeros(count))


def test_errors_are_the_last_levels_and_those_of_mirror_images() -> None:
    region = Region("eye", ("left_eye_center",), 24, 24)
    error = np.random.default_rng(0).normal(0, 0.5, (1, 15, 2))
    # The face is the reference to the last bit but for the errors: upright, and of average size.
    errors = answers_with(REFERENCE[np.newaxis] - error, error).errors(region, REFERENCE)
    np.testing.assert_allclose(errors[0], error[0], atol=1e-4)
    np.testing.assert_allclose(errors[1], error[0, MIRRORED] * [-1, 1], atol=1e-4)
    assert len(errors) == 2


def test_errors_are_those_of_an_upright_face_of_average_size() -> None:
    """A face a quarter turned and half as large is 2 px off to its own right: 4 px in an average
    face.
    """
    turn = 0.5 * np.array([[0, -1], [1, 0]])
    answer = ((REFERENCE - 48) @ turn.T + 48)[np.newaxis]
    error = np.broadcast_to(turn @ [4.0, 0], (1, 15, 2))
    errors = answers_with(answer - error, error).errors(Region("nose", ("nose_tip",), 24, 24), REFERENCE)
    np.testing.assert_allclose(errors[0], np.tile([4.0, 0], (15, 1)), atol=1e-4)
    np.testing.assert_allclose(errors[1], np.tile([-4.0, 0], (15, 1)), atol=1e-4)


def test_errors_where_labels_are_missing() -> None:
    """Other points get the mean error; faces without the region's own points are left out."""
    region = Region("eye", ("left_eye_center", "left_eye_inner_corner"), 24, 24)
    error = np.random.default_rng(0).normal(0, 0.1, (4, 15, 2))
    answer = np.repeat(REFERENCE[np.newaxis], 4, axis=0)
    true = answer - error
    true[0, 10:] = np.nan
    true[1, EYE] = np.nan  # its mirror image has both points, though
    true[2, [EYE, OTHER_EYE]] = np.nan
    faces = Faces(np.zeros((4, 96, 96), np.uint8), true.astype(np.float32), np.arange(4))
    errors = CascadeAnswers(faces, [answer], np.zeros(4)).errors(region, REFERENCE)
    assert errors.shape == (2 + 3, 15, 2)  # faces 0 and 3; 0, 1 and 3 in the mirror
    np.testing.assert_allclose(errors[0, :10], error[0, :10], atol=1e-4)
    np.testing.assert_allclose(errors[0, 10:], np.tile(error[0, :10].mean(axis=0), (5, 1)), atol=1e-4)
    np.testing.assert_allclose(errors[3, EYE], error[1, OTHER_EYE] * [-1, 1], atol=1e-4)
    true[:, [EYE, OTHER_EYE]] = np.nan
    nobody = Faces(faces.images, true.astype(np.float32), faces.image_ids)
    assert CascadeAnswers(nobody, [answer], np.zeros(4)).errors(region, REFERENCE).shape == (0, 15, 2)


def table_of(answers: CascadeAnswers) -> dict[str, list[str]]:
    """The columns of each line of the error table, by the line's first word."""
    lines = answers.error_table().splitlines()
    assert max(map(len, lines)) <= 80
    return {name: columns for name, *columns in map(str.split, lines[1:])}


def with_errors(*sizes: float, missing: int = 4, unchanged: int = 7) -> CascadeAnswers:
    """Answers whose error shrinks from level to level, but for one point; another has no labels."""
    true = FACES.points.astype(np.float64)
    true[:, missing] = np.nan
    error = np.random.default_rng(0).normal(0, 1, true.shape)
    answers = [np.nan_to_num(true, nan=48) + size * error for size in sizes]
    for answer in answers:
        answer[:, unchanged] = answers[0][:, unchanged]
    return CascadeAnswers(Faces(FACES.images, true.astype(np.float32), FACES.image_ids), answers, np.zeros(len(FACES)))


def test_answers_and_labels_meet_in_either_convention() -> None:
    """Labels are moved to the answers to learn from them, answers to the labels to be judged."""
    true = np.repeat(REFERENCE[np.newaxis], 2, axis=0)
    true[0, 1:] = np.nan  # this source labels an eye alone, a pixel to the right
    offset = np.zeros((15, 2))
    offset[EYE] = [1, 0]
    cascade = Cascade(nn.Sequential(nn.Flatten()), REFERENCE, conventions=LabelConventions({1 << EYE: offset}))
    answers = answers_with(true, np.zeros((2, 15, 2)))
    answers.answers[1][0] = REFERENCE - offset
    error = answers.alike(cascade).errors(Region("eye", ("left_eye_center",), 24, 24), REFERENCE)
    np.testing.assert_allclose(error[[0, 1], EYE], 0, atol=0.05)
    moved = answers.in_conventions(cascade)
    np.testing.assert_array_equal(moved.answers[0], answers.answers[0])  # level 1 answers in between
    np.testing.assert_allclose(moved.answers[1][0, EYE], REFERENCE[EYE], atol=0.05)
    np.testing.assert_array_equal(moved.answers[1][1], answers.answers[1][1])


def test_the_error_table_has_a_line_per_point_and_a_column_per_level() -> None:
    answers = with_errors(4.0, 2.0)
    table = table_of(answers)
    assert list(table) == [*POINTS, "all"]
    level_1, level_2, change = table[POINTS[EYE]]
    assert float(level_1) == pytest.approx(2 * float(level_2), abs=0.02)
    assert change == "-50%"
    rmses = [rmse_px(answer, answers.faces.points) for answer in answers.answers]
    assert [float(text) for text in table["all"][:2]] == pytest.approx(rmses, abs=0.006)


def test_the_error_table_says_what_is_off_and_what_has_no_labels() -> None:
    table = table_of(with_errors(4.0, 2.0))
    assert table[POINTS[7]][2] == "off"
    assert table[POINTS[4]] == ["nan", "nan"]


def test_the_error_table_of_more_or_fewer_levels() -> None:
    """The change is that of the last level; a single one changes nothing."""
    assert [len(columns) for columns in table_of(with_errors(4.0)).values()] == [1] * 16
    three = table_of(with_errors(4.0, 2.0, 1.8))
    assert three[POINTS[EYE]][3] == "-10%"
