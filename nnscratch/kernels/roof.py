"""The roof of arithmetic: multiply-adds in registers and nothing else, as fast as they can begin.

A kernel that loads and stores nothing between its multiply-adds cannot be beaten by one that does.
So what this one reaches is what a processor can do at most. A product by BLAS would not do: an
environment variable may have changed whose kernels BLAS runs.
"""

from __future__ import annotations

import numpy as np

from nnscratch.kernels.compiled import njit
from nnscratch.kernels.values import Array, Index
from nnscratch.kernels.vectors import writes_vectors
from nnscratch.kernels.writer import Vectors

SUMS = 12  # independent sums: two multiply-adds begin per cycle, and each takes four cycles


@writes_vectors
def _add_products(v: Vectors, sums: Array, factors: Array, rounds: Index) -> None:
    """sums[k] += factors[0] * factors[1], `rounds` times; the sums stay in registers meanwhile."""
    a, b = v.splat(factors[0]), v.splat(factors[1])
    places = [sums + k * v.lanes for k in range(SUMS)]
    totals = v.sums([v.load(place) for place in places])
    with v.loop(rounds):
        for total in totals:
            total.add_product(a, b)
    for total, place in zip(totals, places, strict=True):
        v.store(total, place)


@njit(nogil=True, cache=True)
def multiply_adds(sums: np.ndarray, factors: np.ndarray, rounds: int) -> None:
    """sums[k] += factors[0] * factors[1], `rounds` times: SUMS * lanes * rounds multiply-adds.

    sums    : (SUMS, lanes), contiguous, changed in place; lanes as in vectors.py
    factors : (2,), of the same dtype. LLVM would make one addition of a product of constants
    """
    _add_products(sums, factors, rounds)
