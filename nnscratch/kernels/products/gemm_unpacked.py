"""The product of two matrices, with AVX-512, neither of them transposed: both are read where they lie.

Fastest for a dense layer's forward pass, x W, of two rows or more. Against blocks that are packed
beforehand (gemm.py), on two threads of an AMD EPYC: inference of the report's MLP (9216 x 256) with 16
rows 1.6 times as fast (0.165 ms), 100 rows 1.15 times (0.95 ms, 95 % of the rate of multiply-adds
alone), 512 rows 1.14 times (5.0 ms); 16 rows of 15488 x 500 that come from memory 1.5 times (0.9 ms).

    c[m, n] = sum over k of a[m, k] * b[k, n]

A tile broadcasts the numbers of eight rows of a, which it reads side by side, and a row of b is three
vectors: these loads take less time than the 24 multiply-adds between them, even if the lines come
from the second-level cache, where a block of b stays while all rows of a use it. So nothing is won
by packing, and a pass over both factors is saved. A transposed factor lies across the tiles, and goes
by gemm.py. Many rows go ten at a time, beside two vectors of b: on one thread, from the cache, 100 x
256 x 256 with 272 GFLOP/s instead of 255, 50 rows 272 instead of 240. Where tens would compute rows
that do not exist, one or two eights come after them: of 128 rows, twelve tens and an eight.

With the network's 512 rows the first layer takes 4.70 ms on each of two threads if W stands still in
the second-level cache, 4.65 if x does, too; 4.54 are the multiply-adds alone. Calling x ahead, packing x,
more terms at once, tiles of 12 rows and a cut by columns brought less than 2 %.
"""

from __future__ import annotations

import numpy as np

from nnscratch.kernels.compiled import njit
from nnscratch.kernels.products.gemm_tiles import (
    LINES_AT_ONCE,
    PANEL,
    TALL_LINES_AT_ONCE,
    TALL_PANEL,
    TALL_STRIP,
    TALL_TILE,
    TERMS_PER_LINE,
    TILE,
    multiply_tall_tile,
    multiply_tile_of_rows,
)
from nnscratch.kernels.products.packing import part, parts
from nnscratch.kernels.vectors import lanes

# The largest block of b: terms, columns in vectors, and numbers. Two blocks, the next one of which is
# called meanwhile, are half of a second-level cache of 1 MB. How many terms depends on the whole c,
# not on the part: so the bits do not depend on how it is cut.
_TERMS, _VECTORS, _NUMBERS = 256, 33, 1 << 16
_LEAST_ROWS_OF_TALL_TILES = 40  # below, the tiles' last rows that do not exist are too many


@njit(nogil=True)
def _short_tiles(rows: int) -> int:
    """How many tiles of eight rows leave whole fives for the tall ones; 0 if more than two would."""
    tiles = 2 * rows % TALL_STRIP
    return tiles if tiles <= 2 else 0


@njit(nogil=True, cache=True)
def multiply_unpacked(
    a: np.ndarray, b: np.ndarray, c: np.ndarray, m0: int, m1: int, n0: int, n1: int, k0: int, k1: int,
    next_at: int,
) -> None:  # fmt: skip
    """c[m, n] = sum over k of a[m, k] * b[k, n]

    for m in m0..m1, n in n0..n1, k in k0..k1, none of them empty

    a, b, c : (M, K), (K, N), (M, N), contiguous; this part of c is overwritten
    next_at : of b, from where on this thread probably reads next: called into the cache at the end
              (inference of the report's MLP with 16 rows, two threads: 176 -> 171 us)
    """
    n, width, a_width, b_width = lanes(c), c.shape[1], a.shape[1], b.shape[1]
    tall_end = m0 if m1 - m0 < _LEAST_ROWS_OF_TALL_TILES else m1 - TILE * _short_tiles(m1 - m0)
    tall = tall_end > m0
    tile, lines = (TALL_TILE, TALL_LINES_AT_ONCE) if tall else (TILE, LINES_AT_ONCE)
    panel = (TALL_PANEL if tall else PANEL) * n
    terms = part(k1 - k0, min(_TERMS, _NUMBERS // min(width, _VECTORS * n)), n)
    columns = part(n1 - n0, _VECTORS * n // panel * panel, panel)
    # Meanwhile the next terms of b are called into the cache: each tile takes an equal share. But not
    # where this part has few of the columns: between them lie those of others.
    groups, ahead_step = parts(terms, TERMS_PER_LINE), 0
    if 2 * columns >= width:
        share = parts(terms * b_width, parts(m1 - m0, tile) * parts(columns, panel))
        ahead_step = min(parts(share, groups), lines * n)
    for j0 in range(n0, n1, columns):
        j1 = min(j0 + columns, n1)
        for l0 in range(k0, k1, terms):
            l1 = min(l0 + terms, k1)
            ahead, step = l1 * b_width if l1 < k1 else next_at, ahead_step
            # Two loops: with a branch in one, 16 rows took 171 us instead of 166, 32 rows 335 instead of
            # 320, although none of them are tall.
            for i in range(m0, tall_end, TALL_TILE):
                for j in range(j0, j1, TALL_PANEL * n):
                    multiply_tall_tile(
                        a, i * a_width + l0, a_width, b, l0 * b_width + j, b_width, l1 - l0,
                        c, i * width + j, width, tall_end - i, j1 - j, l0 > k0, ahead, step,
                    )  # fmt: skip
                    ahead += step * groups
            for i in range(tall_end, m1, TILE):
                j = j0
                while j < j1:
                    # A tile of one vector takes longer than its multiply-adds: four are two pairs.
                    beside = 2 * n if 3 * n < j1 - j <= 4 * n else PANEL * n
                    multiply_tile_of_rows(
                        a, i * a_width + l0, a_width, b, l0 * b_width + j, b_width, l1 - l0,
                        c, i * width + j, width, m1 - i, min(beside, j1 - j), l0 > k0, ahead, step,
                    )  # fmt: skip
                    j += beside
                    ahead += step * groups
