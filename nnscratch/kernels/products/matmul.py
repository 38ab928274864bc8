"""Matrix products of any shape: the right kernel, in blocks that are handed out to the threads."""

from __future__ import annotations

from typing import Literal

import numpy as np

from nnscratch.kernels.memory import Scratch
from nnscratch.kernels.products import choice
from nnscratch.kernels.products.gemm import gemm, packed_size
from nnscratch.kernels.products.gemm_panels import multiply_by_panels
from nnscratch.kernels.products.gemm_rows import multiply_by_rows
from nnscratch.kernels.products.gemm_tiles import TILE
from nnscratch.kernels.products.gemm_unpacked import multiply_unpacked
from nnscratch.kernels.products.gemv import ROWS_TOGETHER, column_by_row, row_by_matrix, row_by_transposed
from nnscratch.kernels.threads import get_threads, in_blocks
from nnscratch.kernels.vectors import AVX512
from nnscratch.kernels.waiting import callers_wait_awake

# Blocks per product: enough to share evenly over two to eight threads, few enough that each runs at
# its full rate.
_BLOCKS = 8
_BLOCKS_OF_FEW_COLUMNS = 4  # for each of which all columns are packed
_ROWS_PER_BLOCK = 128  # at least, where nothing is packed: fewer would wait for b
# A block's columns are a multiple of this: whole vectors, and whole panels or nearly.
_COLUMNS = 128 if AVX512 else 144
_COLUMNS_OF_ROWS, _LEAST_COLUMNS_OF_ROWS = 128, 32  # of gemm_rows: whole panels
# A row by a matrix reads each weight once: if the next call begins at the other end, a block that fits the
# second-level cache is still there. 9216 x 256: 57 us with 8 blocks, 54 with 16, 53 with 32 (2 threads).
_BLOCKS_OF_A_ROW, _WEIGHTS_PER_BLOCK = 16, 1 << 16  # at most; at least, numbers
_scratch = Scratch()


def matmul(a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None, *, moves: bool = False) -> np.ndarray:
    """a (M, K) @ b (K, N) -> (M, N), in `out` if given, which must not overlap a or b.

    Fast for contiguous arrays and their transposes, all float32 or all float64: only blocks are
    ever copied. Everything else is left to np.matmul. The blocks depend on the shapes and `moves`
    alone, not on the threads, so the bits do not either.

    moves : whether b is another one in the next pass, as weights in training: choice.cuts_rows

    Raises
        ValueError : a or b is no matrix, their inner sizes differ, or `out` does not fit
    """
    if a.ndim != 2 or b.ndim != 2:
        raise ValueError(f"matmul: got a {a.shape} and b {b.shape}, expected matrices; a single row is a[np.newaxis]")
    product = np.empty((len(a), b.shape[1]), np.result_type(a, b)) if out is None else out
    if choice.numpy_multiplies(a, b, product):
        return np.matmul(a, b, out=product)
    (m, k), n = a.shape, b.shape[1]
    # From here on a and b are as they lie in memory.
    a_transposed, b_transposed = not a.flags.c_contiguous, not b.flags.c_contiguous
    a, b = a.T if a_transposed else a, b.T if b_transposed else b
    kernel = choice.dense_kernel(m, k, n)
    if kernel == "outer":
        block = _block(m) if choice.shares_numbers(m * n) else m
        in_blocks(lambda start, stop: column_by_row(a, b, product, start, stop), m, block)
    elif kernel == "row":
        _multiply_row(a, b, b_transposed, product)
    elif choice.shares_product(m, k, n):
        _multiply(a, a_transposed, b, b_transposed, product, k, moves)
    else:
        _multiply_part(a, a_transposed, b, b_transposed, product, 0, m, 0, n, 0, k)
    return product


def _multiply_part(
    a: np.ndarray, a_transposed: bool, b: np.ndarray, b_transposed: bool, c: np.ndarray,
    m0: int, m1: int, n0: int, n1: int, k0: int, k1: int,
) -> None:  # fmt: skip
    """By tiles, on this thread."""
    kernel = choice.tiles_kernel(len(c), a_transposed or b_transposed)
    if kernel == "gemm_unpacked":
        multiply_unpacked(a, b, c, m0, m1, n0, n1, k0, k1, (k1 if k1 < len(b) else 0) * b.shape[1])
        return
    packed = _scratch.get("packed", (packed_size(c.dtype),), c.dtype)
    if kernel == "gemm_panels":
        multiply_by_panels(a, b, c, m0, m1, n0, n1, k0, k1, packed)
    elif kernel == "gemm_rows":
        multiply_by_rows(a, b, c, m0, m1, n0, n1, k0, k1, packed)
    else:
        gemm(a, a_transposed, b, b_transposed, c, m0, m1, n0, n1, k0, k1, packed)


