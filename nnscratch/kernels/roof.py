"""The roof of arithmetic: multiply-adds in registers and nothing else, as fast as they can begin.

A kernel that loads and stores nothing between its multiply-adds cannot be beaten by one that does.
So what this one reaches is what a processor can do at most. A product by BLAS would not do: an
environment variable may have changed whose kernels BLAS runs.
"""

from __future__ import annotations

import numpy as np

from nnscratch.kernels.compiled import njit
from nnscratch.kernels.values import Array, Index, Number
from nnscratch.kernels.vectors import writes_vectors
from nnscratch.kernels.writer import Vectors

SUMS = 12  # independent sums: two multiply-adds begin per cycle, and each takes four cycles


@writes_vectors
def _add_products(v: Vectors, sums: Array, a: Number, b: Number, rounds: Index) -> None:
    """sums[k] += a * b, `rounds` times, for k in 0..SUMS*lanes; the sums stay in registers meanwhile."""
    factors, others = v.splat(a), v.splat(b)
    places = [sums + k * v.lanes for k in range(SUMS)]
    totals = v.sums([v.load(place) for place in places])
    with v.loop(rounds):
        for total in totals:
            total.add_product(factors, others)
    for total, place in zip(totals, places, strict=True):
        v.store(total, place)


@njit(nogil=True, cache=True)
def multiply_adds(sums: np.ndarray, rounds: int) -> None:
    """sums[k] += 0.5 * 1.5, `rounds` times: SUMS * lanes * rounds multiply-adds.

    sums : (SUMS, lanes), contiguous, changed in place; lanes as in vectors.py
    """
    _add_products(sums, sums.dtype.type(0.5), sums.dtype.type(1.5), rounds)
