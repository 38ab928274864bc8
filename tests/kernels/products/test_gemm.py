"""The product in tiles against NumPy's, on sizes that end inside a tile, a panel, a block, and on
parts of a matrix.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnscratch.kernels.memory import empty
from nnscratch.kernels.products.gemm import gemm, packed_size


def product(a: np.ndarray, b: np.ndarray, transposed: tuple[bool, bool], part: tuple[int, ...]) -> np.ndarray:
    """The part of a @ b in an array of NaN."""
    c = np.full((len(a), b.shape[1]), np.nan, a.dtype)
    left, right = (np.ascontiguousarray(x.T if turned else x) for x, turned in zip((a, b), transposed, strict=True))
    packed = empty((packed_size(a.dtype),), a.dtype)
    packed[:] = np.nan  # what nobody wrote must not show
    gemm(left, transposed[0], right, transposed[1], c, *part, packed)
    return c


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("m", [1, 4, 11, 24, 145, 301])
def test_equal_to_numpy(m: int, transposed: tuple[bool, bool], dtype: Any) -> None:
    rng = np.random.default_rng(m)
    for k, n in [(1, 1), (3, 50), (17, 16), (161, 33), (300, 97), (515, 8), (40, 700), (170, 256)]:
        a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
        got = product(a, b, transposed, (0, m, 0, n, 0, k))
        wanted = a.astype(np.float64) @ b.astype(np.float64)
        # The error of a sum grows with its terms: |a| @ |b| bounds them.
        bound = np.finfo(dtype).eps * k * (np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64))
        assert (np.abs(got - wanted) <= bound).all()


@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True)])
def test_part_leaves_the_rest_alone(transposed: tuple[bool, bool]) -> None:
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((50, 300)), rng.standard_normal((300, 70))
    got = product(a, b, transposed, (5, 32, 3, 60, 7, 290))
    np.testing.assert_allclose(got[5:32, 3:60], a[5:32, 7:290] @ b[7:290, 3:60], rtol=1e-11, atol=1e-11)
    got[5:32, 3:60] = np.nan
    assert np.isnan(got).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True)])
def test_what_is_not_finite_shows_where_it_is_used(transposed: tuple[bool, bool], bad: float) -> None:
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((13, 170)), rng.standard_normal((170, 51))
    a[12, 169] = bad  # the last row, column and term are those beside which the padding lies
    b[5, 50] = bad
    got = product(a, b, transposed, (0, 13, 0, 51, 0, 170))
    with np.errstate(invalid="ignore"):
        wanted = a @ b
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(wanted))
    assert np.isfinite(got).sum() == 12 * 50


def test_float32_is_as_exact_as_numpy() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((20, 4000)), rng.standard_normal((4000, 60))
    small_a, small_b = a.astype(np.float32), b.astype(np.float32)
    exact = small_a.astype(np.float64) @ small_b.astype(np.float64)
    error = np.abs(product(small_a, small_b, (False, False), (0, 20, 0, 60, 0, 4000)) - exact).mean()
    assert error < 2 * np.abs(small_a @ small_b - exact).mean()
