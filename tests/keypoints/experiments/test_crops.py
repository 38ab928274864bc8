"""Crops of whole pixels: pixels and points move alike, and targets can be undone."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.keypoints.experiments.crops import crop, crops_of_point, from_crop_targets, to_crop_targets
from nnscratch.keypoints.faces import POINTS, Faces

NOSE = POINTS.index("nose_tip")


def faces_with_dots(count: int = 40, missing: bool = False) -> Faces:
    """Black pictures with one white pixel, which is the nose tip; the other points are nowhere."""
    rng = np.random.default_rng(0)
    images, points = np.zeros((count, 96, 96), np.uint8), np.full((count, 15, 2), np.nan, np.float32)
    where = rng.integers(0, 96, (count, 2))
    images[np.arange(count), where[:, 1], where[:, 0]] = 255
    points[:, NOSE] = where
    if missing:
        points[::3] = np.nan
    return Faces(images, points, np.arange(1, count + 1))


@pytest.mark.parametrize("side", [1, 5, 32, 50, 96])
def test_pixels_and_points_move_alike(side: int) -> None:
    faces = faces_with_dots()
    true = faces.points[:, NOSE]
    centres = true + np.random.default_rng(1).uniform(-side / 3, side / 3, true.shape)
    crops, corners = crop(faces.images, centres, side)
    assert crops.shape == (len(faces), side, side)
    seen = 0
    for picture, point, corner in zip(crops, true, corners, strict=True):
        x, y = (point - corner).astype(int)
        if 0 <= x < side and 0 <= y < side:
            assert picture[y, x] == 255
            seen += 1
    assert seen >= 0.8 * len(faces)


def test_a_crop_beyond_the_border_repeats_it() -> None:
    image = np.arange(96 * 96).reshape(1, 96, 96).astype(np.uint8)
    crops, corners = crop(image, np.array([[0.0, 95.0]]), 8)
    np.testing.assert_array_equal(corners, [[-4, 91]])
    np.testing.assert_array_equal(crops[0, 0], [image[0, 91, 0]] * 5 + list(image[0, 91, 1:4]))
    np.testing.assert_array_equal(crops[0, 7], crops[0, 4])


def test_targets_are_undone_exactly_enough() -> None:
    rng = np.random.default_rng(0)
    points, corners = rng.uniform(0, 96, (50, 2)), rng.integers(-10, 90, (50, 2))
    there = to_crop_targets(points, corners, 32)
    np.testing.assert_allclose(from_crop_targets(there, corners, 32), points, atol=1e-4)
    np.testing.assert_allclose(to_crop_targets(corners + 16.0, corners, 32), 0)
    np.testing.assert_allclose(to_crop_targets(corners + 0.0, corners, 32), -1)


def test_faces_without_the_point_are_left_out() -> None:
    faces = faces_with_dots(30, missing=True)
    x, y = crops_of_point(faces, "nose_tip", np.full((30, 2), 48.0), 16)
    assert (x.shape, y.shape) == ((20, 16, 16, 1), (20, 2))
    assert np.isfinite(y).all()
    labelled = faces.points[np.arange(30) % 3 != 0, NOSE]
    np.testing.assert_allclose(from_crop_targets(y, np.array([[40, 40]]), 16), labelled, atol=1e-4)
