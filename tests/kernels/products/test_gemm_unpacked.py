"""The product that packs nothing against NumPy's, on sizes that end inside a tile or a block."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnscratch.kernels.memory import empty
from nnscratch.kernels.products.gemm_unpacked import multiply_unpacked
from nnscratch.kernels.vectors import AVX512
from tests.kernels.products.forward_products import (
    check_bits_of_any_cut,
    check_equal_to_numpy,
    check_part_leaves_the_rest_alone,
    check_what_is_not_finite_shows,
)

NEXT_AT = 10**7  # of b, and behind it: what is called into the cache may be anywhere
pytestmark = pytest.mark.skipif(not AVX512, reason="with AVX2 all products are packed")


def product(a: np.ndarray, b: np.ndarray, part: tuple[int, ...]) -> np.ndarray:
    """The part of a @ b in an array of NaN."""
    c = np.full((len(a), b.shape[1]), np.nan, a.dtype)
    multiply_unpacked(a, b, c, *part, NEXT_AT)
    return c


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("m", [1, 2, 4, 5, 8, 11, 64, 100, 145])
def test_equal_to_numpy(m: int, dtype: Any) -> None:
    sizes = [(1, 1), (3, 50), (17, 16), (257, 33), (761, 97), (515, 8), (40, 700), (170, 256), (9, 64), (9, 60)]
    check_equal_to_numpy(product, m, dtype, sizes)


def test_part_leaves_the_rest_alone() -> None:
    check_part_leaves_the_rest_alone(product)


def test_what_is_not_finite_shows_where_it_is_used() -> None:
    check_what_is_not_finite_shows(product)


def test_nothing_behind_the_arrays_is_read() -> None:
    # A page further the memory may not be ours: NaN there shows what is read and used.
    rng = np.random.default_rng(1)
    memory = empty((4096,), np.float64)
    memory[:] = np.nan
    a, b = memory[: 9 * 31].reshape(9, 31), memory[2048 : 2048 + 31 * 50].reshape(31, 50)
    a[:], b[:] = rng.standard_normal(a.shape), rng.standard_normal(b.shape)
    np.testing.assert_allclose(product(a, b, (0, 9, 0, 50, 0, 31)), a @ b, rtol=1e-11, atol=1e-11)


def test_bits_are_those_of_any_cut_into_rows_and_columns() -> None:
    check_bits_of_any_cut(product, (32, 144))
