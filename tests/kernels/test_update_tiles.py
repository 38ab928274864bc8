"""Rows of a weight that are moved tile by tile against the whole gradient: the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnscratch.kernels import update_table
from nnscratch.kernels.products import choice
from nnscratch.kernels.products.deferred import DeferredProduct
from nnscratch.kernels.products.matmul import matmul
from nnscratch.kernels.products.packed_factors import copy_factors
from nnscratch.kernels.update_table import TOGETHER, Moved, UpdateTable, fits
from nnscratch.kernels.updates import in_dtype


def product(terms: int, rows: int, width: int, dtype: Any) -> tuple[DeferredProduct, np.ndarray]:
    """A product that is not computed yet, and what it is."""
    rng = np.random.default_rng(rows)
    x, dz = (rng.standard_normal((terms, size)).astype(dtype) for size in (rows, width))
    kept = copy_factors(x, dz, lambda _, shape: np.full(shape, np.nan, dtype))
    return DeferredProduct(*kept, lambda: np.empty((rows, width), dtype)), matmul(x.T, dz)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("terms", [2, 5, 31, choice.MOST_ROWS_TO_DEFER])
@pytest.mark.parametrize(("rows", "width"), [(64, 48), (65, 47), (200, 1), (7, 100), (129, 500), (3, 8192)])
def test_each_row_is_moved_by_its_gradient(rows: int, width: int, terms: int, dtype: Any) -> None:
    waiting, dw = product(terms, rows, width, dtype)
    w, v = np.random.default_rng(0).standard_normal((2, rows, width)).astype(dtype)
    expected, expected_v = w.copy(), v.copy()
    update = update_table.sgd_momentum(*in_dtype(np.dtype(dtype), 0.2, 0.1, 0.9, 0.9, 1, 1e-30))
    update(expected.reshape(-1), dw.reshape(-1), expected_v.reshape(-1))
    UpdateTable(update, [Moved(w, waiting, [v], 0)]).step(np.array([update.scalars], dtype))
    assert not waiting.is_computed
    np.testing.assert_array_equal(w, expected)
    np.testing.assert_array_equal(v, expected_v)
    np.testing.assert_array_equal(waiting.value(), dw)


def test_factors_that_are_not_packed_or_too_wide_are_for_no_table() -> None:
    def moved(waiting: DeferredProduct) -> list[Moved]:
        w, v = np.zeros((2, *waiting.shape), np.float32)
        return [Moved(w, waiting, [v], 0)]

    x, dz = np.ones((2, 8), np.float32), np.ones((2, 4), np.float32)
    assert not fits(moved(DeferredProduct(x, dz, lambda: np.empty((8, 4), np.float32))))
    assert fits(moved(product(2, 8, 4, np.float32)[0]))
    widest = TOGETHER // 4 // 4
    assert fits(moved(product(2, 8, widest, np.float32)[0]))
    assert not fits(moved(product(2, 8, widest + 1, np.float32)[0]))
