"""The product that packs b alone against NumPy's, on sizes that end inside a tile or a block."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnscratch.kernels.products.gemm_panels import TERMS
from nnscratch.kernels.products.gemm_rows import multiply_by_rows
from tests.kernels.products.forward_products import (
    check_bits_of_any_cut,
    check_equal_to_numpy,
    check_part_leaves_the_rest_alone,
    check_what_is_not_finite_shows,
    product_of,
)

product = product_of(multiply_by_rows)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("m", [1, 5, 6, 7, 100, 145])
def test_equal_to_numpy(m: int, dtype: Any) -> None:
    sizes = [(1, 1), (3, 50), (17, 16), (TERMS + 1, 33), (3 * TERMS - 7, 97), (515, 8), (40, 1100), (TERMS, 512)]
    check_equal_to_numpy(product, m, dtype, sizes)


def test_part_leaves_the_rest_alone() -> None:
    check_part_leaves_the_rest_alone(product)


def test_what_is_not_finite_shows_where_it_is_used() -> None:
    check_what_is_not_finite_shows(product)


def test_bits_are_those_of_any_cut_into_rows_and_columns() -> None:
    check_bits_of_any_cut(product, (32, 144))
