"""Matrix products in blocks of the output, shared out over the threads."""

from __future__ import annotations

import numpy as np

from nnscratch.kernels.threads import in_blocks

# Below this many multiply-adds (about 20 microseconds of one core) handing out work costs more than it saves.
_WORTH_SHARING = 1 << 20
# Blocks at most: enough to share evenly over two to eight threads, few enough that GEMM runs at its full rate.
_BLOCKS = 8
_SMALLEST_BLOCK = 64


def matmul(a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """a (M, K) @ b (K, N) -> (M, N), in `out` if given, cut into blocks along the longer side of the result.

    Transposed views are read as they are: BLAS knows how, so nothing is copied. The blocks depend on the shapes
    alone, never on the threads, so the bits do not either.
    """
    (m, k), n = a.shape, b.shape[1]
    product = np.empty((m, n), np.result_type(a, b)) if out is None else out
    longer = max(m, n)
    blocks = 1 if m * k * n < _WORTH_SHARING else _BLOCKS
    block = max(_SMALLEST_BLOCK, -(-longer // blocks))

    def rows(start: int, stop: int) -> None:
        np.matmul(a[start:stop], b, out=product[start:stop])

    def columns(start: int, stop: int) -> None:
        np.matmul(a, b[:, start:stop], out=product[:, start:stop])

    in_blocks(rows if m >= n else columns, longer, block)
    return product
