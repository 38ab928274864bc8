"""Convolution + ReLU + 2x2 pooling in one pass, a vector = 16 channels of a pixel: forward.

    z[n,h,w,o] = bias[o] + sum over i,j,c of x[n, h+i-p, w+j-p, c] * weight[i,j,c,o]
    y[n,h,w,o] = max(0, z[n,2h,2w,o], z[n,2h,2w+1,o], z[n,2h+1,2w,o], z[n,2h+1,2w+1,o])
    argmax     = which of the four was the largest, 0 to 3 in reading order, the first on a tie;
                 NO_WINNER (pool_tiles.py) where none is above 0

with stride 1 and padding p; the pooling's windows lie side by side.

z, at full resolution, is never written anywhere. This file pads the images and hands out blocks of
pooled rows to the threads; the rows are computed by direct.py or by winograd.py. The gradients are
in backward.py.
"""

from __future__ import annotations

import numpy as np
from numba import uint64

from nnscratch.kernels.channel_vectors.direct import direct_rows
from nnscratch.kernels.channel_vectors.winograd import positions, winograd_rows
from nnscratch.kernels.compiled import njit
from nnscratch.kernels.layerwise.im2col import Pair, output_size
from nnscratch.kernels.memory import Scratch
from nnscratch.kernels.threads import in_blocks

# Multiply-adds per block: worth a call and a thread, about a quarter of a millisecond in float32.
_PRODUCTS_PER_BLOCK = 18_000_000


def pooled_size(size: int, kernel_size: int, padding: int = 0) -> int:
    """The length of one axis after the convolution (stride 1) and the pooling (2, stride 2)."""
    return output_size(size, kernel_size, 1, padding) // 2


def forward(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    padding: Pair,
    y: np.ndarray,
    argmax: np.ndarray | None,
    scratch: Scratch,
    winograd: bool,
    large_patches: bool = False,
) -> None:
    """y = max_pool(relu(conv(x, weight) + bias)), a block of pooled rows at a time.

    x        : (N, H, W, C), copied first if it is not contiguous
    weight   : (k_h, k_w, C, O);  bias : (O,) or None
    padding  : zeros above and below, left and right
    y        : (N, H_p, W_p, O), contiguous, overwritten; H_p, W_p = pooled_size of each axis
    argmax   : as y, but uint8: 0 to 3, the winner's row*2 + column; NO_WINNER where y is 0; None for
        inference, in which nobody asks
    winograd : by Winograd's algorithm, for a 3x3 or 2x2 kernel; kernels/choice.py says when that is faster
    large_patches : and that with patches of 6x6 pixels, for a 3x3 kernel and even H_p and W_p

    A NaN among the four wins, so that it shows in y.
    """
    _check_contiguous(y, "y")
    if argmax is not None:
        _check_contiguous(argmax, "argmax")
    if y.size == 0:
        return
    n_images, h_pooled, w_pooled, c_out = y.shape
    x, weight = np.ascontiguousarray(x), np.ascontiguousarray(weight)
    bias = np.zeros(c_out, x.dtype) if bias is None else bias
    if winograd:
        rows = winograd_rows(weight, bias, scratch, large_patches)
        products_per_place = positions(len(weight), large_patches) * x.shape[3] // (16 if large_patches else 4)
    else:
        rows, products_per_place = direct_rows(weight, bias, scratch), weight[..., 0].size
    products_per_row = w_pooled * 4 * products_per_place * c_out * x.itemsize // 4  # in terms of float32
    rows_per_block = -(-_PRODUCTS_PER_BLOCK // max(1, products_per_row))
    blocks = -(-n_images * h_pooled // rows_per_block)
    blocks += blocks % 2 if blocks > 1 else 0  # of equal size, and as many for each of two threads
    rows_per_block = -(-n_images * h_pooled // blocks)
    if large_patches:
        rows_per_block += rows_per_block % 2
    if rows_per_block > h_pooled:  # whole images: an image in two blocks would be padded twice
        rows_per_block = -(-rows_per_block // h_pooled) * h_pooled

    def block(first: int, stop: int) -> None:
        image, last = first // h_pooled, (stop - 1) // h_pooled + 1
        block_x = x[image:last] if padding == (0, 0) else padded(x[image:last], padding, scratch)
        row = image * h_pooled
        winners = None if argmax is None else argmax[image:last]
        rows(block_x, first - row, stop - row, y[image:last], winners)

    in_blocks(block, n_images * h_pooled, rows_per_block)


def padded(x: np.ndarray, padding: Pair, scratch: Scratch, channels: int | None = None) -> np.ndarray:
    """The images, contiguous, framed by zeros; in this thread's scratch.

    channels : so many, if that is more than there are: the others are zeros
    """
    (n_images, height, width, existing), (p_h, p_w) = x.shape, padding
    shape = n_images, height + 2 * p_h, width + 2 * p_w, channels or existing
    framed = scratch.get("x", shape, x.dtype)
    if shape[3] != existing:
        _frame_pixels(x, p_h, p_w, framed)
    else:
        _frame(x.reshape(n_images, height, -1), p_h, p_w * existing, framed.reshape(*shape[:2], -1))
    return framed


@njit(nogil=True, cache=True)
def _frame(x: np.ndarray, above: int, beside: int, framed: np.ndarray) -> None:
    """framed[n, above + h, beside + k] = x[n,h,k], 0 elsewhere

    x : (N, H, K);  framed : (N, H + 2*above, K + 2*beside)
    """
    images, height, size = x.shape
    for n in range(images):
        framed[n, :above] = 0
        framed[n, above + height :] = 0
        for h in range(height):
            source, row = x[n, h], framed[n, above + h]
            row[:beside] = 0
            row[beside + size :] = 0
            for k in range(uint64(size)):
                row[uint64(beside) + k] = source[k]


@njit(nogil=True, cache=True)
def _frame_pixels(x: np.ndarray, above: int, beside: int, framed: np.ndarray) -> None:
    """framed[n, above + h, beside + w, c] = x[n,h,w,c], 0 elsewhere

    x : (N, H, W, C);  framed : (N, H + 2*above, W + 2*beside, C') with C' > C
    """
    images, height, width, channels = x.shape
    for n in range(images):
        framed[n, :above] = 0
        framed[n, above + height :] = 0
        for h in range(height):
            row = framed[n, above + h]
            row[:beside] = 0
            row[beside + width :] = 0
            for w in range(width):
                source, pixel = x[n, h, w], row[beside + w]
                for c in range(uint64(channels)):
                    pixel[c] = source[c]
                for c in range(uint64(channels), uint64(len(pixel))):
                    pixel[c] = 0


def _check_contiguous(array: np.ndarray, name: str) -> None:
    if not array.flags.c_contiguous:
        raise ValueError(
            f"channel_vectors.forward: got {name} of strides {array.strides}, expected contiguous memory; "
            "pass np.empty of its shape"
        )
