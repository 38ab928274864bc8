"""Regions: an answer in a crop is found again in the picture, and in its mirror image."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nnscratch.keypoints.cascade.regions import Region, one_per_point
from nnscratch.keypoints.faces import POINTS
from nnscratch.keypoints.geometry.affine_maps import AffineMaps
from nnscratch.keypoints.geometry.local_contrast import locally_normalized
from nnscratch.keypoints.geometry.mirror import MIRRORED, mirrored, symmetrical

LEFT_EYE = Region(
    "left_eye", ("left_eye_center", "left_eye_inner_corner", "left_eye_outer_corner"), side=24, width=36.0
)
EYE = Region("eye", ("left_eye_center",), side=48, width=40.0)
NOSE = Region("nose", ("nose_tip",), side=32, width=24.0)
SMALL = Region("mouth", ("mouth_left_corner", "mouth_center_top_lip"), side=15, width=50.0)
REFERENCE = symmetrical(np.random.default_rng(9).uniform(20, 76, (15, 2)))


def poses(count: int, seed: int = 0) -> np.ndarray:
    """(N, 15, 2) px: the reference, tilted by up to 40 degrees, from 0.7 to 1.4 times as large, and
    distorted.
    """
    rng = np.random.default_rng(seed)
    angle, size = rng.uniform(-0.7, 0.7, count), np.exp2(rng.uniform(-0.5, 0.5, count))
    turn = (size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])).transpose(2, 0, 1)
    points = np.einsum("nij,kj->nki", turn, REFERENCE - 47.5) + 47.5
    return points + rng.normal(0, 2, (count, 15, 2))


@pytest.mark.parametrize("region", [LEFT_EYE, NOSE, SMALL], ids=lambda region: region.name)
def test_a_perfect_answer_is_the_points(region: Region) -> None:
    """Whatever was thought before, and however wrong."""
    true = poses(50)
    thought = true + np.random.default_rng(1).normal(0, 4, true.shape)
    maps = region.crop_maps(thought, REFERENCE)
    found = region.decode(region.encode(true, maps), maps)
    np.testing.assert_allclose(found[:, region.indices], true[:, region.indices], atol=1e-4)
    others = np.setdiff1d(np.arange(15), region.indices)
    assert np.isnan(found[:, others]).all()
    assert found.dtype == np.float64


def test_where_the_crop_lies() -> None:
    """Its middle is the middle of the region's points; an average face gives its width; it turns
    with the face.
    """
    upright = REFERENCE[np.newaxis]
    maps = LEFT_EYE.crop_maps(upright, REFERENCE)
    middle = upright[0, LEFT_EYE.indices].mean(axis=0)
    np.testing.assert_allclose(maps.to(np.full((1, 1, 2), 11.5))[0, 0], middle, atol=1e-9)
    np.testing.assert_allclose(maps.linear[0], np.eye(2) * 36 / 24, atol=1e-9)
    turned = (upright - 48) @ np.array([[0, 2.0], [-2.0, 0]]) + 48  # x to 2 y: a quarter turn, twice as large
    np.testing.assert_allclose(LEFT_EYE.crop_maps(turned, REFERENCE).linear[0], [[0, -3], [3, 0]], atol=1e-9)


def test_encoded_points_are_1_at_the_edges_and_missing_ones_stay_missing() -> None:
    maps = AffineMaps(np.array([[[1.0, 0, 10], [0, 1, 20]]]))
    points = np.full((1, 15, 2), np.nan)
    points[0, 10] = [10 + 31, 20]
    np.testing.assert_allclose(NOSE.encode(points, maps), [[1, -1]])
    assert NOSE.encode(points, maps).dtype == np.float32
    assert np.isnan(LEFT_EYE.encode(points, maps)).all()


def brightest(x: np.ndarray) -> np.ndarray:
    """(N, 2) px: column and row of the centre of mass of what is brighter than half of the
    brightest.
    """
    picture = x[..., 0].astype(np.float64)
    weight = np.maximum(picture - picture.max(axis=(1, 2), keepdims=True) / 2, 0)
    row, column = np.mgrid[: x.shape[1], : x.shape[2]]
    return np.stack([(weight * place).sum(axis=(1, 2)) / weight.sum(axis=(1, 2)) for place in (column, row)], axis=1)


def dots(points: np.ndarray) -> np.ndarray:
    """(N, 96, 96, 1): black pictures with a soft white dot at (N, 2) px."""
    row, column = np.mgrid[:96, :96]
    squares = np.square(column - points[:, :1, np.newaxis]) + np.square(row - points[:, 1:, np.newaxis])
    return np.exp(-squares / (2 * 1.5**2)).astype(np.float32)[..., np.newaxis]


@pytest.mark.parametrize("region", [EYE, NOSE], ids=lambda region: region.name)
def test_a_dot_is_seen_where_its_target_says(region: Region) -> None:
    k = region.indices[0]
    true = poses(30)
    thought = true + np.random.default_rng(1).normal(0, 1.5, true.shape)
    maps = region.crop_maps(thought, REFERENCE)
    seen = brightest(region.crop(dots(true[:, k]), maps))
    middle = (region.side - 1) / 2
    expected = region.encode(true, maps) * middle + middle
    pixel = region.width / region.side  # of the crop, in px of an average face
    assert np.abs(seen - expected).max() * pixel < 0.25
    found = region.decode(((seen - middle) / middle).astype(np.float32), maps)
    assert np.linalg.norm(found[:, k] - true[:, k], axis=1).max() < 0.25


@pytest.mark.parametrize("offset", [0.0, 2.5])
def test_the_counterpart_is_found_in_the_mirror_image(offset: float) -> None:
    """A dot beside which the label lies by the offset: found in the mirror image, it is beside it
    by the same.
    """
    region, true = EYE, poses(30)
    other = MIRRORED[region.indices[0]]
    assert POINTS[other] == "right_eye_center"
    x = dots(true[:, other] - [offset, 0])
    offsets = np.full(len(true), offset)
    _, (crop, maps) = region.crop_both_sides(x, true, offsets, REFERENCE)
    np.testing.assert_allclose(crop, region.crop(np.ascontiguousarray(x[:, :, ::-1]), maps), atol=1e-4)
    middle = (region.side - 1) / 2
    # The label lies to the right of the dot in both pictures, in crop pixels along the turned axis.
    beside = maps.differences_back(np.tile([offset, 0], (len(true), 1, 1)))[:, 0]
    seen = brightest(crop) + beside
    found = mirrored(region.decode(((seen - middle) / middle).astype(np.float32), maps), offsets)
    assert np.linalg.norm(found[:, other] - true[:, other], axis=1).max() < 0.25


def test_one_region_per_point_finds_every_point_once() -> None:
    regions = one_per_point(side=32, width=30)
    assert len(regions) == 9
    found = np.concatenate([region.indices_both_sides for region in regions])
    np.testing.assert_array_equal(np.sort(found), np.arange(15))
    assert {(region.side, region.width) for region in regions} == {(32, 30)}
    assert len({region.name for region in regions + one_per_point(side=32, width=60)}) == 18


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"points": ()}, r"got points=\(\), expected names from POINTS"),
        ({"points": ("nose_tip", "chin")}, r"correct \['chin'\]"),
        ({"side": 1}, "got side=1, width=20, expected 2 pixels or more"),
        ({"width": 0}, "got side=24, width=0"),
        ({"width": float("nan")}, "width=nan"),
        ({"width": float("inf")}, "width=inf, expected 2 pixels or more, and a finite width"),
        ({"width": "20"}, "width='20'"),
        ({"side": 24.0}, "got side=24.0"),
        ({"window": 12}, "got window=12, expected 0 or an odd number from 3 to its side; try 13"),
        ({"window": 1}, "got window=1,"),
        ({"window": -3}, "got window=-3,"),
        ({"window": 25}, "got window=25,"),
        ({"window": 5.0}, r"got window=5\.0,"),
        ({"window": True}, "got window=True,"),
    ],
)
def test_what_is_no_region(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Region(**{"name": "a", "points": ("nose_tip",), "side": 24, "width": 20} | changes)


def test_a_region_with_a_window_sees_local_contrast_in_both_pictures() -> None:
    points, x = poses(3), np.random.default_rng(0).random((3, 96, 96, 1), np.float32)
    local = replace(EYE, window=7)
    plain, seen = (each.crop_both_sides(x, points, np.zeros(3), REFERENCE) for each in (EYE, local))
    for (crop, maps), (local_crop, local_maps) in zip(plain, seen, strict=True):
        np.testing.assert_array_equal(local_crop, locally_normalized(crop, 7))
        np.testing.assert_array_equal(local_maps.matrices, maps.matrices)


def test_answers_that_are_not_finite_give_no_crop() -> None:
    """As a network with a NaN weight gives them."""
    region, points = EYE, poses(3)
    points[1] = np.nan
    with pytest.raises(ValueError, match="got map 1 = .*nan.*expected finite numbers"):
        region.crop(np.zeros((3, 96, 96, 1), np.float32), region.crop_maps(points, REFERENCE))
