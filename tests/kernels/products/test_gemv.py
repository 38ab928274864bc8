"""Products with one row, or one term, against NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnscratch.kernels.products.gemv import column_by_row, row_by_matrix, row_by_transposed

SIZES = [(1, 1), (7, 3), (8, 16), (25, 33), (200, 100), (31, 130), (5, 256), (28, 256), (7, 512)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("k", "n"), SIZES)
def test_row_by_matrix(k: int, n: int, dtype: Any) -> None:
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((1, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
    y = np.full((1, n), np.nan, dtype)
    tolerance = 100 * np.finfo(dtype).eps
    row_by_matrix(x, w, y, 0, k)
    np.testing.assert_allclose(y, x @ w, rtol=tolerance, atol=tolerance)
    row_by_matrix(x, w, y, k // 3, k)
    np.testing.assert_allclose(y, x[:, k // 3 :] @ w[k // 3 :], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("k", "n"), SIZES)
def test_row_by_transposed(k: int, n: int, dtype: Any) -> None:
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((1, k)).astype(dtype), rng.standard_normal((n, k)).astype(dtype)
    y = np.full((1, n), np.nan, dtype)
    tolerance = 100 * np.finfo(dtype).eps
    start = n // 3
    row_by_transposed(x, w, y, start, n)
    np.testing.assert_allclose(y[:, start:], (x @ w.T)[:, start:], rtol=tolerance, atol=tolerance)
    assert np.isnan(y[:, :start]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_column_by_row(dtype: Any) -> None:
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((9, 1)).astype(dtype), rng.standard_normal((1, 37)).astype(dtype)
    c = np.full((9, 37), np.nan, dtype)
    column_by_row(a, b, c, 2, 9)
    np.testing.assert_array_equal(c[2:], (a @ b)[2:])
    assert np.isnan(c[:2]).all()


def test_nan_shows() -> None:
    x, w, y = np.ones((1, 20)), np.ones((20, 20)), np.empty((1, 20))
    w[19, 3] = np.nan
    row_by_matrix(x, w, y, 0, 20)
    assert np.isnan(y[0]).nonzero()[0].tolist() == [3]
    row_by_transposed(x, w, y, 0, 20)
    assert np.isnan(y[0]).nonzero()[0].tolist() == [19]
