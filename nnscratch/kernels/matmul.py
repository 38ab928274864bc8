"""Matrix products in blocks, shared out over the threads."""

from __future__ import annotations

import numpy as np

from nnscratch.kernels.memory import Scratch
from nnscratch.kernels.threads import in_blocks

# Below this many multiply-adds (about 100 microseconds of one core) handing out work costs more than it saves.
_WORTH_SHARING = 1 << 22
# Nor below so many numbers to read or write: with one row of x, the time is that of moving the weights.
_WORTH_SHARING_NUMBERS = 1 << 20
# Blocks: enough to share evenly over two to eight threads, few enough that GEMM runs at its full rate.
_BLOCKS = 8
_SMALLEST_BLOCK = 64
_scratch = Scratch()


def matmul(a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """a (M, K) @ b (K, N) -> (M, N), in `out` if given, cut into blocks along the longest of M, N and K.

    Cut along K, each block gives a partial sum of the whole result, and those are added in order at the end: so every
    block reads its own part of a large b, once, from front to back. Transposed views are read as they are: BLAS knows
    how, so nothing is copied. The blocks depend on the shapes alone, never on the threads, so the bits do not either.
    """
    (m, k), n = a.shape, b.shape[1]
    product = np.empty((m, n), np.result_type(a, b)) if out is None else out
    longest = max(m, n, k)
    # One row of x: its weights' gradient is an outer product, which GEMM is not made for.
    multiply = np.multiply if k == 1 else np.matmul
    if m * k * n < _WORTH_SHARING and max(m * k, k * n, m * n) < _WORTH_SHARING_NUMBERS:
        multiply(a, b, out=product)
        return product
    block = max(_SMALLEST_BLOCK, -(-longest // _BLOCKS))

    def rows(start: int, stop: int) -> None:
        multiply(a[start:stop], b, out=product[start:stop])

    def columns(start: int, stop: int) -> None:
        multiply(a, b[:, start:stop], out=product[:, start:stop])

    if longest == m:
        in_blocks(rows, m, block)
    elif longest == n:
        in_blocks(columns, n, block)
    else:
        parts = _scratch.get("parts", (-(-k // block), m, n), product.dtype)

        def part(start: int, stop: int) -> None:
            np.matmul(a[:, start:stop], b[start:stop], out=parts[start // block])

        in_blocks(part, k, block)
        np.sum(parts, axis=0, out=product)
    return product
