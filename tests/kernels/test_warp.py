"""The compiled warp against the textbook loops."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels import loops
from nnscratch.kernels.warp import sample, warp


def arguments(count: int, height: int, width: int, nodes: int) -> list[np.ndarray]:
    rng = np.random.default_rng(count)
    affine = rng.normal(0, 0.3, (count, 2, 3)) + np.array([[1, 0, 0], [0, 1, 0]])
    affine[:, :, 2] += rng.normal(0, 5, (count, 2))  # some sources lie outside
    blank = np.tile([1, 3, 0, 2], (count, 1))
    blank[0] = 0
    return [
        rng.random((count, height, width, 1), dtype=np.float32),
        affine.astype(np.float32),
        rng.normal(0, 1, (count, nodes, nodes, 2)).astype(np.float32),
        rng.uniform(0.1, 1, (count, 3)).astype(np.float32),
        rng.integers(2**32 - 50, 2**32, count, dtype=np.uint32),  # the sum with the place goes beyond 32 bits
        blank,
    ]


@pytest.mark.parametrize(("height", "width", "nodes"), [(9, 9, 3), (7, 12, 2), (16, 5, 5)])
@pytest.mark.parametrize("size", [None, (4, 6), (13, 8)], ids=["same size", "smaller", "larger"])
def test_equal_to_the_loops(height: int, width: int, nodes: int, size: tuple[int, int] | None) -> None:
    given = arguments(3, height, width, nodes)
    y = np.empty((3, *(size or (height, width)), 1), np.float32)
    warp(*given, y)
    np.testing.assert_allclose(y, loops.warp(*given, size or (height, width)), atol=2e-5)


@pytest.mark.parametrize("size", [(9, 12), (4, 6), (13, 8)], ids=["same size", "smaller", "larger"])
def test_sample_is_the_affine_part_alone(size: tuple[int, int]) -> None:
    x, affine, bend, tone, seeds, blank = arguments(3, 9, 12, 3)
    bend[:], tone[:], blank[:] = 0, [1, 0, 0], 0
    sampled, warped = np.empty((3, *size, 1), np.float32), np.empty((3, *size, 1), np.float32)
    sample(x, affine, sampled)
    np.testing.assert_allclose(sampled, loops.warp(x, affine, bend, tone, seeds, blank, size), atol=2e-5)
    warp(x, affine, bend, tone, seeds, blank, warped)
    np.testing.assert_array_equal(sampled, warped)


def test_nothing_to_do_changes_no_bit() -> None:
    x, affine, bend, tone, seeds, blank = arguments(2, 8, 10, 3)
    affine[:] = [[1, 0, 0], [0, 1, 0]]
    bend[:], tone[:], blank[:] = 0, [1, 0, 0], 0
    y = np.empty_like(x)
    warp(x, affine, bend, tone, seeds, blank, y)
    np.testing.assert_array_equal(y, x)
    sample(x, affine, y)
    np.testing.assert_array_equal(y, x)


def test_noise_is_even_and_differs_from_place_to_place() -> None:
    x, affine, bend, tone, seeds, blank = arguments(1, 90, 90, 2)
    x[:], tone[:], blank[:] = 0, [1, 0, 0.5], 0
    y = np.empty_like(x)
    warp(x, affine, bend, tone, seeds, blank, y)
    assert np.abs(y).max() <= 0.5
    assert abs(y.mean()) < 0.02
    assert y.std() == pytest.approx(0.5 / np.sqrt(3), rel=0.03)
    flat = y.ravel()
    assert abs(np.corrcoef(flat[1:], flat[:-1])[0, 1]) < 0.04


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38, -3e38, 2.0**31, -(2.0**31)])
@pytest.mark.parametrize("size", [(9, 12), (1, 7), (7, 1), (1, 1)])
def test_no_map_leads_out_of_the_picture(value: float, size: tuple[int, int]) -> None:
    """Every float as every number of the map, also in several at once: inf - inf is NaN. Nothing is
    read that is not of the picture: it is all ones, and so is what comes of it.
    """
    around = np.full((3, 40, 13, 1), 1e30, np.float32)  # memory in front of the picture and behind it
    for height, width in (size, (9, 12)):
        picture = around[1:2].reshape(-1)[: height * width].reshape(1, height, width, 1)
        picture[:] = 1
        for which in ([0], [1], [2], [3], [4], [5], [0, 3], [2, 5], [0, 1, 2, 3, 4, 5]):
            affine = np.array([[[1, 0, 0], [0, 1, 0]]], np.float32)
            affine.reshape(-1)[which] = value
            affine.reshape(-1)[which[1:2]] *= -1
            for target in (size, (5, 6)):
                y = np.empty((1, *target, 1), np.float32)
                sample(picture, affine, y)
                np.testing.assert_array_equal(y, 1)
                bend = np.full((1, 2, 2, 2), value, np.float32)
                tone = np.array([[1, 0, 0]], np.float32)
                warp(picture, affine, bend, tone, np.zeros(1, np.uint32), np.zeros((1, 4), np.int64), y)
                np.testing.assert_array_equal(y, 1)


@pytest.mark.parametrize(("height", "width"), [(1, 8), (8, 1), (1, 1)])
def test_pictures_of_one_row_or_column_equal_the_loops(height: int, width: int) -> None:
    x, affine, *_ = arguments(3, height, width, 3)
    y = np.empty((3, 4, 5, 1), np.float32)
    sample(x, affine, y)
    np.testing.assert_allclose(y[:, :, :, 0], one_by_one(x, affine, 4, 5), atol=2e-5)


def one_by_one(x: np.ndarray, affine: np.ndarray, height: int, width: int) -> np.ndarray:
    """np.interp twice, pixel by pixel."""
    y = np.empty((len(x), height, width))
    for n, r, c in np.ndindex(y.shape):
        column, row = affine[n].astype(np.float64) @ [c, r, 1]
        rows = [np.interp(column, np.arange(x.shape[2]), x[n, i, :, 0]) for i in range(x.shape[1])]
        y[n, r, c] = np.interp(row, np.arange(x.shape[1]), rows)
    return y
