"""Pooled rows of a 3x3 or 2x2 convolution by Winograd's algorithm: 16 products for 36, or 9 for 16.

Fastest for channels that fill a vector and 256 windows or more. 3x3: 1.6 times as fast as direct.py
at 48x48, 16 to 32; 1.8 times at 48x48, 24 to 48, and at 24x24, 32 to 64; 1.9 times at 12x12, 64 to
128. 2x2: 1.4 times at 47x47, 32 to 64; 1.55 times at 23x23, 64 to 128; 1.35 times at 23x23, 16 to
32 (AVX-512; with AVX2 1.3, 1.45, 1.0).
Measured by `python benchmarks/kernels.py --ladder`.

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

as multiplying out shows; in two dimensions the same is done along rows, then along columns. For a
2x2 kernel, two sums of two products take three, and 3x3 pixels nine for 16:

    z0 = d0 g0 + d1 g1      m1 = (d0 - d1) g0       m2 = d1 (g0 + g1)       z0 = m1 + m2
    z1 = d1 g0 + d2 g1      m3 = (d2 - d1) g1                               z1 = m2 + m3

    B^T = 1 -1  0      G = 1  0      A^T = 1  1  0
          0  1  0          1  1            0  1  1
          0 -1  1          0  1

Everything but the products is additions, and is shared: B^T d B serves all output channels, G g G^T
all windows, and A^T ... A comes after the sum over the input channels. What remains is one matrix
product for each of 16 (9) positions p, and it takes most of the time:

    M[w,p,o] = sum over c of V[w,p,c] * U[p,c,o]    V = B^T d B,  U = G g G^T,  z = A^T M A + bias

Rounding: z differs from direct.py's by a few roundings of its largest terms. An infinity becomes
NaN (inf - inf).

Source: Lavin & Gray, "Fast algorithms for convolutional neural networks" (2016), F(2x2, 3x3), from
which F(2x2, 2x2) follows likewise; Winograd, "Arithmetic complexity of computations" (1980).
"""

from __future__ import annotations

import numpy as np
from numba import uint64

from nnscratch.kernels.channel_vectors.direct import PooledRows
from nnscratch.kernels.channel_vectors.forward_tiles import CHANNEL_VECTORS
from nnscratch.kernels.channel_vectors.winograd_tiles import (
    WINDOWS_TOGETHER,
    multiply_patches,
    pool_patches,
    transform_patches,
)
from nnscratch.kernels.compiled import njit
from nnscratch.kernels.memory import Scratch
from nnscratch.kernels.vectors import VECTOR_BYTES, lanes

# G by the size of the kernel. B and A are in winograd_tiles.py.
_G_OF_3 = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
_G_OF_2 = np.array([[1.0, 0], [1, 1], [0, 1]])


def positions(kernel_size: int) -> int:
    """How many products a pooling window takes, for a kernel of 3 or 2 rows; direct.py takes 36 or 16."""
    return (kernel_size + 1) ** 2


