"""What a step of a dense layer computes: its product, a part at a time, then bias and ReLU.

f(step, block, x, y, scratch, counters), as in blocks.py

A block that has all terms of its sums adds the bias, too, while they are in its thread's cache.
Measured (AVX-512, two threads), inference of the report's MLP with 100 rows: two waits and two passes over
y fewer, 938 to 935 us.
"""

from __future__ import annotations

import numpy as np
from numba import uint64

from nnscratch.kernels.bias_relu import finish_row
from nnscratch.kernels.compiled import njit
from nnscratch.kernels.finite import sum_of_zeros
from nnscratch.kernels.one_call.calls import BYTES, array_at, call_kernel
from nnscratch.kernels.one_call.program import BIAS, BLOCK, BLOCKS, KERNEL, NOT_FINITE, OTHER, SIZES, WEIGHT

A, B, C, D, E, F, G, H, I, _, _, _ = SIZES  # noqa: E741


@njit(nogil=True)
def _from_either_end(step: np.ndarray, block: int) -> int:
    """The block, in every second call each half backwards: what a thread read last is still in its cache.

    OTHER : whether it is such a call, which add_bias_relu turns at the end; or 0, and none is
    """
    if step[OTHER] and array_at(np.int64, step[OTHER], (1,))[0]:
        half = (step[BLOCKS] + 1) // 2
        return half - 1 - block if block < half else step[BLOCKS] - 1 - (block - half)
    return block


@njit(nogil=True)
def _block_after(step: np.ndarray, block: int) -> int:
    """The block that this thread takes next, if two share evenly: from the first on, or from the last."""
    half = (step[BLOCKS] + 1) // 2
    return min(block + 1, half - 1) if block < half else max(block - 1, half)


@njit(nogil=True)
def _finish(sums: np.ndarray, bias_at: int, relu: bool, checks: bool, counters: np.ndarray) -> None:
    """Bias, if there is one, and ReLU, if `relu`.

    checks : notes whether a sum is NaN or infinite, as every one is that had such a term
    """
    if checks and sum_of_zeros(sums):
        counters[NOT_FINITE] = 1
    finish_row(sums, array_at(np.float32, bias_at, (len(sums) if bias_at else 0,)), relu)


@njit(nogil=True, cache=True)
def multiply_row(step: np.ndarray, block: int, x: int, y: int, scratch: int, counters: np.ndarray) -> None:
    """A part of y = x W for one row: gemv.row_by_matrix.  BLOCK of the A terms;  B : columns

    G, H, I : as multiply_rows
    """
    block = _from_either_end(step, block)
    first = block * step[BLOCK]
    sums = array_at(np.float32, y + block * step[B] * BYTES, (1, step[B]))
    weight = array_at(np.float32, step[WEIGHT], (step[A], step[B]))
    arguments = array_at(np.float32, x, (1, step[A])), weight, sums, first, min(first + step[BLOCK], step[A])
    call_kernel(step[KERNEL], arguments)
    if step[G]:
        _finish(sums[0], step[BIAS], step[H], step[I], counters)


@njit(nogil=True, cache=True)
def multiply_rows(step: np.ndarray, block: int, x: int, y: int, scratch: int, counters: np.ndarray) -> None:
    """A part of y = x W, by a kernel of kernels/products/.

    A, B, C : terms, columns, rows;  D : numbers of scratch, 0 for the kernel that packs nothing

    BLOCK of the columns; if F, of the rows; if E, of the terms, and then y has a product for each part
    G       : whether bias and ReLU follow at once;  H : ReLU;  I : checks, as in `_finish`
    """
    next_block = _from_either_end(step, _block_after(step, block))
    block = _from_either_end(step, block)
    first, after = block * step[BLOCK], (block + 1) * step[BLOCK]
    m0, m1, n0, n1, k0, k1, product, next_at = 0, step[C], 0, step[B], 0, step[A], 0, 0
    if step[E]:
        k0, k1, product = first, min(after, k1), block
        next_at = next_block * step[BLOCK] * step[B]
    elif step[F]:
        m0, m1 = first, min(after, m1)
    else:
        n0, n1 = first, min(after, n1)
    source, weight = array_at(np.float32, x, (step[C], step[A])), array_at(np.float32, step[WEIGHT], (step[A], step[B]))
    target = array_at(np.float32, y + product * step[C] * step[B] * BYTES, (step[C], step[B]))
    packed = array_at(np.float32, scratch, (step[D],))
    if step[D]:
        call_kernel(step[KERNEL], (source, weight, target, m0, m1, n0, n1, k0, k1, packed))
    else:
        call_kernel(step[KERNEL], (source, weight, target, m0, m1, n0, n1, k0, k1, next_at))
    if step[G]:
        bias_at = step[BIAS] + n0 * BYTES if step[BIAS] else 0
        for m in range(m0, m1):
            _finish(target[m, n0:n1], bias_at, step[H], step[I], counters)


@njit(nogil=True, cache=True)
def add_bias_relu(step: np.ndarray, block: int, x: int, y: int, scratch: int, counters: np.ndarray) -> None:
    """y[m,n] = sum over p of x[p,m,n] + bias[n] if D, and of that max(0, ...) if E:  NaN stays NaN.

    A, B, C : parts, M, N, of which BLOCK of M
    OTHER   : what the product's `_from_either_end` reads, or 0
    F       : checks, as in `_finish`
    """
    if block == 0 and step[OTHER]:
        backwards = array_at(np.int64, step[OTHER], (1,))
        backwards[0] = 1 - backwards[0]
    parts, columns = step[A], uint64(step[C])
    sums, target = array_at(np.float32, x, (parts, step[B], step[C])), array_at(np.float32, y, (step[B], step[C]))
    first = block * step[BLOCK]
    for m in range(first, min(first + step[BLOCK], step[B])):
        row, part = target[m], sums[0, m]
        for n in range(columns):
            row[n] = part[n]
        for p in range(1, parts):
            part = sums[p, m]
            for n in range(columns):
                row[n] += part[n]
        _finish(row, step[BIAS] if step[D] else 0, step[E], step[F], counters)
