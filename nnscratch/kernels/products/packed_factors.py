"""x and dz, kept for a product x.T dz that is computed later: as the tiles that compute it read them.

They have to be copied anyway, and this copy is what packing.py would make of them later. Measured
(100 x 9216, one thread, AVX-512): 85 us, a plain copy 57; the product and the update with it 2.00
ms, from a plain copy 2.20.

    c[m, n] = sum over k of x[k, m] * dz[k, n]
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnscratch.kernels.compiled import njit
from nnscratch.kernels.products.choice import shares_product
from nnscratch.kernels.products.gemm_tiles import PANEL, STRIP, TILE, multiply_terms, strips_of
from nnscratch.kernels.products.packing import pack_a, pack_b, parts
from nnscratch.kernels.threads import in_blocks
from nnscratch.kernels.values import Array, Index
from nnscratch.kernels.vectors import VECTOR_BYTES, writes_vectors
from nnscratch.kernels.writer import Vectors

# Rows of the product that are computed together. Measured (100 x 9216 x 256, one thread; 16, 32, 64,
# 128): with an update of each row 2.31, 2.22, 2.22, 2.53 ms.
ROWS_TOGETHER = 64
_BLOCKS = 8  # of rows, that threads share


class PackedFactor:
    """A matrix (K, M) in pieces of some columns, one after the other: (piece, k, column).

    packed : (pieces, K or more, columns of a piece); what is more than the matrix is anything
    """

    def __init__(self, packed: np.ndarray, shape: tuple[int, ...]) -> None:
        self.packed, self.shape, self.dtype = packed, shape, packed.dtype


Factor = np.ndarray | PackedFactor


def numbers_of(factor: Factor) -> np.ndarray:
    """The array in memory."""
    return factor.packed if isinstance(factor, PackedFactor) else factor


def copy_factors(
    x: np.ndarray, dz: np.ndarray, memory: Callable[[str, tuple[int, ...]], np.ndarray]
) -> tuple[Factor, Factor]:
    """Copies of x (K, M) and dz (K, N), contiguous: of one row as they are, of more packed.

    memory : called with "x" or "dz" and a shape, gives an array of their dtype
    """
    terms, (rows, columns) = len(x), (x.shape[1], dz.shape[1])
    if terms == 1:
        copies = memory("x", x.shape), memory("dz", dz.shape)
        for copy, array in zip(copies, (x, dz), strict=True):
            np.copyto(copy, array)
        return copies
    lanes = VECTOR_BYTES // x.dtype.itemsize
    panel, unit = PANEL * lanes, max(lanes, STRIP)
    strips = memory("x", (-(-rows // unit) * unit // STRIP, -(-terms // STRIP) * STRIP, STRIP))
    panels = memory("dz", (-(-columns // panel), terms, panel))
    pack_factors(x, dz, strips, panels)
    return PackedFactor(strips, x.shape), PackedFactor(panels, dz.shape)


@njit(nogil=True, cache=True)
def pack_factors(x: np.ndarray, dz: np.ndarray, strips: np.ndarray, panels: np.ndarray) -> None:
    """x (K, M) in strips of STRIP columns, dz (K, N) in panels of PANEL vectors."""
    terms = x.shape[0]
    pack_a(x, True, 0, x.shape[1], 0, terms, strips, strips.shape[1] * STRIP)
    pack_b(dz, 0, terms, 0, dz.shape[1], panels, 0, terms * panels.shape[2])


def multiply_packed(x: PackedFactor, dz: PackedFactor, out: np.ndarray) -> np.ndarray:
    """x.T dz in `out` (M, N), contiguous: with the bits of matmul."""
    (terms, rows), columns = x.shape, dz.shape[1]
    block = parts(rows, _BLOCKS * TILE) * TILE if shares_product(rows, terms, columns) else rows
    in_blocks(lambda first, stop: multiply_rows(x.packed, dz.packed, terms, out, first, stop), rows, block)
    return out


@njit(nogil=True, cache=True)
def multiply_rows(strips: np.ndarray, panels: np.ndarray, terms: int, c: np.ndarray, m0: int, m1: int) -> None:
    """Rows m0 to m1 of c (M, N), from packed factors of so many terms; m0 : a multiple of STRIP"""
    width, panel = c.shape[1], panels.shape[2]
    a_step = strips.shape[1] * STRIP
    for i0 in range(m0, m1, ROWS_TOGETHER):
        i1 = min(i0 + ROWS_TOGETHER, m1)
        for j in range(0, width, panel):
            for i in range(i0, i1, TILE):
                multiply_packed_tile(
                    strips, i // STRIP * a_step, a_step, panels, j * terms, terms, c, i * width + j, width, i1 - i,
                    width - j, c, c, c, i * width + j, 0, 0, 0,
                )  # fmt: skip


@writes_vectors
def multiply_packed_tile(
    v: Vectors, strips: Array, a_at: Index, a_step: Index, panels: Array, b_at: Index, terms: Index, c: Array,
    c_at: Index, c_row: Index, rows: Index, columns: Index, first: Array, second: Array, third: Array, ahead_at: Index,
    ahead_step: Index, strips_at: Index, strips_step: Index,
) -> None:  # fmt: skip
    """`gemm_tiles.multiply_tile` of both factors, each in its array, which calls more into the cache.

    For group g of TERMS_PER_LINE terms these are the lines at ahead_at + g*ahead_step of three
    arrays, and that at strips[strips_at + g*strips_step].
    """
    places = [(array + ahead_at, ahead_step) for array in (first, second, third)] + [(strips + strips_at, strips_step)]

    def call_lines(group: Index) -> None:
        for place, step in places:
            v.prefetch(place + group * step)

    multiply_terms(
        v, strips_of(strips + a_at, a_step), panels + b_at, PANEL * v.lanes, terms, c + c_at, c_row, rows, columns,
        v.index(0) > 0, call_lines, None,
    )  # fmt: skip
