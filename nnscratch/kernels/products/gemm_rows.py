"""The product of more than 144 rows with a matrix, with AVX2: b is packed, a is read where it lies.

Fastest for a dense layer's forward pass, x W, of more than 144 rows: inference of the report's MLP with
512 rows 1.05 times as fast as with blocks of both (gemm.py), by code for AVX2 on two threads of a Zen 5
(9.6 ms, 95 % of the rate of multiply-adds alone).

    c[m, n] = sum over k of a[m, k] * b[k, n]

A tile of six rows uses all panels of a block of b, which stays in the second-level cache, before the
next six begin: so its numbers of a stay in the first-level cache, although its rows lie far apart, and
nothing is won by packing them. Meanwhile the next six rows are called into the cache, and the
next terms of b. Where a thread has all rows and a part of the columns, b is packed once.
"""

from __future__ import annotations

import numpy as np

from nnscratch.kernels.compiled import njit
from nnscratch.kernels.products.gemm_panels import TERMS
from nnscratch.kernels.products.gemm_tiles import (
    NARROW_PANEL,
    NARROW_TILE,
    TERMS_PER_LINE,
    copy_rows,
    multiply_narrow_tile,
)
from nnscratch.kernels.products.packing import part, parts
from nnscratch.kernels.vectors import lanes

_PANELS = 16  # a block of b: 128 columns of float32 are 123 kB of the second-level cache, twice as many 246


@njit(nogil=True, cache=True)
def multiply_by_rows(
    a: np.ndarray, b: np.ndarray, c: np.ndarray, m0: int, m1: int, n0: int, n1: int, k0: int, k1: int,
    packed: np.ndarray,
) -> None:  # fmt: skip
    """c[m, n] = sum over k of a[m, k] * b[k, n]

    for m in m0..m1, n in n0..n1, k in k0..k1, none of them empty

    a, b, c : (M, K), (K, N), (M, N), contiguous; this part of c is overwritten
    packed  : scratch, `gemm.packed_size` numbers, on a cache line
    """
    n, width, a_width, b_width = lanes(c), c.shape[1], a.shape[1], b.shape[1]
    panel = NARROW_PANEL * n
    terms, columns = part(k1 - k0, TERMS, n), part(n1 - n0, panel * _PANELS, panel)
    ahead_step = parts(columns, parts(terms, TERMS_PER_LINE))
    for j0 in range(n0, n1, columns):
        j1 = min(j0 + columns, n1)
        for l0 in range(k0, k1, terms):
            l1 = min(l0 + terms, k1)
            for j in range(j0, j1, panel):
                copy_rows(b, l0 * b_width + j, b_width, l1 - l0, j1 - j, packed, (j - j0) * terms, NARROW_PANEL)
            ahead = l1  # a row of b, of which each tile calls one
            for i in range(m0, m1, NARROW_TILE):
                after = i + NARROW_TILE
                next_row = after * a_width + l0 if after < m1 else m0 * a_width + l1
                for j in range(j0, j1, panel):
                    multiply_narrow_tile(
                        a, i * a_width + l0, a_width, packed, (j - j0) * terms, l1 - l0, c, i * width + j, width,
                        m1 - i, j1 - j, l0 > k0, b, ahead * b_width + j0, ahead_step, next_row,
                    )  # fmt: skip
                    ahead = min(ahead + 1, l1 + terms)
                    next_row += a_width
