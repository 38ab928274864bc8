"""The product that packs nothing against NumPy's, on sizes that end inside a tile or a block."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnscratch.kernels.memory import empty
from nnscratch.kernels.products.gemm_unpacked import multiply_unpacked
from nnscratch.kernels.vectors import AVX512

pytestmark = pytest.mark.skipif(not AVX512, reason="with AVX2 all products are packed")


def product(a: np.ndarray, b: np.ndarray, part: tuple[int, ...]) -> np.ndarray:
    """The part of a @ b in an array of NaN."""
    c = np.full((len(a), b.shape[1]), np.nan, a.dtype)
    multiply_unpacked(a, b, c, *part)
    return c


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("m", [1, 2, 4, 5, 8, 11, 100, 145])
def test_equal_to_numpy(m: int, dtype: Any) -> None:
    rng = np.random.default_rng(m)
    for k, n in [(1, 1), (3, 50), (17, 16), (257, 33), (761, 97), (515, 8), (40, 700), (170, 256)]:
        a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
        got = product(a, b, (0, m, 0, n, 0, k))
        wanted = a.astype(np.float64) @ b.astype(np.float64)
        # The error of a sum grows with its terms: |a| @ |b| bounds them.
        bound = np.finfo(dtype).eps * k * (np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64))
        assert (np.abs(got - wanted) <= bound).all()


def test_part_leaves_the_rest_alone() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((50, 300)), rng.standard_normal((300, 70))
    a[32:] = np.nan  # what lies beside the part is not used
    b[:, 60:] = np.nan
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


def test_nothing_behind_the_arrays_is_read() -> None:
    # A page further the memory may not be ours: NaN there shows what is read and used.
    rng = np.random.default_rng(1)
    memory = empty((4096,), np.float64)
    memory[:] = np.nan
    a, b = memory[: 9 * 31].reshape(9, 31), memory[2048 : 2048 + 31 * 50].reshape(31, 50)
    a[:], b[:] = rng.standard_normal(a.shape), rng.standard_normal(b.shape)
    np.testing.assert_allclose(product(a, b, (0, 9, 0, 50, 0, 31)), a @ b, rtol=1e-11, atol=1e-11)


def test_bits_are_those_of_any_cut_into_rows_and_columns() -> None:
    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((49, 700), (700, 160)))
    whole = product(a, b, (0, 49, 0, 160, 0, 700))
    for part in ((0, 48, 0, 160, 0, 700), (48, 49, 0, 160, 0, 700), (0, 49, 32, 144, 0, 700)):
        got = product(a, b, part)
        rows, columns = slice(*part[:2]), slice(*part[2:4])
        np.testing.assert_array_equal(got[rows, columns], whole[rows, columns])
