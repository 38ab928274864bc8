"""Pooled rows of a 3x3 convolution by Winograd's algorithm: 16 products where direct.py takes 36.

Fastest for 3x3, channels that fill vectors and 256 windows or more: 1.6 times as fast as direct.py
at 48x48, 16 to 32; 1.8 times at 24x24, 32 to 64; 1.9 times at 12x12, 64 to 128.
Measured by `python benchmarks/kernels.py --ladder`, AVX-512.

The four numbers z (2x2) of a pooling window come from the 4x4 pixels d around it, of one channel,
and the kernel g:

    z[a,b] = sum over i,j of d[a+i, b+j] * g[i,j]          4 * 9 = 36 products
    z      = A^T ((G g G^T) * (B^T d B)) A                 4 * 4 = 16 products, place by place

    B^T = 1  0 -1  0      G =  1    0    0      A^T = 1  1  1  0
          0  1  1  0          1/2  1/2  1/2           0  1 -1 -1
          0 -1  1  0          1/2 -1/2  1/2
          0  1  0 -1           0    0    1

Why both are equal: in one dimension, two sums of three products,

    z0 = d0 g0 + d1 g1 + d2 g2        z1 = d1 g0 + d2 g1 + d3 g2

take four products,

    m1 = (d0 - d2) g0       m2 = (d1 + d2) (g0 + g1 + g2) / 2       z0 = m1 + m2 + m3
    m4 = (d1 - d3) g2       m3 = (d2 - d1) (g0 - g1 + g2) / 2       z1 = m2 - m3 - m4

as multiplying out shows; in two dimensions the same is done along rows, then along columns.
Everything but the products is additions, and is shared: B^T d B serves all output channels, G g G^T
all windows, and A^T ... A comes after the sum over the input channels. What remains is one matrix
product for each of 16 positions p, and it takes most of the time:

    M[w,p,o] = sum over c of V[w,p,c] * U[p,c,o]    V = B^T d B,  U = G g G^T,  z = A^T M A + bias

Rounding: z differs from direct.py's by a few roundings of its largest terms. An infinity becomes
NaN (inf - inf).

Source: Lavin & Gray, "Fast algorithms for convolutional neural networks" (2016), F(2x2, 3x3);
Winograd, "Arithmetic complexity of computations" (1980).
"""

from __future__ import annotations

import numpy as np
from numba import uint64

from nnscratch.kernels.channel_vectors.direct import PooledRows
from nnscratch.kernels.channel_vectors.forward_tiles import CHANNEL_VECTORS
from nnscratch.kernels.channel_vectors.winograd_tiles import (
    PATCH,
    WINDOWS_PER_TILE,
    multiply_patches,
    pool_patches,
    transform_patches,
)
from nnscratch.kernels.compiled import njit
from nnscratch.kernels.memory import Scratch
from nnscratch.kernels.vectors import VECTOR_BYTES, lanes

# Bytes of the second-level cache for the patches of a block of windows: the weights need as much.
PATCH_BYTES = 1 << 18
_TILE = WINDOWS_PER_TILE[0]
# Products per place of z, input channel and output channel; direct.py takes 9.
PRODUCTS = PATCH // 4


