"""Convolution + ReLU + 2x2 pooling in one pass, a vector = one pixel of 16 images: forward.

Fastest for up to 16 channels in and out without padding: 4.9 times as fast as direct.py at 96x96, 1
to 2, 5x5; 1.6 times at 96x96, 1 to 8, 3x3; as fast at 47x47, 8 to 16, 2x2.
Measured by `python benchmarks/kernels.py --ladder`, AVX-512.

A block of B images lies image innermost, (C, H, W*B). Then the columns of im2col need not be made:

    columns[t, l] = x[offsets[t] + l]     t = (i,j,c) a tap, l = (w,b) a place in an output row
    conv[o, l]    = bias[o] + sum over t of weight[t,o] * columns[t, l]

because another tap is another constant added to the address. It is a matrix product that reads the
image itself, with rows that fill vectors whatever the number of channels. Two rows of conv, a few
outputs at a time, stay in registers or in the first-level cache until they are pooled: the
activation at full resolution never reaches memory, only the pooled value and a byte for its place.

One call computes one block, on one thread; the caller hands out the blocks. B may be any number:
with B = 1, 2, 4, ... a vector is several pixels of a row. The gradients are in backward.py.

Sources: Georganas et al., "Anatomy of High-Performance Deep Learning Convolutions on SIMD
Architectures" (2018); the layout is the CHWN of Krizhevsky's cuda-convnet (2012).
"""

from __future__ import annotations

import numpy as np

from nnscratch.kernels import choice
from nnscratch.kernels.compiled import njit
from nnscratch.kernels.image_vectors.tiles import POOLED_OUTPUTS, multiply_rows, pool_products
from nnscratch.kernels.pool_tiles import pool_vector, pool_windows
from nnscratch.kernels.vectors import VECTOR_BYTES, lanes

# Vectors of a conv row between two poolings: 2 rows of 4 outputs take 12 kB of the first-level
# cache; x has the rest.
_CHUNK_VECTORS = 24


@njit(nogil=True)
def scratch(like: np.ndarray, size: int) -> tuple[np.ndarray, int]:
    """Memory for `size` numbers of like's dtype, and the position in it where a vector may begin."""
    memory = np.empty(size + VECTOR_BYTES // like.itemsize, like.dtype)
    return memory, (-memory.ctypes.data % VECTOR_BYTES) // like.itemsize


@njit(nogil=True)
def scratch_step(length: int, n: int) -> int:
    """From one row of scratch to the next: whole vectors, with room for tiles that overshoot."""
    return (length + 3 * n - 1) // n * n


@njit(nogil=True)
def tap_offsets(k_h: int, k_w: int, channels: int, plane_step: int, row_step: int, images: int) -> np.ndarray:
    """offsets[(i,j,c)] = c*plane_step + i*row_step + j*images

    From the place of an output to the number of x that tap (i,j,c) reads.
    """
    offsets = np.empty(k_h * k_w * channels, np.int64)
    t = 0
    for i in range(k_h):
        for j in range(k_w):
            for c in range(channels):
                offsets[t] = c * plane_step + i * row_step + j * images
                t += 1
    return offsets


@njit(nogil=True)
def outputs_at_once(left: int) -> int:
    """How many of the `left` output channels are computed together: they share each load of x."""
    if left >= 4:
        return 4
    return 2 if left >= 2 else 1


@njit(nogil=True)
def _pool_row(
    rows: np.ndarray, at: int, step: int, images: int, windows: int, y: np.ndarray, argmax: np.ndarray, to: int
) -> None:
    """ReLU and 2x2 max of two conv rows, (w,b), at rows[at:] and rows[at + step:].

    The results go to y[to:] and argmax[to:].
    """
    n = lanes(rows)
    if choice.pools_whole_vectors(images, n):
        pool_windows(rows, at, step, images, windows, y, argmax, to)
        return
    for w in range(windows):
        for b in range(0, images, n):
            corner, target = at + 2 * w * images + b, to + w * images + b
            if b + n <= images:
                pool_vector(rows, corner, step, images, y, argmax, target, None)
            else:
                pool_vector(rows, corner, step, images, y, argmax, target, images - b)


@njit(nogil=True)
def _forward_whole_vectors(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    images: int,
    y: np.ndarray,
    argmax: np.ndarray,
    offsets: np.ndarray,
    first: int,
    stop: int,
) -> None:
    """`forward` for as many images as a vector has lanes: a window's four places are registers."""
    row_step, c_out = x.shape[2], weight.shape[3]
    h_pooled, pooled_step = y.shape[1], y.shape[2]
    for h in range(first, stop):
        o = 0
        while o < c_out:
            outputs = min(POOLED_OUTPUTS, outputs_at_once(c_out - o))
            pool_products(
                x, 2 * h * row_step, row_step, offsets, weight, c_out, bias, o, outputs,
                y, (o * h_pooled + h) * pooled_step, h_pooled * pooled_step, argmax, pooled_step // images,
            )  # fmt: skip
            o += outputs


@njit(nogil=True, cache=True, inline="always")
def forward(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    images: int,
    y: np.ndarray,
    argmax: np.ndarray,
    part: int = 0,
    parts: int = 1,
) -> None:
    """y = max over 2x2 of max(0, conv(x, weight) + bias), without padding

    A last odd row or column of conv is dropped.

    x      : (C, H, W*B), B = images
    weight : (k_h, k_w, C, O);  bias : (O,)
    y      : (O, H_p, W_p*B), H_p = (H - k_h + 1) // 2, W_p likewise; overwritten
    argmax : as y, uint8; overwritten: the place of the maximum in its window, row*2 + column, the
             first on a tie; NO_WINNER (pool_tiles.py) where no conv is above 0
    part   : which of so many parts of y's rows; the other rows stay as they are

    All are contiguous. x should start on a cache line (memory.empty): a vector across two lines
    costs two loads.
    """
    k_h, k_w, c_in, c_out = weight.shape
    height, row_step = x.shape[1], x.shape[2]
    h_pooled, pooled_step = y.shape[1], y.shape[2]
    w_pooled = pooled_step // images
    offsets = tap_offsets(k_h, k_w, c_in, height * row_step, row_step, images)
    first, stop = h_pooled * part // parts, h_pooled * (part + 1) // parts
    if choice.places_are_vectors(images, lanes(x)):
        _forward_whole_vectors(x, weight, bias, images, y, argmax, offsets, first, stop)
        return
    chunk = max(1, _CHUNK_VECTORS * lanes(x) // (2 * images))
    step = scratch_step(2 * chunk * images, lanes(x))
    conv, start = scratch(x, 8 * step)
    for h in range(first, stop):
        for w in range(0, w_pooled, chunk):
            windows = min(chunk, w_pooled - w)
            at = 2 * h * row_step + 2 * w * images
            length = 2 * windows * images
            o = 0
            while o < c_out:
                # Output q of these has its two conv rows at start + q*2*step and one step further.
                outputs = outputs_at_once(c_out - o)
                for r in range(2):
                    multiply_rows(
                        x, at + r * row_step, offsets, 0, len(offsets), weight, c_out, bias, o, outputs,
                        conv, start + r * step, 2 * step, length,
                    )  # fmt: skip
                for q in range(outputs):
                    to = ((o + q) * h_pooled + h) * pooled_step + w * images
                    _pool_row(conv, start + 2 * q * step, step, images, windows, y, argmax, to)
                o += outputs
