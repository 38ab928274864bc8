"""Pooled rows of a 3x3 or 2x2 convolution by Winograd's algorithm: 16 or 9 products for 36, 9 for 16.

Fastest for channels that fill a vector and 256 windows or more. 3x3: 1.6 times as fast as direct.py
at 48x48, 16 to 32; 1.8 times at 48x48, 24 to 48, and at 24x24, 32 to 64; 1.9 times at 12x12, 64 to
128; with large patches 1.4 to 1.6 times as fast again. 2x2: 1.4 times at 47x47, 32 to 64; 1.55 times
at 23x23, 64 to 128; 1.35 times at 23x23, 16 to 32 (AVX-512; with AVX2 1.3, 1.45, 1.0).
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

A large patch, 6x6 pixels, gives 4x4 numbers, four windows, by 36 products for 144. In one dimension
four sums of three are the middle coefficients of a product of polynomials, known by its values at 0,
a, -a, b, -b and infinity:

    A^T = 1  1    1    1    1    0      B^T = a2b2   0   -a2-b2    0      1  0      a2 = a*a, ...
          0  a   -a    b   -b    0             0  -a*b2   -b2      a      1  0
          0  a2   a2   b2   b2   0             0   a*b2   -b2     -a      1  0
          0  a3  -a3   b3  -b3   1             0  -b*a2   -a2      b      1  0
                                               0   b*a2   -a2     -b      1  0
                                               0   a2b2     0   -a2-b2    0  1

    G: (g0 + p g1 + p2 g2) over the product of p's distances to the other points, for each point p;
       g2 for infinity

a = 5/8 and b = 5/4, whose powers here are exact in binary. With the usual 1 and 2 errors are nearly
twice as large.

Rounding: z differs from direct.py's by a few roundings of its largest terms. The error, against
float64, is 0.7 times that of direct.py, with large patches 2.1 to 2.3 times (root mean square, 24 to
96 channels; its maximum 0.4 and 2.3 to 2.7 times). An infinity becomes NaN (inf - inf),
and a NaN reaches all windows of its patch.

Source: Lavin & Gray, "Fast algorithms for convolutional neural networks" (2016), F(2x2, 3x3) and
F(4x4, 3x3), from which F(2x2, 2x2) follows likewise; Winograd, "Arithmetic complexity of
computations" (1980).
"""

from __future__ import annotations

import numpy as np

from nnscratch.kernels.channel_vectors.direct import PooledRows
from nnscratch.kernels.channel_vectors.forward_tiles import CHANNEL_VECTORS
from nnscratch.kernels.channel_vectors.winograd_tiles import (
    WINDOWS_TOGETHER,
    multiply_patches,
    pool_patches,
    transform_kernels,
    transform_patches,
)
from nnscratch.kernels.compiled import njit
from nnscratch.kernels.memory import Scratch
from nnscratch.kernels.prefetch_tiles import call_ahead
from nnscratch.kernels.vectors import VECTOR_BYTES, lanes


def positions(kernel_size: int, large: bool = False) -> int:
    """How many products a patch takes, for a kernel of 3 or 2 rows.

    For a pooling window direct.py takes 36 or 16, for the four of a large patch 144.
    """
    return (kernel_size + (3 if large else 1)) ** 2


