"""Crops: bilinear between pixels, and what lies beyond the border."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

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


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39, -1e39])
@pytest.mark.parametrize("place", [(0, 0, 0), (1, 1, 2)])
def test_a_map_that_is_not_finite_in_float32_is_refused(value: float, place: tuple[int, int, int]) -> None:
    maps = identity(2)
    maps.matrices[place] = value
    with pytest.raises(ValueError, match=f"crops: got map {place[0]} = .*expected finite numbers"):
        crops(pictures(2), maps, (48, 48))


@pytest.mark.parametrize(
    ("x", "maps", "size", "message"),
    [
        (pictures(1), np.full((1, 2, 3), np.nan), (48, 48), "got maps of type ndarray, expected AffineMaps"),
        (pictures(3), identity(2), (48, 48), "got 2 maps for 3 pictures"),
        (pictures(2), identity(3), (48, 48), "got 3 maps for 2 pictures"),
        (pictures(2).astype(np.float64), identity(2), (48, 48), "got x of dtype float64"),
        (pictures(2).astype(">f4"), identity(2), (48, 48), "got x of dtype >f4"),
        (pictures(2)[..., 0], identity(2), (48, 48), r"shape \(2, 96, 96\)"),
        (np.zeros((2, 9, 9, 3), np.float32), identity(2), (48, 48), r"shape \(2, 9, 9, 3\)"),
        (np.zeros((2, 0, 9, 1), np.float32), identity(2), (48, 48), r"shape \(2, 0, 9, 1\)"),
        (pictures(2).tolist(), identity(2), (48, 48), "got x of type list"),
        (pictures(2), identity(2), (0, 48), "got size=0"),
        (pictures(2), identity(2), (48, -1), "got size=-1"),
        (pictures(2), identity(2), (48, 2.5), "got size=2.5"),
    ],
)  # fmt: skip
def test_what_the_kernel_cannot_take_is_refused(x: Any, maps: Any, size: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        crops(x, maps, size)


def test_pictures_that_are_not_contiguous_or_read_only_are_fine() -> None:
    x = pictures(20)
    expected = crops(x, identity(20).shifted([1.5, 2]), (9, 7))
    turned = np.asfortranarray(x)
    x.flags.writeable = False
    for other in (x, turned, np.repeat(x, 2, axis=2)[:, :, ::2], x[::-1][::-1]):
        np.testing.assert_array_equal(crops(other, identity(20).shifted([1.5, 2]), (9, 7)), expected)
    transposed = AffineMaps(np.asfortranarray(identity(20).shifted([1.5, 2]).matrices))
    np.testing.assert_array_equal(crops(x, transposed, (9, 7)), expected)


@pytest.mark.parametrize("shape", [(1, 8), (8, 1), (1, 1)])
def test_one_row_or_one_column_of_pixels(shape: tuple[int, int]) -> None:
    x = pictures(2)[:, : shape[0], : shape[1]]
    np.testing.assert_allclose(crops(x, identity(2), shape), x, atol=1e-6)
    np.testing.assert_allclose(crops(x, identity(2), (1, 1)), x[:, :1, :1], atol=1e-6)
    edge = np.pad(x, ((0, 0), (3, 10 - shape[0]), (2, 9 - shape[1]), (0, 0)), "edge")  # the border repeats
    np.testing.assert_allclose(crops(x, identity(2).shifted([-2, -3]), (13, 11)), edge, atol=1e-6)


def test_no_picture_gives_no_crop() -> None:
    assert crops(pictures(0), identity(0), (4, 5)).shape == (0, 4, 5, 1)
