"""Drawn faces: they vary and lack labels as Kaggle's do, and a seed gives the same bits."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import POINTS, Faces
from nnscratch.keypoints.metrics import mean_face, rmse_px

COUNT = 300


@pytest.fixture(scope="module")
def complete() -> Faces:
    return draw_faces(COUNT, seed=11, missing=False)


@pytest.fixture(scope="module")
def gappy() -> Faces:
    return draw_faces(COUNT, seed=11)


def test_shapes_and_types(complete: Faces) -> None:
    assert complete.images.shape == (COUNT, 96, 96)
    assert complete.images.dtype == np.uint8
    assert complete.points.shape == (COUNT, 15, 2)
    assert complete.points.dtype == np.float32
    assert complete.image_ids.tolist() == list(range(1, COUNT + 1))
    assert np.isfinite(complete.points).all()


def test_points_lie_in_the_picture_or_hardly_off_it(complete: Faces) -> None:
    assert complete.points.min() > -8
    assert complete.points.max() < 103
    assert ((complete.points >= 0) & (complete.points <= 95)).mean() > 0.995


def test_the_persons_left_is_at_larger_x(complete: Faces) -> None:
    for left in [name for name in POINTS if "left" in name]:
        right = left.replace("left", "right")
        x_left, x_right = (complete.points[:, POINTS.index(name), 0] for name in (left, right))
        assert (x_left - x_right > 4).all(), left


def test_fewer_faces_are_the_first_of_more(gappy: Faces) -> None:
    again = draw_faces(7, seed=11)
    assert again.images.tobytes() == gappy.images[:7].tobytes()
    assert again.points.tobytes() == gappy.points[:7].tobytes()
    other = draw_faces(7, seed=12)
    assert not np.array_equal(other.images, again.images)
    assert len({image.tobytes() for image in gappy.images}) == COUNT


def test_labels_are_missing_as_on_kaggle(complete: Faces, gappy: Faces) -> None:
    assert np.array_equal(complete.images, gappy.images)
    labelled = np.isfinite(gappy.points)
    assert np.array_equal(labelled[..., 0], labelled[..., 1])
    assert np.array_equal(gappy.points[labelled], complete.points[labelled])
    number = labelled[..., 0].sum(axis=1)
    assert (number == 15).mean() == pytest.approx(0.33, abs=0.08)
    assert (number == 4).mean() == pytest.approx(0.28, abs=0.08)
    assert (number == 5).mean() == pytest.approx(0.39, abs=0.08)
    short = {"left_eye_center", "right_eye_center", "nose_tip"}
    kinds = {
        4: short | {"mouth_center_bottom_lip"},
        5: short | {"mouth_left_corner", "mouth_right_corner"},
    }
    for row, count in zip(labelled[..., 0], number, strict=True):
        names = {name for name, there in zip(POINTS, row, strict=True) if there}
        assert count > 5 or any(names <= kind for kind in kinds.values())
    assert set(number) <= {3, 4, 5, 14, 15}
    assert len(set(number)) >= 4  # a few rows lack one more label


def test_the_mean_face_scores_as_on_kaggle(complete: Faces, gappy: Faces) -> None:
    for faces in (complete, gappy):
        face = mean_face(faces.points)
        assert 3.4 < rmse_px(np.broadcast_to(face, faces.points.shape), faces.points) < 4.6
    # Kaggle's mean face, read off its 7,049 training rows to a pixel.
    face = mean_face(complete.points)
    for name, expected in {
        "left_eye_center": (66, 38),
        "nose_tip": (48, 59),
        "mouth_center_bottom_lip": (49, 83),
    }.items():
        assert face[POINTS.index(name)] == pytest.approx(expected, abs=1.6)


def test_pictures_are_varied(complete: Faces) -> None:
    images = complete.images.astype(np.float64)
    assert (images.std(axis=0) > 35).all()  # of every pixel over the faces
    assert 80 < images.mean() < 140
    assert np.median(images.std(axis=(1, 2))) > 30  # within a face
    assert np.ptp(images.mean(axis=(1, 2))) > 100  # dark and bright pictures
    assert (images.std(axis=(1, 2)) > 6).all()  # no face drowned in black or white


def test_no_number_becomes_nan_or_overflows() -> None:
    with np.errstate(all="raise", under="ignore"):
        draw_faces(40, seed=5)


def test_nothing_at_all() -> None:
    faces = draw_faces(0, seed=1)
    assert len(faces) == 0
    assert faces.images.shape == (0, 96, 96)


@pytest.mark.parametrize("count", [-1, 2.5, "3", None, True])
def test_a_bad_count_is_refused(count: object) -> None:
    with pytest.raises(ValueError, match="draw_faces: got count=.*, expected a whole number"):
        draw_faces(count, seed=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [-1, 0.5, None])
def test_a_bad_seed_is_refused(seed: object) -> None:
    with pytest.raises(ValueError, match="draw_faces: got seed=.*, expected a whole number"):
        draw_faces(1, seed=seed)  # type: ignore[arg-type]
