"""Memory that is called into the cache stays as it is, wherever it lies."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from nnscratch.kernels.prefetch_tiles import call_ahead


@njit
def call(numbers, at, length):
    call_ahead(numbers, at, length)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize(("at", "length"), [(0, 100), (3, 0), (90, 50), (83, 300), (1 << 40, 1000)])
def test_nothing_changes(dtype, at: int, length: int) -> None:
    numbers = np.arange(100).astype(dtype)
    call(numbers, at, length)
    np.testing.assert_array_equal(numbers, np.arange(100).astype(dtype))
