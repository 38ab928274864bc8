"""Matrix products in blocks, shared out over the threads."""

from __future__ import annotations

import numpy as np

from nnscratch.kernels.memory import Scratch
from nnscratch.kernels.products.gemm import TILE, gemm, packed_size
from nnscratch.kernels.products.gemv import column_by_row, row_by_matrix, row_by_transposed
from nnscratch.kernels.threads import in_blocks

# Below this many multiply-adds (about 0.7 milliseconds of one core) handing out work costs more than it saves.
_WORTH_SHARING = 3 << 24
# With one row, or one term, the time is that of moving the weights: below this many of them likewise.
_WORTH_SHARING_NUMBERS = 1 << 22
# Blocks: enough to share evenly over two to eight threads, few enough that each runs at its full rate.
_BLOCKS = 8
_COLUMNS = 144  # the columns of a block are a multiple of this, to fill its vectors
_SCRATCH = {np.dtype(dtype): (packed_size(np.dtype(dtype)),) for dtype in (np.float32, np.float64)}
_scratch = Scratch()


def matmul(a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """a (M, K) @ b (K, N) -> (M, N), in `out` if given, which must not overlap a or b.

    Fast for contiguous arrays and their transposes, all float32 or all float64: nothing but a block is ever copied.
    Anything else goes to np.matmul. The blocks depend on the shapes alone, never on the threads, so the bits do not
    either.
    """
    (m, k), n, dtype = a.shape, b.shape[1], a.dtype
    product = np.empty((m, n), np.result_type(a, b)) if out is None else out
    a_transposed, b_transposed = not a.flags.c_contiguous, not b.flags.c_contiguous
    if (
        (a_transposed and not a.flags.f_contiguous)
        or (b_transposed and not b.flags.f_contiguous)
        or not product.flags.c_contiguous
        or dtype not in _SCRATCH
        or b.dtype != dtype
        or product.dtype != dtype
        or len(b) != k
        or product.shape != (m, n)
        or m * n * k == 0
    ):
        return np.matmul(a, b, out=product)
    # As they lie in memory.
    a, b = a.T if a_transposed else a, b.T if b_transposed else b
    if k == 1:
        block = m if m * n < _WORTH_SHARING_NUMBERS else -(-m // _BLOCKS)
        in_blocks(lambda start, stop: column_by_row(a, b, product, start, stop), m, block)
    elif m == 1:
        _multiply_row(a, b, b_transposed, product)
    elif m * n * k < _WORTH_SHARING:
        scratch = _scratch.get("packed", _SCRATCH[dtype], dtype)
        gemm(a, a_transposed, b, b_transposed, product, 0, m, 0, n, 0, k, scratch)
    else:
        _multiply(a, a_transposed, b, b_transposed, product, k)
    return product


def _multiply(
    a: np.ndarray, a_transposed: bool, b: np.ndarray, b_transposed: bool, product: np.ndarray, k: int
) -> None:
    """Cut along the longest of M, N and K. Along K, each block gives a partial sum of the whole result, and those are
    added in order at the end: so every block reads its own part of a large b, once, from front to back.
    """
    (m, n), dtype = product.shape, product.dtype

    def block_of(c: np.ndarray, m0: int, m1: int, n0: int, n1: int, k0: int, k1: int) -> None:
        scratch = _scratch.get("packed", _SCRATCH[dtype], dtype)
        gemm(a, a_transposed, b, b_transposed, c, m0, m1, n0, n1, k0, k1, scratch)

    if k > 4 * max(m, n):  # else the partial sums would be large themselves
        block = -(-k // _BLOCKS)
        parts = _scratch.get("parts", (-(-k // block), m, n), dtype)
        in_blocks(lambda start, stop: block_of(parts[start // block], 0, m, 0, n, start, stop), k, block)
        np.sum(parts, axis=0, out=product)
    elif m > n:
        block = -(-m // (_BLOCKS * TILE)) * TILE
        in_blocks(lambda start, stop: block_of(product, start, stop, 0, n, 0, k), m, block)
    else:
        block = -(-n // (_BLOCKS * _COLUMNS)) * _COLUMNS
        in_blocks(lambda start, stop: block_of(product, 0, m, start, stop, 0, k), n, block)


def _multiply_row(x: np.ndarray, w: np.ndarray, w_transposed: bool, y: np.ndarray) -> None:
    rows = len(w)
    block = rows if w.size < _WORTH_SHARING_NUMBERS else -(-rows // _BLOCKS)
    if w_transposed:
        in_blocks(lambda start, stop: row_by_transposed(x, w, y, start, stop), rows, block)
    elif block == rows:
        row_by_matrix(x, w, y, 0, rows)
    else:
        parts = _scratch.get("row parts", (-(-rows // block), 1, y.size), y.dtype)
        in_blocks(lambda start, stop: row_by_matrix(x, w, parts[start // block], start, stop), rows, block)
        np.sum(parts, axis=0, out=y)
