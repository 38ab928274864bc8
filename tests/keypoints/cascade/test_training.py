"""Training of a level: crops miss their points as held-out faces say, and targets are where the points are."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints.cascade import training
from nnscratch.keypoints.cascade.answers import Answered
from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.cascade.region_crops import RegionCrops
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.cascade.training import TrainedLevel, train_level
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import POINTS, Faces, to_targets
from nnscratch.keypoints.geometry.label_offset import LabelOffsets
from nnscratch.keypoints.geometry.mirror import MIRRORED, symmetrical
from nnscratch.keypoints.metrics import mean_face, rmse_px
from nnscratch.keypoints.recipes import Recipe
from nnscratch.keypoints.start import start_from_mean_face
from nnscratch.training.side_by_side import train_together

FACES = draw_faces(60, seed=0)
REFERENCE = symmetrical(mean_face(FACES.points))
EYE, OTHER_EYE = POINTS.index("left_eye_center"), POINTS.index("right_eye_center")
NO_OFFSET = LabelOffsets({}, other=0.0)


# -- RegionCrops


def poses(count: int) -> np.ndarray:
    """(N, 15, 2) px: the reference, tilted by up to 30 degrees, smaller or larger, and distorted."""
    rng = np.random.default_rng(1)
    angle, size = rng.uniform(-0.5, 0.5, count), rng.uniform(0.7, 1.2, count)
    turn = (size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])).transpose(2, 0, 1)
    return np.einsum("nij,kj->nki", turn, REFERENCE - 47.5) + 47.5 + rng.normal(0, 1.5, (count, 15, 2))


def with_dots(points: np.ndarray) -> np.ndarray:
    """(N, 96, 96, 1): black pictures with a soft dot at each of the points (N, K, 2) px; the first one is brighter."""
    row, column = np.mgrid[:96, :96]
    squares = (column - points[..., 0, None, None]) ** 2 + (row - points[..., 1, None, None]) ** 2
    brightness = np.linspace(1.0, 0.6, points.shape[1])[:, None, None]
    return (brightness * np.exp(-squares / (2 * 1.5**2))).max(axis=1).astype(np.float32)[..., np.newaxis]


def brightest(x: np.ndarray) -> np.ndarray:
    """(N, 2): the place of the centre of mass of what is brighter than half of the brightest; 1 is a crop's edge."""
    picture = x[..., 0].astype(np.float64)
    weight = np.maximum(picture - picture.max(axis=(1, 2), keepdims=True) / 2, 0)
    middle = (x.shape[1] - 1) / 2
    row, column = (np.mgrid[: x.shape[1], : x.shape[2]] - middle) / middle
    return np.stack([(weight * place).sum(axis=(1, 2)) / weight.sum(axis=(1, 2)) for place in (column, row)], axis=1)


def rows(true: np.ndarray, thought: np.ndarray | None = None) -> np.ndarray:
    """(N, 60) as `RegionCrops` is given them."""
    filled = np.where(np.isnan(true), true if thought is None else thought, true)
    return np.concatenate([to_targets(true), to_targets(filled)], axis=1)


def crops_of(region: Region, errors: np.ndarray | None = None, offset: float = 0.0, **settings: float) -> RegionCrops:
    errors = np.random.default_rng(2).normal(0, 1.5, (20, 15, 2)) if errors is None else errors
    settings = {"rotation": 20.0, "scale": 0.2} | settings
    return RegionCrops(region, REFERENCE, errors, LabelOffsets({}, other=offset), **settings)


