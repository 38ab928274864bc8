"""The product by panels against NumPy's, on sizes that end inside a tile, a panel, a block."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnscratch.kernels.memory import empty
from nnscratch.kernels.products.gemm import gemm, packed_size
from nnscratch.kernels.products.gemm_panels import TERMS, multiply_by_panels
from nnscratch.kernels.vectors import AVX512


def product(a: np.ndarray, b: np.ndarray, part: tuple[int, ...]) -> np.ndarray:
    """The part of a @ b in an array of NaN."""
    c = np.full((len(a), b.shape[1]), np.nan, a.dtype)
    packed = empty((packed_size(a.dtype),), a.dtype)
    packed[:] = np.nan  # what nobody wrote must not show
    multiply_by_panels(a, b, c, *part, packed)
    return c


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("m", [1, 2, 4, 9, 100, 144])
def test_equal_to_numpy(m: int, dtype: Any) -> None:
    rng = np.random.default_rng(m)
    for k, n in [(1, 1), (3, 50), (17, 16), (TERMS + 1, 33), (3 * TERMS - 7, 97), (515, 8), (40, 700), (170, 256)]:
        a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
        got = product(a, b, (0, m, 0, n, 0, k))
        wanted = a.astype(np.float64) @ b.astype(np.float64)
        # The error of a sum grows with its terms: |a| @ |b| bounds them.
        bound = np.finfo(dtype).eps * k * (np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64))
        assert (np.abs(got - wanted) <= bound).all()


def test_part_leaves_the_rest_alone() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((50, 300)), rng.standard_normal((300, 70))
    b[:, 60:] = np.nan  # what lies behind the last column is copied, but not used
    got = product(a, b, (5, 32, 3, 60, 7, 290))
    np.testing.assert_allclose(got[5:32, 3:60], a[5:32, 7:290] @ b[7:290, 3:60], rtol=1e-11, atol=1e-11)
    got[5:32, 3:60] = np.nan
    assert np.isnan(got).all()


def test_what_is_not_finite_shows_where_it_is_used() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((13, 170)), rng.standard_normal((170, 51))
    a[12, 169] = b[5, 50] = np.inf
    got = product(a, b, (0, 13, 0, 51, 0, 170))
    assert np.isfinite(got).sum() == 12 * 50


@pytest.mark.skipif(AVX512, reason="with AVX-512 all rows go by blocks")
def test_bits_are_those_of_blocks_and_of_any_cut_into_rows_and_columns() -> None:
    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((49, 700), (700, 160)))
    whole = product(a, b, (0, 49, 0, 160, 0, 700))
    c = np.empty_like(whole)
    gemm(a, False, b, False, c, 0, 49, 0, 160, 0, 700, empty((packed_size(c.dtype),), c.dtype))
    np.testing.assert_array_equal(c, whole)
    for part in ((0, 48, 0, 160, 0, 700), (48, 49, 0, 160, 0, 700), (0, 49, 24, 144, 0, 700)):
        got = product(a, b, part)
        rows, columns = slice(*part[:2]), slice(*part[2:4])
        np.testing.assert_array_equal(got[rows, columns], whole[rows, columns])
