"""The roof counts multiply-adds that are done, by the instruction that it is about."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels.assembly import assembly
from nnscratch.kernels.roof import SUMS, multiply_adds
from nnscratch.kernels.vectors import AVX512, VECTOR_BYTES


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rounds", [0, 1, 2, 1000])
def test_each_round_adds_a_product_to_each_sum(dtype: type, rounds: int) -> None:
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    begin = np.arange(SUMS * lanes, dtype=dtype).reshape(SUMS, lanes)
    sums = begin.copy()
    multiply_adds(sums, np.array([0.5, 1.5], dtype), rounds)
    np.testing.assert_array_equal(sums, begin + rounds * dtype(0.75))  # exact: quarters below 2**22


@pytest.mark.skipif(not AVX512, reason="the names of other processors' instructions differ")
def test_the_loop_has_whole_vectors_and_no_store() -> None:
    code = assembly(multiply_adds, np.zeros((SUMS, 16), np.float32), np.ones(2, np.float32), 5).splitlines()
    products = [line for line in code if "vfmadd" in line and "zmm" in line]
    assert len(products) >= SUMS
    assert len(products) % SUMS == 0
    first, last = code.index(products[0]), len(code) - code[::-1].index(products[-1])
    assert not [line for line in code[first : first + SUMS] if "vmov" in line]
    assert last > first
