"""Drawn faces: the labels sit on what was drawn, the crowd varies as Kaggle's, the same seed gives the same bits."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from nnscratch.keypoints.drawn.faces import FaceParameters, draw, draw_faces
from nnscratch.keypoints.faces import POINTS, Faces
from nnscratch.keypoints.metrics import mean_face, rmse_px

COUNT = 300
SHARP = FaceParameters(defocus=0.2, ambient=0.6, hair=-1.0, skin=0.8, eye_opening=4.5, lips=0.5)
POSES = [(0, 0, 0), (22, 0, 0), (-22, 0, 0), (0, 14, 0), (0, -14, 0), (0, 0, 18), (15, -8, -14), (-18, 9, 12)]


@pytest.fixture(scope="module")
def complete() -> Faces:
    return draw_faces(COUNT, seed=11, missing=False)


@pytest.fixture(scope="module")
def gappy() -> Faces:
    return draw_faces(COUNT, seed=11)


def posed(pose: tuple[float, float, float], **changes: float) -> FaceParameters:
    yaw, pitch, roll = pose
    return replace(SHARP, yaw=float(yaw), pitch=float(pitch), roll=float(roll), **changes)


def touched(pose: tuple[float, float, float], **tones: tuple[float, float]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """How much each pixel changes when only the tone of one feature does, and the labels."""
    ((name, (dark, light)),) = tones.items()
    before, points = draw(posed(pose, **{name: dark}))
    after, same = draw(posed(pose, **{name: light}))
    assert np.array_equal(points, same)
    change = np.abs(after.astype(np.float64) - before)
    assert change.max() > 10
    return change, dict(zip(POINTS, points, strict=True))


def around(change: np.ndarray, centre: np.ndarray, reach: float) -> np.ndarray:
    y, x = np.mgrid[0:96, 0:96]
    return np.where(np.hypot(x - centre[0], y - centre[1]) < reach, change, 0)


@pytest.mark.parametrize("pose", POSES)
@pytest.mark.parametrize("gaze", [0.0, 1.2])
def test_eye_centres_are_the_middle_of_the_iris(pose: tuple[float, float, float], gaze: float) -> None:
    before, points = draw(posed(pose, gaze_x=gaze, iris_tone=0.02))
    after, _ = draw(posed(pose, gaze_x=gaze, iris_tone=0.5))
    change = np.abs(after.astype(np.float64) - before)
    y, x = np.mgrid[0:96, 0:96]
    for name in ("left_eye_center", "right_eye_center"):
        label = points[POINTS.index(name)]
        iris = around(change, label, 9)
        assert (iris * x).sum() / iris.sum() == pytest.approx(label[0], abs=0.5)
        assert (iris * y).sum() / iris.sum() == pytest.approx(label[1], abs=0.5)


def ends(change: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """How far beyond a and b (px, positive outwards) a feature reaches that was drawn from a to b."""
    y, x = np.nonzero(change > 0.15 * change.max())
    length = float(np.hypot(*(b - a)))
    along = ((x - a[0]) * (b[0] - a[0]) + (y - a[1]) * (b[1] - a[1])) / length
    return -float(along.min()), float(along.max()) - length


@pytest.mark.parametrize("pose", POSES)
def test_brows_end_at_their_labels(pose: tuple[float, float, float]) -> None:
    change, at = touched(pose, brow_strength=(0.3, 0.95))
    for side in ("left", "right"):
        inner, outer = at[f"{side}_eyebrow_inner_end"], at[f"{side}_eyebrow_outer_end"]
        brow = around(change, (inner + outer) / 2, float(np.hypot(*(outer - inner))) / 2 + 4)
        assert ends(brow, inner, outer) == pytest.approx((0, 0), abs=1.0)


@pytest.mark.parametrize("opening", [0.0, 6.0])
@pytest.mark.parametrize("pose", POSES)
def test_lips_end_at_their_labels(pose: tuple[float, float, float], opening: float) -> None:
    before, points = draw(posed(pose, mouth_open=opening, lips=0.1))
    after, _ = draw(posed(pose, mouth_open=opening, lips=0.9))
    change = np.abs(after.astype(np.float64) - before)
    at = dict(zip(POINTS, points, strict=True))
    # The lips are thinnest at the corners: the last pixel of them hardly shows.
    assert ends(change, at["mouth_right_corner"], at["mouth_left_corner"]) == pytest.approx((-0.6, -0.6), abs=1.2)
    top, bottom = at["mouth_center_top_lip"], at["mouth_center_bottom_lip"]
    across = (bottom - top) / np.hypot(*(bottom - top))
    y, x = np.mgrid[0:96, 0:96]
    middle = np.abs((x - top[0]) * -across[1] + (y - top[1]) * across[0]) < 1
    assert ends(np.where(middle, change, 0), top, bottom) == pytest.approx((0, 0), abs=1.0)


@pytest.mark.parametrize("pose", POSES)
def test_eye_corners_are_the_ends_of_the_lash_line(pose: tuple[float, float, float]) -> None:
    image, points = draw(posed(pose))
    shut, _ = draw(posed(pose, eye_opening=1.0))
    change = np.abs(image.astype(np.float64) - shut)
    at = dict(zip(POINTS, points, strict=True))
    for side in ("left", "right"):
        inner, outer = at[f"{side}_eye_inner_corner"], at[f"{side}_eye_outer_corner"]
        eye = around(change, (inner + outer) / 2, 11)
        beyond = ends(eye, inner, outer)
        assert max(beyond) < 1.5
        assert min(beyond) > -2.5


def test_the_nose_tip_is_on_the_lit_ridge() -> None:
    flat, points = draw(posed((20, 0, 0), nose_depth=0.1, light_x=-0.8))
    # The tip moves to the side to which the nose points, by its depth times the sine of the yaw.
    deep, moved = draw(posed((20, 0, 0), nose_depth=16.1, light_x=-0.8))
    tip = POINTS.index("nose_tip")
    assert moved[tip, 0] - points[tip, 0] == pytest.approx(16 * np.sin(np.radians(20)), abs=0.01)
    assert (
        np.abs(deep.astype(float) - flat)[int(moved[tip, 1]) - 3, int(moved[tip, 0]) - 8 : int(moved[tip, 0]) + 8].max()
        > 10
    )


def test_faces_have_the_contracts_shapes_and_types(complete: Faces) -> None:
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
        difference = (
            complete.points[:, POINTS.index(left)] - complete.points[:, POINTS.index(left.replace("left", "right"))]
        )
        assert (difference[:, 0] > 4).all(), left


def test_same_seed_same_bits_and_fewer_faces_are_the_first_of_more(gappy: Faces) -> None:
    again = draw_faces(7, seed=11)
    assert again.images.tobytes() == gappy.images[:7].tobytes()
    assert again.points.tobytes() == gappy.points[:7].tobytes()
    other = draw_faces(7, seed=12)
    assert not np.array_equal(other.images, again.images)
    assert len({image.tobytes() for image in gappy.images}) == COUNT


def test_missing_labels_follow_kaggles_three_kinds_of_rows(complete: Faces, gappy: Faces) -> None:
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
    assert len(set(number)) >= 4  # and now and then one label more is missing


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
    assert np.ptp(images.mean(axis=(1, 2))) > 100  # dark and bright ones
    assert (images.std(axis=(1, 2)) > 6).all()  # no face drowned in black or white


def test_no_number_becomes_nan_or_overflows() -> None:
    with np.errstate(all="raise", under="ignore"):
        draw_faces(40, seed=5)


def test_parameters_keep_their_distributions() -> None:
    generator = np.random.default_rng(0)
    crowd = [FaceParameters.sample(generator) for _ in range(2000)]
    average = FaceParameters()
    for field in fields(FaceParameters):
        values = np.array([getattr(face, field.name) for face in crowd])
        chance, low, high, spread = (field.metadata[key] for key in ("chance", "low", "high", "spread"))
        assert np.mean(values != 0) == pytest.approx(chance, abs=0.04), field.name
        assert low - 3 * spread <= values[values != 0].min(), field.name
        assert values.max() <= high + 3 * spread, field.name
        if spread:
            assert values.mean() == pytest.approx(getattr(average, field.name), abs=0.15 * spread), field.name
            assert values.std() == pytest.approx(spread, rel=0.1), field.name


def test_nothing_at_all() -> None:
    faces = draw_faces(0, seed=1)
    assert len(faces) == 0
    assert faces.images.shape == (0, 96, 96)


@pytest.mark.parametrize("count", [-1, 2.5, "3", None, True])
def test_a_bad_count_is_refused(count: object) -> None:
    with pytest.raises(ValueError, match="count is .* expected a whole number"):
        draw_faces(count, seed=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [-1, 0.5, None])
def test_a_bad_seed_is_refused(seed: object) -> None:
    with pytest.raises(ValueError, match="seed is .* expected a whole number"):
        draw_faces(1, seed=seed)  # type: ignore[arg-type]
