"""ReLU and pooling of vectors, forward and backward, against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from nnscratch.kernels.pool_tiles import add_winners, pool_vector, unpool_vector
from nnscratch.kernels.vectors import VECTOR_BYTES


@njit
def pool(rows, at, row_step, right, y, argmax, to, count):
    pool_vector(rows, at, row_step, right, y, argmax, to, count)


@njit
def unpool(dy, argmax, at, rows, to, row_step, right, count):
    unpool_vector(dy, argmax, at, rows, to, row_step, right, count)


@njit
def add(dy, argmax, at, length, total, total_at):
    add_winners(dy, argmax, at, length, total, total_at)


def places(lanes: int, right: int | None) -> np.ndarray:
    """Where the four numbers of each lane lie, (lanes, 4), the second row being 70 numbers further
    on.
    """
    k = np.arange(lanes)[:, None]
    two = k + np.array([0, right]) if right is not None else 2 * k + np.array([0, 1])
    return np.hstack([two, two + 70])


@pytest.mark.parametrize("count", [None, 1, 5])
@pytest.mark.parametrize("right", [None, 20])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pool_vector(dtype, right, count) -> None:
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    rows = np.random.default_rng(1).integers(-3, 3, 150).astype(dtype)  # so that there are ties, and nothing above 0
    four = rows[3 + places(lanes, right)][: count or lanes]
    y, argmax = np.full(40, 9, dtype), np.full(40, 9, np.uint8)
    expected, winners = y.copy(), argmax.copy()
    expected[2 : 2 + len(four)] = np.maximum(four.max(axis=1), 0)
    winners[2 : 2 + len(four)] = np.where(four.max(axis=1) > 0, four.argmax(axis=1), 4)
    pool(rows, 3, 70, right, y, argmax, 2, count)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(argmax, winners)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("place", range(4))
def test_a_nan_wins_wherever_it_is(dtype, place) -> None:
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    rows = np.ones(150, dtype)
    rows[places(lanes, None)[1, place]] = np.nan
    y, argmax = np.empty(lanes, dtype), np.empty(lanes, np.uint8)
    pool(rows, 0, 70, None, y, argmax, 0, None)
    assert np.isnan(y).nonzero()[0].tolist() == [1]
    assert argmax[1] == place


@pytest.mark.parametrize("count", [None, 1, 5])
@pytest.mark.parametrize("right", [None, 20])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_unpool_vector(dtype, right, count) -> None:
    rng = np.random.default_rng(1)
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    dy, argmax = rng.standard_normal(40).astype(dtype), rng.integers(0, 5, 40).astype(np.uint8)
    rows = np.full(150, 9, dtype)
    expected = rows.copy()
    written = lanes if right is None else count or lanes  # with right = None whole vectors, zeros after the last
    for k, four in enumerate(places(lanes, right)[:written]):
        exists = k < (count or lanes)
        expected[3 + four] = [dy[2 + k] if exists and argmax[2 + k] == place else 0 for place in range(4)]
    unpool(dy, argmax, 2, rows, 3, 70, right, count)
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
