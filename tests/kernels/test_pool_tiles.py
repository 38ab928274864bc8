"""ReLU and pooling of vectors, forward and backward, against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from nnscratch.kernels.pool_tiles import add_winners, pool_vector, pool_windows, units, unpool_vector, unpool_windows
from nnscratch.kernels.vectors import VECTOR_BYTES


@njit
def pool(rows, at, row_step, right, y, argmax, to, count):
    pool_vector(rows, at, row_step, right, y, argmax, to, count)


@njit
def unpool(dy, argmax, at, rows, to, row_step, right, count):
    unpool_vector(dy, argmax, at, rows, to, row_step, right, count)


@njit
def pool_side_by_side(rows, at, row_step, unit, windows, y, argmax, to):
    pool_windows(rows, at, row_step, unit, windows, y, argmax, to)


@njit
def unpool_side_by_side(dy, argmax, at, windows, rows, to, row_step, unit):
    unpool_windows(dy, argmax, at, windows, rows, to, row_step, unit)


@njit
def add(dy, argmax, at, length, total, total_at):
    add_winners(dy, argmax, at, length, total, total_at)


def places(lanes: int, right: int) -> np.ndarray:
    """Where the four numbers of each lane lie, (lanes, 4), the second row being 70 numbers further
    on.
    """
    two = np.arange(lanes)[:, None] + np.array([0, right])
    return np.hstack([two, two + 70])


UNITS_AND_WINDOWS = [(1, 1), (1, 21), (2, 9), (4, 5), (8, 3), (16, 0), (16, 2)]


def places_side_by_side(unit: int, windows: int) -> np.ndarray:
    """(windows*unit, 4), the second row being 200 numbers further on."""
    w, k = np.divmod(np.arange(windows * unit), unit)
    two = (2 * w * unit + k)[:, None] + np.array([0, unit])
    return np.hstack([two, two + 200])


@pytest.mark.parametrize("count", [None, 1, 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pool_vector(dtype, count) -> None:
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    rows = np.random.default_rng(1).integers(-3, 3, 150).astype(dtype)  # so that there are ties, and nothing above 0
    four = rows[3 + places(lanes, 20)][: count or lanes]
    y, argmax = np.full(40, 9, dtype), np.full(40, 9, np.uint8)
    expected, winners = y.copy(), argmax.copy()
    expected[2 : 2 + len(four)] = np.maximum(four.max(axis=1), 0)
    winners[2 : 2 + len(four)] = np.where(four.max(axis=1) > 0, four.argmax(axis=1), 4)
    pool(rows, 3, 70, 20, y, argmax, 2, count)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(argmax, winners)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("place", range(4))
def test_a_nan_wins_wherever_it_is(dtype, place) -> None:
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    rows = np.ones(150, dtype)
    rows[places(lanes, 20)[1, place]] = np.nan
    y, argmax = np.empty(lanes, dtype), np.empty(lanes, np.uint8)
    pool(rows, 0, 70, 20, y, argmax, 0, None)
    assert np.isnan(y).nonzero()[0].tolist() == [1]
    assert argmax[1] == place


@pytest.mark.parametrize("count", [None, 1, 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_unpool_vector(dtype, count) -> None:
    rng = np.random.default_rng(1)
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    dy, argmax = rng.standard_normal(40).astype(dtype), rng.integers(0, 5, 40).astype(np.uint8)
    rows = np.full(150, 9, dtype)
    expected = rows.copy()
    for k, four in enumerate(places(lanes, 20)[: count or lanes]):
        expected[3 + four] = [dy[2 + k] if argmax[2 + k] == place else 0 for place in range(4)]
    unpool(dy, argmax, 2, rows, 3, 70, 20, count)
    np.testing.assert_array_equal(rows, expected)


def test_units() -> None:
    assert units(8) == [1, 2, 4, 8]


@pytest.mark.parametrize(("unit", "windows"), UNITS_AND_WINDOWS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pool_windows(dtype, unit, windows) -> None:
    unit = min(unit, VECTOR_BYTES // np.dtype(dtype).itemsize)
    rows = np.random.default_rng(1).integers(-3, 3, 450).astype(dtype)  # so that there are ties, and nothing above 0
    four = rows[3 + places_side_by_side(unit, windows)]
    y, argmax = np.full(80, 9, dtype), np.full(80, 9, np.uint8)
    expected, winners = y.copy(), argmax.copy()
    if windows:
        expected[2 : 2 + len(four)] = np.maximum(four.max(axis=1), 0)
        winners[2 : 2 + len(four)] = np.where(four.max(axis=1) > 0, four.argmax(axis=1), 4)
    pool_side_by_side(rows, 3, 200, unit, windows, y, argmax, 2)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(argmax, winners)


@pytest.mark.parametrize(("unit", "windows"), UNITS_AND_WINDOWS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_unpool_windows(dtype, unit, windows) -> None:
    """It writes whole vectors: zeros after the last window."""
    rng = np.random.default_rng(1)
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    unit = min(unit, lanes)
    dy, argmax = rng.standard_normal(80).astype(dtype), rng.integers(0, 5, 80).astype(np.uint8)
    rows = np.full(450, 9, dtype)
    expected = rows.copy()
    for row in (3, 203):
        expected[row : row + -(-windows * unit // lanes) * 2 * lanes] = 0
    for k, four in enumerate(places_side_by_side(unit, windows)):
        expected[3 + four] = [dy[2 + k] if argmax[2 + k] == place else 0 for place in range(4)]
    unpool_side_by_side(dy, argmax, 2, windows, rows, 3, 200, unit)
    np.testing.assert_array_equal(rows, expected)


@pytest.mark.parametrize("length", [0, 1, 16, 37])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_add_winners(dtype, length) -> None:
    rng = np.random.default_rng(1)
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    dy, argmax = rng.standard_normal(50).astype(dtype), rng.integers(0, 6, 50).astype(np.uint8)
    total = rng.standard_normal(30).astype(dtype)
    expected = total.copy()
    for k in range(length):
        if argmax[2 + k] < 4:
            expected[3 + k % lanes] += dy[2 + k]
    add(dy, argmax, 2, length, total, 3)
    np.testing.assert_array_equal(total, expected)