@pytest.mark.parametrize("offset", [0.0, 2.0])
@pytest.mark.parametrize("point", ["left_eye_center", "nose_tip"])
def test_a_dot_is_where_its_target_says(point: str, offset: float) -> None:
    """Also in mirror images, also if labels lie beside their dots: by so many px to the right, in every crop."""
    region, k = Region("one", (point,), 40, 32.0), POINTS.index(point)
    true = poses(200)
    x = with_dots(true[:, [k, MIRRORED[k]]] - [offset, 0])
    augment = crops_of(region, offset=offset)
    crop, target = augment(x, rows(true), np.random.default_rng(0))
    assert (crop.shape, target.shape, target.dtype) == ((200, 40, 40, 1), (200, 2), np.float32)
    beside = (target - brightest(crop)) * (40 - 1) / 2 * 32 / 40  # px of an average face
    seen = np.isfinite(target).all(axis=1)
    assert seen.sum() > 190
    # Of a face of 0.7 to 1.2 times the size, in a crop that is turned and resized: only its length is known roughly.
    lengths = np.linalg.norm(beside[seen], axis=1)
    if offset == 0:
        assert np.quantile(lengths, 0.95) < 0.25
    else:
        assert 0.6 * offset < np.quantile(lengths, 0.05)
        assert np.quantile(lengths, 0.95) < 2 * offset
        assert (beside[seen, 0] > 0.5 * offset).mean() > 0.95  # never to the left


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


def test_a_point_outside_its_crop_has_no_label() -> None:
    error = np.full((1, 15, 2), 11.0)  # the crop reaches 10 px to either side
    region = Region("nose", ("nose_tip",), 40, 20.0)
    augment = crops_of(region, errors=error, rotation=0.0, scale=0.0)
    x, true = np.zeros((20, 96, 96, 1), np.float32), poses(20)
    assert np.isnan(augment(x, rows(true), np.random.default_rng(0))[1]).all()
    augment = crops_of(region, errors=error * 8 / 11, rotation=0.0, scale=0.0)
    assert np.isfinite(augment(x, rows(true), np.random.default_rng(0))[1]).all()