def winograd_rows(weight: np.ndarray, bias: np.ndarray, scratch: Scratch, large: bool = False) -> PooledRows:
    """The function that computes pooled rows this way.

    weight : (3, 3, C, O) or (2, 2, C, O);  bias : (O,)
    large  : patches of 6x6 pixels, for a 3x3 kernel: H_p and W_p must be even, and rows come in pairs
    """
    dtype, (k, _, channels, c_out) = weight.dtype, weight.shape
    n = VECTOR_BYTES // dtype.itemsize
    chunks, size, taken = -(-channels // n), CHANNEL_VECTORS * n, positions(k, large)
    transformed = scratch.get("transformed weight", (-(-c_out // size), taken * chunks * n + 1, size), dtype)
    transform_weight(weight, bias, transformed)
    windows = 2 if large else 1  # of a patch, side by side

    def rows(x: np.ndarray, first: int, stop: int, y: np.ndarray, argmax: np.ndarray | None) -> None:
        patches = scratch.get("patches", (chunks, taken, WINDOWS_TOGETHER, n), dtype)
        products = scratch.get("products", (taken, WINDOWS_TOGETHER, size), dtype)
        of_row = y.shape[2] // windows
        begin, end = first // windows * of_row, stop // windows * of_row
        pooled_windows(x, transformed, begin, end, y, argmax, patches, products)

    return rows


@njit(nogil=True, cache=True)
def transform_weight(weight: np.ndarray, bias: np.ndarray, transformed: np.ndarray) -> None:
    """transformed[g, (p,c), k] = position p of G w G^T,  w = weight[:,:,c,g*K+k]

    transformed[g, -1, k] = bias[g*K+k]

    weight : (3, 3, C, O) or (2, 2, C, O);  bias : (O,)
    transformed : (groups, P*C' + 1, K), overwritten; P positions, C' is C rounded up to whole
        vectors; what belongs to channels that do not exist may be anything
    """
    _, _, channels, c_out = weight.shape
    groups, terms, size = transformed.shape
    n = lanes(weight)
    padded_channels = (channels + n - 1) // n * n
    taken = (terms - 1) // padded_channels
    position_step = padded_channels * size
    for g in range(groups):
        count, at, to = min(size, c_out - g * size), g * size, g * terms * size
        if taken == 36:
            transform_kernels(weight, at, channels, c_out, transformed, to, position_step, count, 3, 6)
        elif taken == 16:
            transform_kernels(weight, at, channels, c_out, transformed, to, position_step, count, 3, 4)
        else:
            transform_kernels(weight, at, channels, c_out, transformed, to, position_step, count, 2, 3)
        for k in range(count):
            transformed[g, terms - 1, k] = bias[at + k]


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
    """What patches `first` to `stop` give of y, and of argmax unless that is None, counted over all images.

    A patch is a pooling window, with 36 positions four of them.

    x : (N, H, W, C), with its padding;  transformed : by transform_weight
    y, argmax : (N, H_p, W_p, O)
    patches : scratch, (chunks, positions, T, lanes);  products : scratch, (positions, T, K), both as
        in winograd_tiles.py
    """
    pixel_step, c_out, y_row = x.shape[3], y.shape[3], y.shape[2] * y.shape[3]
    (groups, terms, size), n, taken = transformed.shape, lanes(x), patches.shape[1]
    windows = 2 if taken == 36 else 1  # of a patch, side by side
    of_row = y.shape[2] // windows
    for begin in range(first, stop, WINDOWS_TOGETHER):
        total = min(WINDOWS_TOGETHER, stop - begin)
        done = 0
        while done < total:  # a block has parts of several rows
            r, w = (begin + done) // of_row, (begin + done) % of_row
            part = min(total - done, of_row - w)
            _transform(x, y.shape[1] // windows, r, w, patches, done, part)
            if windows == 2:
                # What _pool writes comes to the cache while products are summed. Single windows
                # have no time to wait: there it costs 2 % more than it saves.
                for row in (2 * r, 2 * r + 1):
                    to = row * y_row + 2 * w * c_out
                    call_ahead(y, to, 2 * part * c_out)
                    if argmax is not None:
                        call_ahead(argmax, to, 2 * part * c_out)
            done += part
        for g in range(groups):
            channels = min(size, c_out - g * size)
            vectors = (channels + n - 1) // n
            multiply_patches(patches, taken, pixel_step, transformed, g * terms * size, products, total, vectors)
            done = 0
            while done < total:
                r, w = (begin + done) // of_row, (begin + done) % of_row
                # Single windows lie side by side in y, from row to row.
                part = total if windows == 1 else min(total - done, of_row - w)
                to = r * windows * y_row + w * windows * c_out
                _pool(products, done, part, transformed, g, y, argmax, to, vectors, channels)
                done += part


@njit(nogil=True, cache=True, inline="always")
def _transform(x: np.ndarray, rows: int, row: int, column: int, patches: np.ndarray, done: int, count: int) -> None:
    """So many patches side by side, the first at this row, of `rows` of an image, and column, to patches[:,:,done:]."""
    height, row_step, pixel_step = x.shape[1], x.shape[2] * x.shape[3], x.shape[3]
    taken = patches.shape[1]
    pixels = 4 if taken == 36 else 2
    at = (row // rows * height + pixels * (row % rows)) * row_step + pixels * column * pixel_step
    if taken == 36:
        transform_patches(x, at, row_step, pixel_step, patches, done, count, 6)
    elif taken == 16:
        transform_patches(x, at, row_step, pixel_step, patches, done, count, 4)
    else:
        transform_patches(x, at, row_step, pixel_step, patches, done, count, 3)


@njit(nogil=True, cache=True, inline="always")
def _pool(
    products: np.ndarray, done: int, count: int, transformed: np.ndarray, group: int, y: np.ndarray,
    argmax: np.ndarray | None, to: int, vectors: int, channels: int,
) -> None:  # fmt: skip
    """products[:,done:][:,:count], of a group of output channels, to y and argmax, channel 0 at `to`."""
    (_, terms, size), taken = transformed.shape, len(products)
    bias_at, at, last = (group * terms + terms - 1) * size, to + group * size, channels - (vectors - 1) * lanes(y)
    c_out, row = y.shape[3], y.shape[2] * y.shape[3]
    if taken == 36:
        pool_patches(products, done, transformed, bias_at, y, argmax, at, c_out, row, vectors, count, last, 6)
    elif taken == 16:
        pool_patches(products, done, transformed, bias_at, y, argmax, at, c_out, row, vectors, count, last, 4)
    else:
        pool_patches(products, done, transformed, bias_at, y, argmax, at, c_out, row, vectors, count, last, 3)
