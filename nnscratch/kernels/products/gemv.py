"""Products of one row, such as a batch of one: the time is that of moving the weights once.

Fastest for one row: an outer product 6 to 22 times as fast as NumPy's OpenBLAS, a row by a matrix
0.8 to 1.1 times, which is the memory's rate in both (9216 x 256, 15488 x 500, 512 x 512).
Measured by `python benchmarks/kernels.py --ladder`, AVX-512.
"""

from __future__ import annotations

import numpy as np

from nnscratch.kernels.compiled import njit
from nnscratch.kernels.products.gemv_tiles import ROW_VECTORS, add_rows, multiply_by_rows, multiply_columns
from nnscratch.kernels.vectors import AVX512, lanes

# Rows of w read side by side: each sum is loaded and stored once for so many products. Their numbers
# of x must fit the registers, 32 with AVX-512, 16 with AVX2.
ROWS_TOGETHER = 12 if AVX512 else 8
# With AVX-512 a row of 256 or 512 columns goes by whole sums in registers: the weights are read from front
# to back, or nearly. One thread, from the cache: 576 x 256 in 2.8 us instead of 4.8, 512 x 512 in 6.8
# instead of 8.8; inference of the report's MLP on two, 47 instead of 54. No gain where
# columns are left over (15488 x 500), and a loss from 1024 on (2048 x 1024: 85 instead of 76).
_MOST_TOGETHER = 2


@njit(nogil=True, cache=True)
def row_by_matrix(x: np.ndarray, w: np.ndarray, y: np.ndarray, k0: int, k1: int) -> None:
    """y[0, n] = sum over k in k0..k1 of x[0, k] * w[k, n]

    x (1, K), w (K, N), y (1, N), all contiguous
    """
    width, together = w.shape[1], ROW_VECTORS * lanes(w)
    if AVX512 and width % together == 0 and width <= _MOST_TOGETHER * together:
        for n in range(0, width, together):
            multiply_columns(x, k0, w, k0 * width + n, width, k1 - k0, y, n)
        return
    y[:] = 0
    whole = k1 - (k1 - k0) % ROWS_TOGETHER
    for k in range(k0, whole, ROWS_TOGETHER):
        add_rows(x, k, w, k * width, width, y, 0, width, ROWS_TOGETHER)
    for k in range(whole, k1):
        add_rows(x, k, w, k * width, width, y, 0, width, 1)


@njit(nogil=True, cache=True)
def row_by_transposed(x: np.ndarray, w: np.ndarray, y: np.ndarray, n0: int, n1: int) -> None:
    """y[0, n] = sum over k of x[0, k] * w[n, k]  for n in n0..n1

    x (1, K), w (N, K), y (1, N), all contiguous
    """
    width = w.shape[1]
    for n in range(n0, n1, lanes(w)):
        multiply_by_rows(x, w, n * width, width, width, y, n, min(lanes(w), n1 - n))


@njit(nogil=True, cache=True)
def column_by_row(a: np.ndarray, b: np.ndarray, c: np.ndarray, m0: int, m1: int) -> None:
    """c[m, n] = a[m, 0] * b[0, n]  for m in m0..m1

    a (M, 1), b (1, N), c (M, N), all contiguous
    """
    row = b[0]
    for m in range(m0, m1):
        factor = a[m, 0]
        target = c[m]
        for n in range(len(row)):
            target[n] = factor * row[n]