def winograd_rows(weight: np.ndarray, bias: np.ndarray, scratch: Scratch) -> PooledRows:
    """The function that computes pooled rows this way.

    weight : (3, 3, C, O) or (2, 2, C, O);  bias : (O,)
    """
    dtype, (k, _, channels, c_out) = weight.dtype, weight.shape
    n = VECTOR_BYTES // dtype.itemsize
    chunks, size, taken = -(-channels // n), CHANNEL_VECTORS * n, positions(k)
    transformed = scratch.get("transformed weight", (-(-c_out // size), taken * chunks * n + 1, size), dtype)
    transform_weight(weight, bias, transformed)

    def rows(x: np.ndarray, first: int, stop: int, y: np.ndarray, argmax: np.ndarray | None) -> None:
        patches = scratch.get("patches", (chunks, taken, WINDOWS_TOGETHER, n), dtype)
        products = scratch.get("products", (taken, WINDOWS_TOGETHER, size), dtype)
        w_pooled = y.shape[2]
        pooled_windows(x, transformed, first * w_pooled, stop * w_pooled, y, argmax, patches, products)

    return rows


@njit(nogil=True, cache=True)
def transform_weight(weight: np.ndarray, bias: np.ndarray, transformed: np.ndarray) -> None:
    """transformed[g, (p,c), k] = position p of G w G^T,  w = weight[:,:,c,g*K+k]

    transformed[g, -1, k] = bias[g*K+k]

    weight : (3, 3, C, O) or (2, 2, C, O);  bias : (O,)
    transformed : (groups, P*C' + 1, K), overwritten; P positions, C' is C rounded up to whole
        vectors, and channels that do not exist are 0
    """
    kernel_size, _, channels, c_out = weight.shape
    matrix = _G_OF_3 if kernel_size == 3 else _G_OF_2
    side = len(matrix)
    groups, terms, size = transformed.shape
    padded_channels = (terms - 1) // (side * side)
    transformed[:] = 0
    for o in range(c_out):
        transformed[o // size, terms - 1, o % size] = bias[o]
    columns, row = np.empty((kernel_size, side, c_out), weight.dtype), np.empty(groups * size, weight.dtype)
    for c in range(channels):
        columns[:] = 0
        for j in range(kernel_size):  # G w, column by column
            for i in range(side):
                for m in range(kernel_size):
                    factor, column, numbers = weight.dtype.type(matrix[i, m]), columns[j, i], weight[m, j, c]
                    if factor != 0:
                        for o in range(uint64(c_out)):
                            column[o] += factor * numbers[o]
        for p in range(side * side):
            row[:] = 0
            for j in range(kernel_size):
                factor, column = weight.dtype.type(matrix[p % side, j]), columns[j, p // side]
                if factor != 0:
                    for o in range(uint64(c_out)):
                        row[o] += factor * column[o]
            for g in range(groups):
                target, part = transformed[g, p * padded_channels + c], row[g * size :]
                for k in range(uint64(size)):
                    target[k] = part[k]


@njit(nogil=True, cache=True)
def pooled_windows(
    x: np.ndarray,
    transformed: np.ndarray,
    first: int,
    stop: int,
    y: np.ndarray,
    argmax: np.ndarray | None,
    patches: np.ndarray,
    products: np.ndarray,
) -> None:
    """Windows `first` to `stop` of y, and of argmax unless that is None, counted over all images.

    x : (N, H, W, C), with its padding;  transformed : by transform_weight
    y, argmax : (N, H_p, W_p, O)
    patches : scratch, (chunks, positions, T, lanes);  products : scratch, (positions, T, K), both as
        in winograd_tiles.py
    """
    height, row_step, pixel_step = x.shape[1], x.shape[2] * x.shape[3], x.shape[3]
    h_pooled, w_pooled, c_out = y.shape[1:]
    (groups, terms, size), n = transformed.shape, lanes(x)
    taken = patches.shape[1]
    for begin in range(first, stop, WINDOWS_TOGETHER):
        total = min(WINDOWS_TOGETHER, stop - begin)
        done = 0
        while done < total:  # a block has parts of several rows
            r, w = (begin + done) // w_pooled, (begin + done) % w_pooled
            at = (r // h_pooled * height + 2 * (r % h_pooled)) * row_step + 2 * w * pixel_step
            part = min(total - done, w_pooled - w)
            if taken == 16:
                transform_patches(x, at, row_step, pixel_step, patches, done, part, 4)
            else:
                transform_patches(x, at, row_step, pixel_step, patches, done, part, 3)
            done += part
        for g in range(groups):
            channels = min(size, c_out - g * size)
            vectors = (channels + n - 1) // n
            multiply_patches(patches, taken, pixel_step, transformed, g * terms * size, products, total, vectors)
            b_at, to, last = (g * terms + terms - 1) * size, begin * c_out + g * size, channels - (vectors - 1) * n
            if taken == 16:
                pool_patches(products, transformed, b_at, y, argmax, to, c_out, vectors, total, last, 4)
            else:
                pool_patches(products, transformed, b_at, y, argmax, to, c_out, vectors, total, last, 3)