def test_a_crop_misses_its_point_by_an_error_of_those_given() -> None:
    """A single error: in every crop, mirrored or not, the point lies so far on the other side of the middle.

    In px of an upright face of average size: faces are tilted, and of all sizes. (That a shift of one point alone turns
    the whole face a little is why the error is the same for all points here.)
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
    first = crops.copy()
    crops, again = augment(FACES.x, rows(poses(60)), np.random.default_rng(0))
    np.testing.assert_array_equal(crops, first)
    np.testing.assert_array_equal(again, targets)
    crops, other = augment(FACES.x, rows(poses(60)), np.random.default_rng(1))
    assert not np.array_equal(crops, first)
    assert not np.array_equal(other, targets)


# -- train_level

REGIONS = (
    Region("nose", ("nose_tip",), 12, 30.0),
    Region("mouth", ("mouth_left_corner", "mouth_center_bottom_lip"), 12, 50.0),
)
RECIPE = Recipe("tiny", epochs=2, lr=0.01, batch_size=16)


def tiny(rng: np.random.Generator, region: Region) -> nn.Sequential:
    return nn.Sequential(
        nn.Flatten(), nn.Dense(144, 8, rng=rng), nn.ReLU(), nn.Dense(8, 2 * len(region.points), rng=rng)
    )


def mean_cascade(train: Faces) -> Cascade:
    network = nn.Sequential(nn.Flatten(), nn.Dense(9216, 30, rng=0))
    start_from_mean_face(network, train.points)
    return Cascade(network, symmetrical(mean_face(train.points)))


def trained(train: Faces, validation: Faces, **settings: Any) -> TrainedLevel:
    cascade = mean_cascade(train)
    recipe = settings.pop("recipe", RECIPE)
    return train_level(cascade, REGIONS, tiny, recipe, train, Answered.of(cascade, validation), **settings)


TRAIN, VALIDATION = FACES.select(slice(0, 35)), FACES.select(slice(35, 60))


@pytest.fixture(scope="module")
def level_2() -> TrainedLevel:
    return trained(TRAIN, VALIDATION, seed=3)


def test_a_level_is_added(level_2: TrainedLevel) -> None:
    level = level_2.cascade.levels[0]
    assert len(level_2.cascade.levels) == 1
    assert level.regions == REGIONS
    assert set(level_2.histories) == {"nose", "mouth"}
    for history in level_2.histories.values():
        assert history.stopped == "all 2 epochs done"
        assert all(map(math.isfinite, history.columns["validation_loss"]))
    assert [answer.shape for answer in level_2.held_out.answers] == [(25, 15, 2)] * 2
    assert level_2.held_out.faces is VALIDATION
    assert all(layer.params["weight"].any() for network in level.networks for layer in network.layers if layer.params)
    found = level_2.cascade.predict_levels(VALIDATION.images)
    np.testing.assert_allclose(found[0], level_2.held_out.answers[0], atol=1e-4)
    # Its own answers for held-out faces, by combinations fitted on these too, are not those that are judged by.
    assert len(level.combinations) == 2
    assert not np.allclose(found[1], level_2.held_out.answers[1], atol=1e-6)


def test_what_it_brings_is_shown(level_2: TrainedLevel) -> None:
    lines = level_2.held_out.gains().split("\n")
    assert len(lines) == 1 + 15 + 1
    assert "level 1  level 2" in lines[0]
    assert max(map(len, lines)) <= 80


def test_a_network_sees_only_the_faces_with_one_of_its_points() -> None:
    faces = replace(TRAIN, points=TRAIN.points.copy())
    faces.points[10:, POINTS.index("nose_tip")] = np.nan
    histories = trained(faces, VALIDATION).histories
    assert histories["nose"].columns["images"] == [np.isfinite(faces.points[:10, 10, 0]).sum()] * 2


@pytest.mark.parametrize("side", ["train", "validation"])
def test_a_region_without_labels_gets_no_network(side: str) -> None:
    """Nobody to learn from, or nobody to be judged by; with none left at all, a level of no networks changes little."""
    faces = {"train": TRAIN, "validation": VALIDATION}
    faces[side] = replace(faces[side], points=faces[side].points.copy())
    faces[side].points[:, REGIONS[0].served] = np.nan
    level = trained(**faces)
    assert level.cascade.levels[0].regions == REGIONS[1:]
    assert set(level.histories) == {"mouth"}
    assert np.isfinite(level.cascade.predict_points(VALIDATION.images)).all()
    faces[side].points[:, REGIONS[1].served] = np.nan
    level = trained(**faces)
    assert level.histories == {}
    assert np.isfinite(level.cascade.predict_points(VALIDATION.images)).all()


def test_a_network_that_diverges_does_no_harm() -> None:
    level = trained(TRAIN, VALIDATION, recipe=replace(RECIPE, lr=1e38))
    assert "diverged" in level.histories["nose"].stopped
    assert np.isfinite(level.held_out.answers[-1]).all()
    before, after = (rmse_px(answer, VALIDATION.points) for answer in level.held_out.answers)
    assert after <= before


@pytest.mark.parametrize(("seconds_a_face", "expected"), [(0.1, 100 - 0.1 * 2 * 60), (10.0, 50)])
def test_time_for_the_looks_is_kept_back(
    monkeypatch: pytest.MonkeyPatch, seconds_a_face: float, expected: float
) -> None:
    """Two looks at 60 faces; but half of the time is the networks' in any case."""
    given = []

    def note(jobs: dict[str, Any], *, seconds: float, **settings: Any) -> Any:
        given.append(seconds)
        return train_together(jobs, **settings)

    monkeypatch.setattr(training, "seconds_a_face", lambda *_: seconds_a_face)
    monkeypatch.setattr(training, "train_together", note)
    trained(TRAIN, VALIDATION, seconds=100.0)
    assert expected - 5 < given[0] <= expected


def test_a_third_level_learns_from_the_second_ones_errors(level_2: TrainedLevel) -> None:
    region = Region("nose_near", ("nose_tip",), 12, 16.0)
    level_3 = train_level(level_2.cascade, (region,), tiny, RECIPE, TRAIN, level_2.held_out)
    assert [len(level.regions) for level in level_3.cascade.levels] == [2, 1]
    assert len(level_3.held_out.answers) == 3
    assert "level 3" in level_3.held_out.gains()


def test_the_same_seed_gives_the_same_level(level_2: TrainedLevel) -> None:
    again, other = (trained(TRAIN, VALIDATION, seed=seed) for seed in (3, 4))
    for name, history in level_2.histories.items():
        assert history.columns["loss"] == again.histories[name].columns["loss"]
        assert history.columns["loss"] != other.histories[name].columns["loss"]
    np.testing.assert_array_equal(again.held_out.answers[-1], level_2.held_out.answers[-1])
    np.testing.assert_array_equal(
        again.cascade.predict_points(VALIDATION.images), level_2.cascade.predict_points(VALIDATION.images)
    )
