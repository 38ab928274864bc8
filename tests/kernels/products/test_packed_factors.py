"""Factors that are kept: packed as tiles read them, and their product is that of the matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnscratch.kernels.products.gemm_tiles import PANEL, STRIP
from nnscratch.kernels.products.matmul import matmul
from nnscratch.kernels.products.packed_factors import PackedFactor, copy_factors, multiply_packed, numbers_of
from nnscratch.kernels.vectors import VECTOR_BYTES


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("terms", "rows", "columns"),
    [(1, 5, 3), (2, 1003, 77), (3, 2, 1), (100, 64, 256), (17, 5, 97), (40, 1003, 500)],  # the last one by threads
)
def test_copies_have_the_product_of_the_matrices(terms: int, rows: int, columns: int, dtype: Any) -> None:
    numbers = np.random.default_rng(terms).standard_normal((terms, rows + columns)).astype(dtype)
    x, dz = numbers[:, :rows].copy(), numbers[:, rows:].copy()
    asked: dict[str, np.ndarray] = {}

    def memory(name: str, shape: tuple[int, ...]) -> np.ndarray:
        asked[name] = np.full(shape, np.nan, dtype)
        return asked[name]

    kept = copy_factors(x, dz, memory)
    assert numbers_of(kept[0]) is asked["x"]
    assert numbers_of(kept[1]) is asked["dz"]
    expected = x.copy(), dz.copy()
    x[:] = dz[:] = 0
    for factor, matrix in zip(kept, expected, strict=True):
        assert (factor.shape, factor.dtype) == (matrix.shape, matrix.dtype)
        assert isinstance(factor, PackedFactor) == (terms > 1)
    if isinstance(kept[0], PackedFactor) and isinstance(kept[1], PackedFactor):
        out = np.full((rows, columns), np.nan, dtype)
        assert multiply_packed(*kept, out) is out
        np.testing.assert_array_equal(out, matmul(expected[0].T, expected[1]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_x_lies_in_strips_and_dz_in_panels(dtype: Any) -> None:
    x, dz = np.arange(3.0 * 40).reshape(3, 40).astype(dtype), np.arange(3.0 * 100).reshape(3, 100).astype(dtype)
    strips, panels = map(numbers_of, copy_factors(x, dz, lambda _, shape: np.empty(shape, dtype)))
    panel = PANEL * VECTOR_BYTES // x.itemsize
    for k in range(3):
        assert [strips[m // STRIP, k, m % STRIP] for m in range(40)] == x[k].tolist()
        assert [panels[n // panel, k, n % panel] for n in range(100)] == dz[k].tolist()
