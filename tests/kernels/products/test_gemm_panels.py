"""The product by panels against NumPy's, on sizes that end inside a tile, a panel, a block."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnscratch.kernels.memory import empty
from nnscratch.kernels.products.gemm import gemm, packed_size
from nnscratch.kernels.products.gemm_panels import TERMS, multiply_by_panels
from nnscratch.kernels.vectors import AVX512
from tests.kernels.products.forward_products import (
    check_bits_of_any_cut,
    check_equal_to_numpy,
    check_part_leaves_the_rest_alone,
    check_what_is_not_finite_shows,
    product_of,
)

product = product_of(multiply_by_panels)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("m", [1, 2, 4, 9, 100, 144])
def test_equal_to_numpy(m: int, dtype: Any) -> None:
    sizes = [(1, 1), (3, 50), (17, 16), (TERMS + 1, 33), (3 * TERMS - 7, 97), (515, 8), (40, 700), (170, 256)]
    check_equal_to_numpy(product, m, dtype, sizes)


def test_part_leaves_the_rest_alone() -> None:
    check_part_leaves_the_rest_alone(product)


def test_what_is_not_finite_shows_where_it_is_used() -> None:
    check_what_is_not_finite_shows(product)


@pytest.mark.skipif(AVX512, reason="with AVX-512 all rows go by blocks")
def test_bits_are_those_of_blocks_and_of_any_cut_into_rows_and_columns() -> None:
    a, b, whole = check_bits_of_any_cut(product, (24, 144))
    c = np.empty_like(whole)
    gemm(a, False, b, False, c, 0, 49, 0, 160, 0, 700, empty((packed_size(c.dtype),), c.dtype))
    np.testing.assert_array_equal(c, whole)
