"""The innermost loops of a product with one row, against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from nnscratch.kernels.products.gemv_tiles import add_rows, multiply_by_rows
from nnscratch.kernels.vectors import VECTOR_BYTES


@njit
def add_three_rows(x, x_at, w, w_at, w_row, y, y_at, length):
    add_rows(x, x_at, w, w_at, w_row, y, y_at, length, 3)


@njit
def multiply(x, w, w_at, w_row, length, y, y_at, rows):
    multiply_by_rows(x, w, w_at, w_row, length, y, y_at, rows)


@pytest.mark.parametrize("length", [0, 1, 7, 16, 37])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_add_rows(dtype, length) -> None:
    rng = np.random.default_rng(1)
    x, w, y = (rng.standard_normal(size).astype(dtype) for size in (6, 150, 50))
    expected = y.copy()
    for r in range(3):
        expected[4 : 4 + length] += x[2 + r] * w[5 + r * 41 :][:length]
    add_three_rows(x, 2, w, 5, 41, y, 4, length)
    np.testing.assert_allclose(y, expected, rtol=20 * np.finfo(dtype).eps, atol=20 * np.finfo(dtype).eps)


@pytest.mark.parametrize("length", [0, 1, 7, 16, 37])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_multiply_by_rows(dtype, length) -> None:
    rng = np.random.default_rng(1)
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    for rows in (1, lanes - 1, lanes):
        x, w, y = (rng.standard_normal(size).astype(dtype) for size in (40, 5 + lanes * 41, 30))
        expected = y.copy()
        for r in range(rows):
            expected[4 + r] = x[:length] @ w[5 + r * 41 :][:length]
        multiply(x, w, 5, 41, length, y, 4, rows)
        np.testing.assert_allclose(y, expected, rtol=50 * np.finfo(dtype).eps, atol=50 * np.finfo(dtype).eps)
