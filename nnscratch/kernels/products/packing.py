"""How the factors of a product by tiles are laid out anew ("packed"): in the order in which they are read.

    a : strips of STRIP rows,     (strip, k, row)
    b : panels of PANEL vectors,  (panel, k, column)

Fastest where a number is read by several tiles. Copying b by vectors instead of number by number
made the product of 100 x 9216 by 9216 x 256 1.6 times as fast on one thread (AVX2).
"""

from __future__ import annotations

import numpy as np

from nnscratch.kernels.compiled import njit
from nnscratch.kernels.products.gemm_tiles import PANEL, STRIP, copy_rows, interleave_rows
from nnscratch.kernels.vectors import lanes


@njit(nogil=True)
def parts(length: int, size: int) -> int:
    """How many parts of `size` a length needs: length / size, rounded up."""
    return (length + size - 1) // size


@njit(nogil=True)
def part(length: int, most: int, n: int) -> int:
    """The size, a multiple of n, of the fewest parts of equal size that are at most `most` long."""
    return parts(parts(length, parts(length, most)), n) * n


@njit(nogil=True)
def pack_a(a: np.ndarray, transposed: bool, m0: int, m1: int, k0: int, k1: int, packed: np.ndarray, step: int) -> None:
    """packed[(strip,k,row)] = a[m, k] for m in m0..m1, k in k0..k1; strips are `step` apart."""
    n, width = lanes(a), a.shape[1]
    if transposed:
        for k in range(k0, k1, STRIP):
            for m in range(m0, m1, n):
                to = (m - m0) // STRIP * step + (k - k0) * STRIP
                interleave_rows(a, k * width + m, width, k1 - k, m1 - m, packed, to, step, STRIP, STRIP)
    else:
        for m in range(m0, m1, STRIP):
            for k in range(k0, k1, n):
                to = (m - m0) // STRIP * step + (k - k0) * STRIP
                interleave_rows(a, m * width + k, width, m1 - m, k1 - k, packed, to, n, STRIP, 1)


@njit(nogil=True)
def pack_transposed_b(
    b: np.ndarray, k0: int, k1: int, n0: int, n1: int, packed: np.ndarray, at: int, step: int
) -> None:
    """packed[at:][(panel,k,column)] = b[j, k] for k in k0..k1, j in n0..n1; panels are `step` apart."""
    n, width = lanes(b), b.shape[1]
    for j in range(n0, n1, n):
        vector = (j - n0) // n
        start = at + vector // PANEL * step + vector % PANEL * n
        for k in range(k0, k1, n):
            to = start + (k - k0) * PANEL * n
            interleave_rows(b, j * width + k, width, n1 - j, k1 - k, packed, to, PANEL * n, 0, 1)


@njit(nogil=True)
def pack_b(b: np.ndarray, k0: int, k1: int, n0: int, n1: int, packed: np.ndarray, at: int, step: int) -> None:
    """packed[at:][(panel,k,column)] = b[k, j], likewise."""
    width, panel = b.shape[1], PANEL * lanes(b)
    for j in range(n0, n1, panel):
        copy_rows(b, k0 * width + j, width, k1 - k0, n1 - j, packed, at + (j - n0) // panel * step, PANEL)
