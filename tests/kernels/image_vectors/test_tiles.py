"""The inner loops for vectors of images, against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from nnscratch.kernels.image_vectors.tiles import (
    POOLED_OUTPUTS,
    WINNERS_OUTPUTS,
    add_products,
    add_products_of_winners,
    copy_number,
    interleave_rows,
    multiply_rows,
    pool_products,
    sum_lanes,
    transpose_square,
)
from nnscratch.kernels.vectors import VECTOR_BYTES

OFFSETS = np.array([0, 3, 40, 41, 7], np.int64)


def random(rng: np.random.Generator, size: int, dtype: type) -> np.ndarray:
    return rng.standard_normal(size).astype(dtype)


def tolerance(dtype: type) -> dict[str, float]:
    return {"rtol": 1e-5, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-12}


@njit
def multiply(*arguments):
    multiply_rows(*arguments)


@pytest.mark.parametrize("length", [1, 16, 35, 131])
@pytest.mark.parametrize("outputs", [1, 2, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_multiply_rows(dtype, outputs, length) -> None:
    rng = np.random.default_rng(1)
    x, weight, bias, y = (random(rng, size, dtype) for size in (200, 60, 8, 700))
    expected = y.copy()
    for q in range(outputs):
        total = bias[2 + q] + sum(weight[t * 9 + 2 + q] * x[5 + OFFSETS[t] :][:length] for t in range(1, 4))
        expected[3 + q * 150 :][:length] = total
    multiply(x, 5, OFFSETS, 1, 4, weight, 9, bias, 2, outputs, y, 3, 150, length)
    np.testing.assert_allclose(y, expected, **tolerance(dtype))


@njit
def pool(*arguments):
    pool_products(*arguments)


@pytest.mark.parametrize("windows", [1, 2, 7])
@pytest.mark.parametrize("outputs", [n for n in (1, 2, 4) if n <= POOLED_OUTPUTS])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pool_products(dtype, outputs, windows) -> None:
    rng = np.random.default_rng(1)
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    x, weight, bias, y = (random(rng, size, dtype) for size in (800, 60, 8, 700))
    argmax = np.full(y.size, 9, np.uint8)
    expected, winners = y.copy(), argmax.copy()
    for q in range(outputs):
        for w in range(windows):
            four = np.empty((4, lanes), dtype)
            for a, b in np.ndindex(2, 2):
                starts = 5 + a * 300 + (2 * w + b) * lanes + OFFSETS
                four[2 * a + b] = bias[2 + q] + sum(
                    weight[t * 9 + 2 + q] * x[start:][:lanes] for t, start in enumerate(starts)
                )
            to = slice(3 + q * 150 + w * lanes, 3 + q * 150 + (w + 1) * lanes)
            expected[to] = np.maximum(four.max(axis=0), 0)
            winners[to] = np.where(four.max(axis=0) > 0, four.argmax(axis=0), 4)
    pool(x, 5, 300, OFFSETS, weight, 9, bias, 2, outputs, y, 3, 150, argmax, windows)
    np.testing.assert_allclose(y, expected, **tolerance(dtype))
    np.testing.assert_array_equal(argmax, winners)


@njit
def add(*arguments):
    add_products(*arguments)


@pytest.mark.parametrize("length", [1, 16, 35])
@pytest.mark.parametrize("outputs", [1, 2, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_add_products(dtype, outputs, length) -> None:
    rng = np.random.default_rng(1)
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    x, g = random(rng, 300, dtype), random(rng, 500, dtype)
    total = np.zeros(3 + 5 * 6 * lanes, dtype)
    add(x, 5, 50, OFFSETS, 5, g, 4, 40, 110, 2, length, total, 3, 6, outputs)
    sums = total[3:].reshape(5, 6, lanes).sum(axis=2)  # t, q
    expected = np.zeros((5, 6), dtype)
    for t in range(5):
        for q in range(outputs):
            for r in range(2):
                expected[t, q] += x[5 + OFFSETS[t] + r * 50 :][:length] @ g[4 + q * 110 + r * 40 :][:length]
    np.testing.assert_allclose(sums, expected, **tolerance(dtype))
    add(x, 5, 50, OFFSETS, 5, g, 4, 40, 110, 2, length, total, 3, 6, outputs)  # to what is there
    np.testing.assert_allclose(total[3:].reshape(5, 6, lanes).sum(axis=2), 2 * expected, **tolerance(dtype))
    assert not total[:3].any()


@njit
def add_winners(*arguments):
    add_products_of_winners(*arguments)


@pytest.mark.parametrize("kernel", [(1, 1), (2, 3), (5, 4)])
@pytest.mark.parametrize("outputs", [n for n in (1, 2, 4) if n <= WINNERS_OUTPUTS])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_add_products_of_winners(dtype, outputs, kernel) -> None:
    rng = np.random.default_rng(1)
    lanes, rows, windows, (k_h, k_w) = VECTOR_BYTES // np.dtype(dtype).itemsize, 2, 3, kernel
    row, step, taps, width = (2 * windows + k_w - 1) * lanes + 1, 6 * lanes + 3, k_h * k_w, outputs + 1
    x, dy = random(rng, 5 + (2 * rows + k_h - 1) * row, dtype), random(rng, 4 + outputs * step, dtype)
    argmax = rng.integers(0, 5, dy.size).astype(np.uint8)
    total = np.zeros(3 + taps * width * lanes, dtype)
    expected = np.zeros((taps, width), dtype)
    for i, j, q, h, w, k in np.ndindex(k_h, k_w, outputs, rows, windows, lanes):
        place = 4 + q * step + (h * windows + w) * lanes + k
        if argmax[place] < 4:
            a, b = divmod(int(argmax[place]), 2)
            expected[i * k_w + j, q] += dy[place] * x[5 + (2 * h + a + i) * row + (2 * w + b + j) * lanes + k]
    for times in (1, 2):  # the second time to what is there
        add_winners(x, 5, row, dy, argmax, 4, step, rows, windows, k_h, k_w, total, 3, width, outputs)
        sums = total[3:].reshape(taps, width, lanes).sum(axis=2)
        np.testing.assert_allclose(sums, times * expected, **tolerance(dtype))
    assert not total[:3].any()


@njit
def sum_each(*arguments):
    sum_lanes(*arguments)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sum_lanes(dtype) -> None:
    rng = np.random.default_rng(1)
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    total = random(rng, 2 + lanes * lanes, dtype)
    for count in (1, lanes - 1, lanes):
        sums = np.full(30, 9, dtype)
        expected = sums.copy()
        expected[3 : 3 + count] = total[2:].reshape(lanes, lanes).sum(axis=1)[:count]
        sum_each(total, 2, sums, 3, count)
        np.testing.assert_allclose(sums, expected, **tolerance(dtype))


@njit
def transpose(*arguments):
    transpose_square(*arguments)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_transpose_square(dtype) -> None:
    rng = np.random.default_rng(1)
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    source, target = random(rng, 600, dtype), np.full(600, 9, dtype)
    source_rows, target_rows = rng.permutation(lanes) * 20, rng.permutation(lanes) * 30
    expected = target.copy()
    for r, c in np.ndindex(lanes, lanes):
        expected[2 + target_rows[c] + r] = source[5 + source_rows[r] + c]
    transpose(source, 5, source_rows, target, 2, target_rows)
    np.testing.assert_array_equal(target, expected)


@njit
def interleave(*arguments):
    interleave_rows(*arguments)


@pytest.mark.parametrize("rows", [1, 2, 4, 8])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_interleave_rows(dtype, rows) -> None:
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    rows = min(rows, lanes // 2)
    source, target = np.arange(400, dtype=dtype), np.full(400, 9, dtype)
    expected = target.copy()
    for k, r in np.ndindex(2 * lanes, rows):
        expected[k * rows + r] = source[r * 40 + k]
    interleave(source, 40, rows, 2 * lanes, target)
    np.testing.assert_array_equal(target, expected)


@njit
def copy(*arguments):
    copy_number(*arguments)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_copy_number_counts_through_arrays_of_any_shape(dtype) -> None:
    source, target = np.arange(24, dtype=dtype).reshape(2, 3, 4), np.zeros((4, 5), dtype)
    copy(source, 17, target, 8)
    assert target[1, 3] == 17
    assert np.count_nonzero(target) == 1