def _multiply(
    a: np.ndarray, a_transposed: bool, b: np.ndarray, b_transposed: bool, product: np.ndarray, k: int, moves: bool
) -> None:
    """By tiles, cut into blocks along one axis.

    Blocks along K are partial sums of the whole product, added in order at the end.
    """
    (m, n), dtype = product.shape, product.dtype

    def multiply_block(c: np.ndarray, m0: int, m1: int, n0: int, n1: int, k0: int, k1: int) -> None:
        _multiply_part(a, a_transposed, b, b_transposed, c, m0, m1, n0, n1, k0, k1)

    axis = choice.shared_axis(m, k, n, a_transposed or b_transposed, moves)
    callers_wait_awake()
    if axis == "k":
        block = _block(k)
        sums = _scratch.get("partial sums", (-(-k // block), m, n), dtype)
        in_blocks(lambda start, stop: multiply_block(sums[start // block], 0, m, 0, n, start, stop), k, block)
        np.sum(sums, axis=0, out=product)
    elif axis == "m":
        forward = choice.cuts_rows(m, k, n, a_transposed or b_transposed, moves)
        block = _even_block(m, get_threads()) if forward else _block(m, TILE)
        in_blocks(lambda start, stop: multiply_block(product, start, stop, 0, n, 0, k), m, block)
    else:
        block = _columns_block(m, n, get_threads(), a_transposed or b_transposed)
        in_blocks(lambda start, stop: multiply_block(product, 0, m, start, stop, 0, k), n, block)


def _block(total: int, unit: int = 1) -> int:
    """The length of a block: so many whole units that `_BLOCKS` of them, or fewer, are the total."""
    return -(-total // (_BLOCKS * unit)) * unit


def _even_block(rows: int, threads: int) -> int:
    """How many of the rows are a block: of an even number of blocks, or for many threads of one for each.

    The bits are the same for any number of rows to a block.
    """
    blocks = min(_BLOCKS, rows // (2 * _ROWS_PER_BLOCK) * 2)
    return -(-rows // max(blocks, min(threads, rows // TILE)))


def _columns_block(m: int, n: int, threads: int, transposed: bool) -> int:
    """How many of the N columns are a block.

    The bits are the same for any cut. So where gemm_rows multiplies there is a block for each thread;
    with AVX-512 blocks of twice the columns, if that is enough for all threads: 100 x 512 x 512 in a
    training step of the report's large CNN 0.33 -> 0.28 ms.
    """
    if choice.tiles_kernel(m, transposed) != "gemm_rows":
        wide = AVX512 and n >= 2 * _COLUMNS * threads
        return _block(n, 2 * _COLUMNS if wide else _COLUMNS)
    block = _COLUMNS_OF_ROWS
    while block > _LEAST_COLUMNS_OF_ROWS and n < threads * block:
        block //= 2
    return block


def row_block(k: int, n: int) -> int:
    """How many of the K terms of a row times (K, N) are summed together; these sums are then added."""
    parts = max(1, min(_BLOCKS_OF_A_ROW, k * n // _WEIGHTS_PER_BLOCK))
    return -(-k // (ROWS_TOGETHER * parts)) * ROWS_TOGETHER


def rows_block(m: int, k: int, n: int, threads: int, moves: bool = False) -> tuple[Literal["m", "k", "n"], int]:
    """How (M, K) times (K, N) by tiles is cut where a call costs nothing: along which axis, and the block.

    The bits are those of `matmul`, which cuts along K only if it hands the blocks out.
    """
    if choice.shares_product(m, k, n) and choice.shared_axis(m, k, n, moves=moves) == "k":
        return "k", _block(k)
    if choice.cuts_rows(m, k, n, transposed=False, moves=moves):
        return "m", _even_block(m, threads)
    if n <= _COLUMNS:
        return "m", -(-m // (_BLOCKS_OF_FEW_COLUMNS * TILE)) * TILE
    return "n", _columns_block(m, n, threads, transposed=False)


def _multiply_row(x: np.ndarray, w: np.ndarray, w_transposed: bool, y: np.ndarray) -> None:
    rows, shares = len(w), choice.shares_numbers(w.size)
    if w_transposed:
        block = _block(rows) if shares else rows
        in_blocks(lambda start, stop: row_by_transposed(x, w, y, start, stop), rows, block)
        return
    block = row_block(rows, w.shape[1])
    if block >= rows:
        row_by_matrix(x, w, y, 0, rows)
        return
    sums = _scratch.get("partial sums of a row", (-(-rows // block), 1, y.size), y.dtype)
    if shares:
        in_blocks(lambda start, stop: row_by_matrix(x, w, sums[start // block], start, stop), rows, block)
    else:
        for start in range(0, rows, block):
            row_by_matrix(x, w, sums[start // block], start, min(start + block, rows))
    y[...] = sums[0]
    with np.errstate(over="ignore", invalid="ignore"):  # as the kernels do
        for part in sums[1:]:
            y += part