def winograd_rows(
    weight: np.ndarray, bias: np.ndarray, w_pooled: int, scratch: Scratch, patch_bytes: int = PATCH_BYTES
) -> PooledRows:
    """The function that computes pooled rows this way.

    weight      : (3, 3, C, O);  bias : (O,);  w_pooled : windows per row
    patch_bytes : the most that a block of patches takes, but at least one row of windows
    """
    dtype, (channels, c_out) = weight.dtype, weight.shape[2:]
    n = VECTOR_BYTES // dtype.itemsize
    chunks, size = -(-channels // n), CHANNEL_VECTORS * n
    transformed = scratch.get("transformed weight", (-(-c_out // size), PATCH * chunks * n + 1, size), dtype)
    transform_weight(weight, bias, transformed)
    rows_per_block = max(1, patch_bytes // (PATCH * chunks * VECTOR_BYTES * w_pooled))

    def rows(x: np.ndarray, first: int, stop: int, y: np.ndarray, argmax: np.ndarray) -> None:
        patches = scratch.get("patches", (chunks, rows_per_block * w_pooled, PATCH, n), dtype)
        sums = scratch.get("products", (_TILE, PATCH, size), dtype)
        pooled_rows(x, transformed, first, stop, y, argmax, patches, sums)

    return rows


@njit(nogil=True, cache=True)
def transform_weight(weight: np.ndarray, bias: np.ndarray, transformed: np.ndarray) -> None:
    """transformed[g, (p,c), k] = position p of G w G^T,  w = weight[:,:,c,g*K+k]

    transformed[g, -1, k] = bias[g*K+k]

    weight : (3, 3, C, O);  bias : (O,)
    transformed : (groups, 16*C' + 1, K), overwritten; C' is C rounded up to whole vectors, and
        channels that do not exist are 0
    """
    channels, c_out = weight.shape[2:]
    groups, terms, size = transformed.shape
    padded_channels = (terms - 1) // PATCH
    half = weight.dtype.type(0.5)
    transformed[:] = 0
    three = np.empty((4, 3, size), weight.dtype)
    for g in range(groups):
        count = min(size, c_out - g * size)
        for k in range(count):
            transformed[g, terms - 1, k] = bias[g * size + k]
        for c in range(channels):
            for j in range(3):
                for k in range(uint64(count)):
                    o = uint64(g * size) + k
                    upper, middle, lower = weight[0, j, c, o], weight[1, j, c, o], weight[2, j, c, o]
                    three[0, j, k] = upper
                    three[1, j, k] = half * (upper + middle + lower)
                    three[2, j, k] = half * (upper - middle + lower)
                    three[3, j, k] = lower
            for i in range(4):
                at = 4 * i * padded_channels + c
                for k in range(uint64(count)):
                    left, middle, right = three[i, 0, k], three[i, 1, k], three[i, 2, k]
                    transformed[g, at, k] = left
                    transformed[g, at + padded_channels, k] = half * (left + middle + right)
                    transformed[g, at + 2 * padded_channels, k] = half * (left - middle + right)
                    transformed[g, at + 3 * padded_channels, k] = right


@njit(nogil=True, cache=True)
def pooled_rows(
    x: np.ndarray,
    transformed: np.ndarray,
    first: int,
    stop: int,
    y: np.ndarray,
    argmax: np.ndarray,
    patches: np.ndarray,
    products: np.ndarray,
) -> None:
    """Rows `first` to `stop` of y and argmax.

    x : (N, H, W, C), with its padding;  transformed : by transform_weight
    y, argmax : (N, H_p, W_p, O)
    patches : scratch, (chunks, windows, 16, lanes), a chunk is a vector of input channels
    products : scratch, (windows per tile, 16, K)
    """
    height, row_step, pixel_step = x.shape[1], x.shape[2] * x.shape[3], x.shape[3]
    h_pooled, w_pooled, c_out = y.shape[1:]
    (groups, terms, size), n = transformed.shape, lanes(x)
    chunks, windows = patches.shape[:2]
    step, rows_per_block = windows * PATCH * n, windows // w_pooled
    for begin in range(first, stop, rows_per_block):
        end = min(begin + rows_per_block, stop)
        for r in range(begin, end):
            image, h = r // h_pooled, r % h_pooled
            to = (r - begin) * w_pooled * PATCH * n
            transform_patches(x, (image * height + 2 * h) * row_step, row_step, pixel_step, patches, to, step, w_pooled)
        total = (end - begin) * w_pooled
        for g in range(groups):
            channels = min(size, c_out - g * size)
            vectors = (channels + n - 1) // n
            for w in range(0, total, _TILE):
                count = min(_TILE, total - w)
                multiply_patches(patches, w * PATCH * n, step, chunks, transformed, g * terms * size, products, count)
                pool_patches(
                    products, transformed, (g * terms + terms - 1) * size, y, argmax,
                    (begin * w_pooled + w) * c_out + g * size, c_out, vectors, count, channels - (vectors - 1) * n,
                )  # fmt: skip
