"""Crops of a region: displaced as held-out errors say, and targets are where the points are."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.keypoints.cascade.answers import CascadeAnswers
from nnscratch.keypoints.cascade.region_crops import RegionCrops, split_filled, validation_crops, with_filled
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import POINTS, Faces
from nnscratch.keypoints.geometry.label_offset import LabelOffsets
from nnscratch.keypoints.geometry.mirror import MIRRORED, symmetrical
from nnscratch.keypoints.metrics import mean_face

FACES = draw_faces(60, seed=0)
REFERENCE = symmetrical(mean_face(FACES.points))
EYE, OTHER_EYE = POINTS.index("left_eye_center"), POINTS.index("right_eye_center")
NO_OFFSET = LabelOffsets({}, other=0.0)
EYE_REGION = Region("eye", ("left_eye_center",), side=24, width=20)


def poses(count: int) -> np.ndarray:
    """(N, 15, 2) px: the reference, tilted by up to 30 degrees, resized, and distorted."""
    rng = np.random.default_rng(1)
    angle, size = rng.uniform(-0.5, 0.5, count), rng.uniform(0.7, 1.2, count)
    turn = (size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])).transpose(2, 0, 1)
    return np.einsum("nij,kj->nki", turn, REFERENCE - 47.5) + 47.5 + rng.normal(0, 1.5, (count, 15, 2))


def with_dots(points: np.ndarray) -> np.ndarray:
    """(N, 96, 96, 1): black pictures with a soft dot at each of the points (N, K, 2) px; the first
    one is brighter.
    """
    row, column = np.mgrid[:96, :96]
    squares = (column - points[..., 0, None, None]) ** 2 + (row - points[..., 1, None, None]) ** 2
    brightness = np.linspace(1.0, 0.6, points.shape[1])[:, None, None]
    return (brightness * np.exp(-squares / (2 * 1.5**2))).max(axis=1).astype(np.float32)[..., np.newaxis]


def brightest(x: np.ndarray) -> np.ndarray:
    """(N, 2): the place of the centre of mass of what is brighter than half of the brightest; 1 is
    a crop's edge.
    """
    picture = x[..., 0].astype(np.float64)
    weight = np.maximum(picture - picture.max(axis=(1, 2), keepdims=True) / 2, 0)
    middle = (x.shape[1] - 1) / 2
    row, column = (np.mgrid[: x.shape[1], : x.shape[2]] - middle) / middle
    return np.stack([(weight * place).sum(axis=(1, 2)) / weight.sum(axis=(1, 2)) for place in (column, row)], axis=1)


def rows(true: np.ndarray, thought: np.ndarray | None = None) -> np.ndarray:
    """The y that `RegionCrops` is given."""
    return with_filled(true, true if thought is None else thought)


def crops_of(region: Region, errors: np.ndarray | None = None, offset: float = 0.0, **settings: float) -> RegionCrops:
    errors = np.random.default_rng(2).normal(0, 1.5, (20, 15, 2)) if errors is None else errors
    settings = {"rotation": 20.0, "scale": 0.2} | settings
    return RegionCrops(region, REFERENCE, errors, LabelOffsets({}, other=offset), **settings)


def test_y_has_the_points_with_their_gaps_and_without() -> None:
    true, answers = poses(4), poses(4) + 1
    true[1, 3] = np.nan
    y = with_filled(true, answers)
    assert (y.shape, y.dtype) == ((4, 2, 30), np.float32)
    points, filled = split_filled(y)
    np.testing.assert_allclose(points, true, atol=1e-5)
    np.testing.assert_allclose(filled[1, 3], answers[1, 3], atol=1e-5)
    filled[1, 3] = np.nan
    np.testing.assert_array_equal(filled, points)


@pytest.mark.parametrize("point", ["left_eye_center", "nose_tip"])
def test_a_dot_is_where_its_target_says(point: str) -> None:
    """In mirror images too."""
    region, k = Region("one", (point,), 40, 32.0), POINTS.index(point)
    true = poses(200)
    crop, target = crops_of(region)(with_dots(true[:, [k, MIRRORED[k]]]), rows(true), np.random.default_rng(0))
    assert (crop.shape, target.shape, target.dtype) == ((200, 40, 40, 1), (200, 2), np.float32)
    seen = np.isfinite(target).all(axis=1)
    assert seen.sum() > 190
    half = (40 - 1) / 2 * 32 / 40  # from the middle of a crop to its edge, px of an average face
    # A few dots lie at the very edge of their crop, which cuts off a part.
    assert np.quantile(half * np.abs(target - brightest(crop))[seen], 0.95) < 0.25


def test_labels_lie_beside_their_dots_by_the_label_offset_in_mirror_images_too() -> None:
    """Upright faces of average size, so that px in a crop are px in the picture: 2 px to the right
    in every crop.
    """
    region, k = Region("eye", ("left_eye_center",), 41, 41.0), EYE
    true = np.repeat(REFERENCE[np.newaxis], 40, axis=0)
    x = with_dots(true[:, [k, MIRRORED[k]]] - [2.0, 0])
    augment = crops_of(region, offset=2.0, rotation=0.0, scale=0.0)
    crop, target = augment(x, rows(true), np.random.default_rng(0))
    beside = 20 * (target - brightest(crop))
    np.testing.assert_allclose(beside, np.tile([2.0, 0], (40, 1)), atol=0.35)  # the errors turn the crops a little


def test_missing_labels_stay_missing_and_their_place_is_taken_by_what_is_thought() -> None:
    """The crop of an eye without a label lies around where the eye is thought to be."""
    region = Region("eye", ("left_eye_center", "left_eye_inner_corner"), 40, 40.0)
    whole = poses(50)
    true = whole.copy()
    true[::2, region.indices[0]] = np.nan
    true[::2, MIRRORED[region.indices[0]]] = np.nan
    augment = crops_of(region, errors=np.zeros((1, 15, 2)))
    _, target = augment(np.zeros((50, 96, 96, 1), np.float32), rows(true, whole), np.random.default_rng(0))
    assert np.isnan(target[::2, :2]).all()
    assert np.isfinite(target[1::2]).all()
    _, whole_target = augment(np.zeros((50, 96, 96, 1), np.float32), rows(whole), np.random.default_rng(0))
    np.testing.assert_allclose(target[::2, 2:], whole_target[::2, 2:], atol=1e-4)


def test_crops_are_the_callers_own() -> None:
    """Two trainings side by side may share a RegionCrops."""
    x, true = np.zeros((3, 96, 96, 1), np.float32), poses(3)
    augment = crops_of(Region("nose", ("nose_tip",), 40, 20.0))
    first, second = (augment(x + value, rows(true), np.random.default_rng(0))[0] for value in (1, 2))
    assert not np.shares_memory(first, second)
    assert (first == 1).all()


def test_a_point_outside_its_crop_has_no_label() -> None:
    error = np.full((1, 15, 2), 11.0)  # the crop reaches 10 px to either side
    region = Region("nose", ("nose_tip",), 40, 20.0)
    augment = crops_of(region, errors=error, rotation=0.0, scale=0.0)
    x, true = np.zeros((20, 96, 96, 1), np.float32), poses(20)
    assert np.isnan(augment(x, rows(true), np.random.default_rng(0))[1]).all()
    augment = crops_of(region, errors=error * 8 / 11, rotation=0.0, scale=0.0)
    assert np.isfinite(augment(x, rows(true), np.random.default_rng(0))[1]).all()


def test_a_crop_misses_its_point_by_an_error_of_those_given() -> None:
    """A single error: in every crop, mirrored or not, the point lies so far on the other side of
    the middle.

    In px of an upright face of average size: faces are tilted, and of all sizes. (That a shift of
    one point alone turns the whole face a little is why the error is the same for all points here.)
    """
    region = Region("nose", ("nose_tip",), 41, 41.0)  # a pixel of the crop is one of an average face, but for the edge
    error = np.tile([3.0, -5.0], (1, 15, 1))
    augment = crops_of(region, errors=error, rotation=0.0, scale=0.0)
    _, target = augment(np.zeros((30, 96, 96, 1), np.float32), rows(poses(30)), np.random.default_rng(0))
    np.testing.assert_allclose(target * 20, np.tile([-3.0, 5.0], (30, 1)), atol=1e-3)


def test_errors_of_all_faces_are_drawn_and_pictures_are_mirrored_half_of_the_time() -> None:
    region = Region("eye", ("left_eye_center",), 41, 41.0)
    error = np.zeros((4, 15, 2))
    error[..., 0] = np.array([-6.0, -2.0, 2.0, 6.0])[:, np.newaxis]
    true = np.repeat(REFERENCE[np.newaxis], 400, axis=0)
    x = with_dots(true[:, [EYE]])  # the left eye alone: a mirrored picture shows nothing
    augment = crops_of(region, errors=error, rotation=0.0, scale=0.0)
    crop, target = augment(x, rows(true), np.random.default_rng(0))
    shifts, counts = np.unique(np.rint(-20 * target[:, 0]), return_counts=True)
    assert shifts.tolist() == [-6, -2, 2, 6]
    assert counts.min() > 60
    shown = crop.max(axis=(1, 2, 3)) > 0.5
    assert 140 < shown.sum() < 260


def test_turns_and_sizes_are_as_large_as_they_say_and_about_the_middle() -> None:
    region = Region("eyes", ("left_eye_center", "right_eye_center"), 41, 60.0)
    true = np.repeat(REFERENCE[np.newaxis], 300, axis=0)
    augment = crops_of(region, errors=np.zeros((1, 15, 2)), rotation=30.0, scale=0.25)
    _, target = augment(np.zeros((300, 96, 96, 1), np.float32), rows(true), np.random.default_rng(0))
    left, right = target[:, :2], target[:, 2:]
    np.testing.assert_allclose(left, -right, atol=1e-5)  # the middle stays the middle
    angle = np.degrees(np.arctan2(left[:, 1], left[:, 0]))
    size = np.linalg.norm(left, axis=1) / np.median(np.linalg.norm(left, axis=1))
    assert 28 < angle.max() <= 30.001
    assert -30.001 <= angle.min() < -28
    assert size.max() / size.min() == pytest.approx(1.25**2, rel=0.05)
    assert abs(angle.mean()) < 3


def test_the_same_seed_gives_the_same_crops() -> None:
    augment = crops_of(Region("nose", ("nose_tip",), 16, 20.0))
    crops, targets = augment(FACES.x, rows(poses(60)), np.random.default_rng(0))
    first = crops
    crops, again = augment(FACES.x, rows(poses(60)), np.random.default_rng(0))
    np.testing.assert_array_equal(crops, first)
    np.testing.assert_array_equal(again, targets)
    crops, other = augment(FACES.x, rows(poses(60)), np.random.default_rng(1))
    assert not np.array_equal(crops, first)
    assert not np.array_equal(other, targets)


def held_out_with(points: np.ndarray) -> CascadeAnswers:
    """Faces with dots at the left eye, or what mirrors it, and answers that are 3 px off."""
    images = np.rint(255 * with_dots(points[:, [EYE, OTHER_EYE]])[..., 0]).astype(np.uint8)
    faces = Faces(images, points.astype(np.float32), np.arange(len(points)))
    return CascadeAnswers(faces, [points + np.array([3.0, 0])], np.zeros(len(points)))


def test_validation_crops_show_pictures_and_mirror_images_around_the_answers() -> None:
    region = Region("eye", ("left_eye_center",), 41, 41.0)
    true = np.repeat(REFERENCE[np.newaxis], 6, axis=0)
    crop, target = validation_crops(region, REFERENCE, held_out_with(true), NO_OFFSET)
    assert (crop.shape, target.shape, target.dtype) == ((12, 41, 41, 1), (12, 2), np.float32)
    # 3 px to the right in the picture are 3 px to the left in its mirror image.
    np.testing.assert_allclose(20 * target, [[-3.0, 0]] * 6 + [[3.0, 0]] * 6, atol=1e-3)
    np.testing.assert_allclose(20 * brightest(crop), 20 * target, atol=0.25)


def test_validation_crops_without_a_labelled_point_are_left_out() -> None:
    region = Region("eye", ("left_eye_center",), 41, 41.0)
    held_out = held_out_with(np.repeat(REFERENCE[np.newaxis], 6, axis=0))
    held_out.faces.points[:2, EYE] = np.nan
    held_out.answers[0][5] += [40.0, 0]  # its crops are beside the point
    crop, target = validation_crops(region, REFERENCE, held_out, NO_OFFSET)
    assert len(crop) == len(target) == 3 + 5
    assert np.isfinite(target).all()


@pytest.mark.parametrize(
    ("reference", "errors", "message"),
    [
        (REFERENCE[:3], np.zeros((2, 15, 2)), r"got reference of shape \(3, 2\)"),
        (REFERENCE, np.zeros((0, 15, 2)), r"errors of shape \(0, 15, 2\), expected"),
        (REFERENCE, np.zeros((2, 30)), r"errors of shape \(2, 30\), expected"),
        (REFERENCE, np.full((2, 15, 2), np.nan), "got errors with 60 of 60 values NaN"),
        (REFERENCE * np.inf, np.zeros((2, 15, 2)), "got reference with 30 of 30 values NaN"),
    ],
)
def test_what_displaces_no_crop(reference: np.ndarray, errors: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RegionCrops(EYE_REGION, reference, errors, NO_OFFSET, rotation=0.0, scale=0.0)


def test_batches_that_do_not_fit_are_refused() -> None:
    augment, rng = crops_of(EYE_REGION), np.random.default_rng(0)
    x, y = np.zeros((2, 96, 96, 1), np.float32), rows(poses(2))
    gaps = y.copy()
    gaps[1, 1] = np.nan
    for wrong_x, wrong_y, message in [
        (x.astype(np.float64), y, "got x of dtype float64"),
        (x[:, :48], y, r"shape \(2, 48, 96, 1\)"),
        (x, y[:1], r"got y of shape \(1, 2, 30\)"),
        (x, y[:, 0], r"got y of shape \(2, 30\)"),
        (x, gaps, "got map 1 = .*expected finite numbers"),
    ]:
        with pytest.raises(ValueError, match=message):
            augment(wrong_x, wrong_y, rng)
