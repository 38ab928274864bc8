"""The product of two matrices on one thread: blocks that fit the caches, tiles that fit registers.

Fastest where a factor is transposed, as in a dense layer's gradients: with 100 rows x.T dy is as fast
as NumPy's OpenBLAS with kernels of another processor, dy W.T 1.2 times (9216 x 256, 15488 x 500, 512 x
512; one thread). Measured by `python benchmarks/kernels.py --ladder`, AVX-512. Where neither is,
gemm_unpacked.py, gemm_panels.py and gemm_rows.py are faster. With AVX2 x.T dy of 9216 x 100 x 256
takes 2.8 ms on two threads of an AMD EPYC, 84 % of the rate of multiply-adds alone.

    c[m, n] = sum over k of a[m, k] * b[k, n]

A block of a and one of b are laid out anew ("packed") in the second-level cache. Then all tiles of
c that need only these two blocks are computed: a number that came from memory is used as often as a
block is wide. Meanwhile the next block is prefetched. About 9/10 of the time are multiply-adds, the
rest is packing.

Source: Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008).
"""

from __future__ import annotations

import numpy as np

from nnscratch.kernels.compiled import njit
from nnscratch.kernels.products.gemm_panels import TERMS
from nnscratch.kernels.products.gemm_tiles import PANEL, STRIP, TERMS_PER_LINE, TILE, multiply_tile
from nnscratch.kernels.products.packing import pack_a, pack_b, pack_transposed_b, part, parts
from nnscratch.kernels.vectors import AVX512, VECTOR_BYTES, lanes

# The largest block: rows of c, terms of their sums, columns of c in panels. For a transposed b (dx
# of a wide layer) c is so wide that its rows lie pages apart: its blocks are narrow, and deep
# instead. With AVX2 terms are cut as gemm_panels.py cuts them: then the bits do not depend on how
# many rows a call has.
_ROWS = 144
_TERMS, _TERMS_TRANSPOSED = 160 if AVX512 else TERMS, 256
_PANELS, _PANELS_TRANSPOSED = 11, 3


def packed_size(dtype: np.dtype) -> int:
    """How many numbers of scratch `gemm` needs."""
    n = VECTOR_BYTES // dtype.itemsize
    panels = max(_PANELS * _TERMS, _PANELS_TRANSPOSED * _TERMS_TRANSPOSED)
    return (_ROWS + n) * max(_TERMS, _TERMS_TRANSPOSED) + PANEL * n * panels


@njit(nogil=True)
def _next_block(
    a_transposed: bool, b_transposed: bool, m: tuple[int, int], n: tuple[int, int], k: tuple[int, int],
    b_width: int, c_width: int,
) -> tuple[int, bool]:  # fmt: skip
    """Where the block to prefetch begins in its matrix, and whether there is one.

    m, n, k : the end of the current block along each axis, and the end of all blocks
    """
    if a_transposed:
        return m[0] * c_width, m[0] < m[1]  # the next rows of c
    if b_transposed:
        return n[0] * b_width, n[0] < n[1]  # the next columns of b, which lie as rows
    return k[0] * b_width, k[0] < k[1]  # the next terms of b


@njit(nogil=True, cache=True)
def gemm(
    a: np.ndarray, a_transposed: bool, b: np.ndarray, b_transposed: bool, c: np.ndarray,
    m0: int, m1: int, n0: int, n1: int, k0: int, k1: int, packed: np.ndarray,
) -> None:  # fmt: skip
    """c[m, n] = sum over k of a[m, k] * b[k, n]

    for m in m0..m1, n in n0..n1, k in k0..k1, none of them empty

    a      : (M, K);  if a_transposed (K, M), and its transpose is meant
    b      : (K, N);  if b_transposed (N, K), likewise
    c      : (M, N), of which this part is overwritten
    packed : scratch, `packed_size` numbers, on a cache line

    All are contiguous.
    """
    n, width, b_width = lanes(c), c.shape[1], b.shape[1]
    panel = PANEL * n
    rows = part(m1 - m0, _ROWS, STRIP)
    terms = part(k1 - k0, _TERMS_TRANSPOSED if b_transposed else _TERMS, n)
    columns = part(n1 - n0, panel * (_PANELS_TRANSPOSED if b_transposed else _PANELS), panel)
    a_step, b_step = terms * STRIP, terms * panel
    packed_b = (rows + n) // STRIP * a_step

    # Prefetching, which changes no result: while the tiles of a block are computed, the next block
    # of the largest matrix is called into the cache: of c if a is transposed (the gradient of the
    # weights), otherwise of b. That block is contiguous. Each tile prefetches an equal share of it,
    # one cache line per TERMS_PER_LINE terms. Measured in turn, in two processes: a training step
    # of the report's MLP, batch 100, is 1.13 times as fast as without, inference 1.10 times.
    ahead = c if a_transposed else b
    by_columns = b_transposed and not a_transposed  # the next block comes only after all terms of this one
    block_size = ahead.shape[1] * (rows if a_transposed else columns if b_transposed else terms)
    tiles_per_block = parts(min(rows, m1 - m0), TILE) * parts(min(columns, n1 - n0), panel)
    if by_columns:
        tiles_per_block *= parts(k1 - k0, terms)
    share = parts(block_size, tiles_per_block)
    line_step = parts(share, parts(terms, TERMS_PER_LINE))

    prefetch_at = 0
    for j0 in range(n0, n1, columns):
        j1 = min(j0 + columns, n1)
        panels = parts(j1 - j0, panel)
        for l0 in range(k0, k1, terms):
            l1 = min(l0 + terms, k1)
            if b_transposed:
                pack_transposed_b(b, l0, l1, j0, j1, packed, packed_b, b_step)
            else:
                pack_b(b, l0, l1, j0, j1, packed, packed_b, b_step)
            for i0 in range(m0, m1, rows):
                i1 = min(i0 + rows, m1)
                pack_a(a, a_transposed, i0, i1, l0, l1, packed, a_step)
                next_at, exists = _next_block(a_transposed, b_transposed, (i1, m1), (j1, n1), (l1, k1), b_width, width)
                if l0 == k0 or not by_columns:
                    prefetch_at = next_at
                tiles = parts(i1 - i0, TILE)
                for t in range(tiles * panels):
                    # All rows use a panel of b while it is in the first-level cache; but where rows
                    # of c lie pages apart, a few rows use all panels first.
                    tile, p = (t // panels, t % panels) if b_transposed else (t % tiles, t // tiles)
                    i, j = i0 + tile * TILE, j0 + p * panel
                    multiply_tile(
                        packed, (i - i0) // STRIP * a_step, a_step, packed_b + p * b_step, l1 - l0,
                        c, i * width + j, width, i1 - i, j1 - j, l0 > k0,
                        ahead, prefetch_at if exists else 0, line_step if exists else 0,
                    )  # fmt: skip
                    prefetch_at += share
