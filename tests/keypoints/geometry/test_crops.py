"""Crops: bilinear between pixels, and what lies beyond the border."""

from __future__ import annotations

import numpy as np

from nnscratch.keypoints.geometry.affine_maps import AffineMaps
from nnscratch.keypoints.geometry.crops import crops


def identity(count: int) -> AffineMaps:
    return AffineMaps(np.tile(np.eye(2, 3), (count, 1, 1)))


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(3).random((count, 96, 96, 1)).astype(np.float32)


def test_the_identity_gives_the_picture() -> None:
    x = pictures(20)  # more than one call of the kernel
    np.testing.assert_allclose(crops(x, identity(20), (96, 96)), x, atol=1e-6)


def test_between_pixels_a_crop_is_bilinear() -> None:
    x = pictures(2)
    crop = crops(x, identity(2).shifted([10.25, 20.5]), (5, 7))
    corners = [x[:, 20 + i : 25 + i, 10 + j : 17 + j] for i in (0, 1) for j in (0, 1)]
    expected = 0.5 * (0.75 * corners[0] + 0.25 * corners[1]) + 0.5 * (0.75 * corners[2] + 0.25 * corners[3])
    assert crop.shape == (2, 5, 7, 1)
    np.testing.assert_allclose(crop, expected, atol=1e-6)


def test_a_quarter_turn_moves_pixels_as_it_says() -> None:
    x = pictures(1)
    quarter_turn = AffineMaps(np.array([[[0.0, -1, 95], [1, 0, 0]]]))  # row r, column c from row c, column 95 - r
    crop = crops(x, quarter_turn, (96, 96))
    np.testing.assert_allclose(crop[0, :, :, 0], x[0, :, ::-1, 0].T, atol=1e-5)


def test_beyond_the_border_it_goes_on() -> None:
    x = pictures(1)
    crop = crops(x, identity(1).shifted([-4, 93]), (6, 6))[0, :, :, 0]
    np.testing.assert_allclose(crop[:3, :5], np.repeat(x[0, 93:96, :1, 0], 5, axis=1), atol=1e-6)
    np.testing.assert_array_equal(crop[3:], np.repeat(crop[2:3], 3, axis=0))
