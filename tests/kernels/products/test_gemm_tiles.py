"""The innermost loop of a matrix product, and the layout of its factors, against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from nnscratch.kernels.products.gemm_tiles import (
    PANEL,
    STRIP,
    STRIPS_PER_TILE,
    copy_panel,
    interleave_rows,
    multiply_tile,
)
from nnscratch.kernels.vectors import VECTOR_BYTES


@njit
def multiply(packed, a_step, b_at, terms, c, c_at, c_row, rows, columns, add):
    multiply_tile(packed, 3, a_step, b_at, terms, c, c_at, c_row, rows, columns, add, c, 0, 0)


@njit
def copy(b, at, row, terms, columns, packed, to):
    copy_panel(b, at, row, terms, columns, packed, to)


@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize("terms", [1, 4, 7])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_multiply_tile(dtype, terms, add) -> None:
    rng = np.random.default_rng(1)
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    for rows in (1, STRIP, STRIP + 1, STRIP * STRIPS_PER_TILE + 5):
        for columns in (1, lanes, lanes + 3, PANEL * lanes - 1, PANEL * lanes + 9):
            a = rng.standard_normal((2, terms, STRIP)).astype(dtype)  # (strip, k, row)
            b = rng.standard_normal((terms, PANEL * lanes)).astype(dtype)
            c = rng.standard_normal((20, PANEL * lanes + 15)).astype(dtype)
            expected = c.copy()
            tile = (slice(1, 1 + min(rows, STRIP * STRIPS_PER_TILE)), slice(6, 6 + min(columns, PANEL * lanes)))
            product = a.transpose(0, 2, 1).reshape(2 * STRIP, terms) @ b
            height, width = expected[tile].shape
            expected[tile] = product[:height, :width] + (expected[tile] if add else 0)
            packed = np.concatenate([np.zeros(3, dtype), a.ravel(), b.ravel()])
            multiply(packed, terms * STRIP, 3 + a.size, terms, c, c.shape[1] + 6, c.shape[1], rows, columns, add)
            np.testing.assert_allclose(c, expected, rtol=1e-4 if dtype == np.float32 else 1e-12, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_copy_panel(dtype) -> None:
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    panel = PANEL * lanes
    for columns in (1, lanes, lanes + 1, panel - 1, panel, panel + 5):
        b = np.arange(1, 1 + 5 * 60, dtype=dtype).reshape(5, 60)
        count = min(columns, panel)
        whole = -(-count // lanes) * lanes  # zeros up to here
        packed, expected = np.full((2, 4, panel), -1, dtype)
        expected[1:, :whole] = 0
        expected[1:, :count] = b[2:, 7 : 7 + count]
        copy(b, 2 * 60 + 7, 60, 3, min(columns, 53), packed, panel)
        np.testing.assert_array_equal(packed, expected)


@njit
def interleave_4_by_1(source, at, row, rows, count, target, to, step):
    interleave_rows(source, at, row, rows, count, target, to, step, 4, 1)


@njit
def interleave_4_by_4(source, at, row, rows, count, target, to, step):
    interleave_rows(source, at, row, rows, count, target, to, step, 4, 4)


@njit
def interleave_a_square(source, at, row, rows, count, target, to, step):
    interleave_rows(source, at, row, rows, count, target, to, step, 0, 1)


KINDS = [(interleave_4_by_1, 4, 1), (interleave_4_by_4, 4, 4), (interleave_a_square, 0, 1)]


@pytest.mark.parametrize(("interleave", "size", "unit"), KINDS, ids=["4 rows", "4 rows of 4", "a square"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_interleave_rows(dtype, interleave, size, unit) -> None:
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    size = size or lanes
    piece = max(lanes, size * unit)
    for rows in (1, size - 1, size):
        for count in (1, lanes - 1, lanes, lanes + 5):
            source = np.arange(3 + size * 50, dtype=dtype)
            target = np.full(2 + lanes * (piece + 7), -1, dtype)
            numbers = np.zeros((size, lanes), dtype)
            for r in range(size):
                exist = min(count, lanes)
                numbers[r, :exist] = source[3 + min(r, rows - 1) * 50 :][:exist]
            ordered = numbers.reshape(size, lanes // unit, unit).transpose(1, 0, 2).reshape(-1, piece)
            expected = target.copy()
            for k, one in enumerate(ordered):
                expected[2 + k * (piece + 7) :][:piece] = one
            interleave(source, 3, 50, rows, count, target, 2, piece + 7)
            np.testing.assert_array_equal(target, expected)
