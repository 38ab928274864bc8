"""Faces: shapes and dtypes are checked; x and y are what the report fed its networks."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.keypoints.faces import COLUMNS, POINTS, Faces, to_frame, to_points, to_targets


def some_faces() -> Faces:
    images = np.arange(3 * 9216).reshape(3, 96, 96).astype(np.uint8)
    points = np.full((3, 15, 2), 60, np.float32)
    points[1, 14, 1] = np.nan
    return Faces(images, points, np.array([4, 8, 9]))


def test_x_and_y_are_the_normalization_of_the_report() -> None:
    faces = some_faces()
    assert faces.x.shape == (3, 96, 96, 1)
    assert faces.x.dtype == np.float32
    np.testing.assert_array_equal(faces.x[..., 0], faces.images / 256)
    assert faces.y.shape == (3, 30)
    assert faces.y.dtype == np.float32
    assert (faces.y[0] == 0.25).all()
    assert np.flatnonzero(np.isnan(faces.y)).tolist() == [30 + 29]


def test_complete_means_all_thirty_values() -> None:
    assert some_faces().complete.tolist() == [True, False, True]


@pytest.mark.parametrize("rows", [[0, 2], slice(0, None, 2), np.array([True, False, True])])
def test_select_takes_rows_of_everything(rows: list[int]) -> None:
    chosen = some_faces().select(rows)
    assert len(chosen) == 2
    assert chosen.image_ids.tolist() == [4, 9]
    np.testing.assert_array_equal(chosen.images, some_faces().images[[0, 2]])
    assert chosen.complete.all()


@pytest.mark.parametrize(
    ("images", "points", "ids", "message"),
    [
        (np.zeros((1, 96, 96)), np.zeros((1, 15, 2), np.float32), np.array([1]), r"got images \(1, 96, 96\) float64"),
        (np.zeros((1, 9216), np.uint8), np.zeros((1, 15, 2), np.float32), np.array([1]), r"got images \(1, 9216\)"),
        (np.zeros((1, 96, 96), np.uint8), np.zeros((1, 30), np.float32), np.array([1]), r"got points \(1, 30\)"),
        (np.zeros((1, 96, 96), np.uint8), np.zeros((1, 15, 2)), np.array([1]), r"got points .* float64"),
        (
            np.zeros((1, 96, 96), np.uint8),
            np.zeros((1, 15, 2), np.float32),
            np.array([1.0]),
            "got image_ids .* float64",
        ),
        (np.zeros((2, 96, 96), np.uint8), np.zeros((1, 15, 2), np.float32), np.array([1]), "for the 1 image_ids"),
    ],
)
def test_wrong_arrays_are_refused(images: np.ndarray, points: np.ndarray, ids: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Faces(images, points, ids)


def test_conversions_refuse_other_shapes() -> None:
    with pytest.raises(ValueError, match=r"to_points: got y of shape \(30,\), expected \(N, 30\)"):
        to_points(np.zeros(30))
    with pytest.raises(ValueError, match=r"to_targets: got points of shape \(2, 30\), expected \(N, 15, 2\)"):
        to_targets(np.zeros((2, 30)))
    assert to_points(np.zeros((0, 30))).shape == (0, 15, 2)


def test_the_points_are_in_kaggles_order() -> None:
    assert len(POINTS) == len(set(POINTS)) == 15
    assert COLUMNS[:4] == ["left_eye_center_x", "left_eye_center_y", "right_eye_center_x", "right_eye_center_y"]
    assert POINTS.index("nose_tip") == 10


def test_targets_and_points_undo_each_other() -> None:
    points = np.random.default_rng(0).uniform(-20, 120, (5, 15, 2)).astype(np.float32)
    np.testing.assert_allclose(to_points(to_targets(points)), points, atol=1e-4)
    assert to_targets(points).dtype == to_points(to_targets(points)).dtype == np.float32


def test_a_frame_has_a_row_per_face() -> None:
    frame = some_faces().to_frame()
    assert frame.shape == (3, 30)
    assert frame.index.tolist() == [4, 8, 9]
    assert list(frame.columns) == COLUMNS
    assert frame[COLUMNS].equals(frame)
    assert frame[COLUMNS[:2]].shape == (len(frame), 2)
    assert frame["nose_tip_y"].tolist() == [60, 60, 60]
    assert frame["mouth_center_bottom_lip_y"].isna().tolist() == [False, True, False]
    with pytest.raises(ValueError, match=r"to_frame: got points of shape \(2, 30\), expected"):
        to_frame(np.zeros((2, 30)), np.arange(2))
