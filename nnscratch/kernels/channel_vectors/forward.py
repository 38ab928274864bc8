"""Convolution, bias, ReLU and 2x2 max pooling in one go: the full-resolution activation is never written anywhere.

    z[n,h,w,o] = bias[o] + sum over i,j,c of x[n, h+i-p, w+j-p, c] * weight[i,j,c,o]       stride 1
    y[n,h,w,o] = max(0, z[n,2h,2w,o], z[n,2h,2w+1,o], z[n,2h+1,2w,o], z[n,2h+1,2w+1,o])   windows of 2x2, stride 2
    argmax     = which of the four it was, 0 to 3 in reading order, the first on a tie; 4 where y is the 0 of the ReLU

One kernel row of x under a place is a run of k_w*C numbers that lie side by side in memory, so no columns are made (see
im2col.py): the kernel reads x where it is, sums a few windows in registers and pools them there. A last odd row or
column of z has no pooling window and is not computed. The way back is in fused_backward.py. A 3x3 kernel with channels
enough is left to winograd.py, which takes fewer products for the same numbers.

Source: Georganas et al., "Anatomy of High-Performance Deep Learning Convolutions on SIMD Architectures" (2018).
"""

from __future__ import annotations

import numpy as np
from numba import njit, uint64

from nnscratch.kernels.channel_vectors import winograd
from nnscratch.kernels.channel_vectors.forward_tiles import CHANNEL_VECTORS, conv_pool_row
from nnscratch.kernels.layerwise.im2col import Pair, output_size
from nnscratch.kernels.memory import Scratch
from nnscratch.kernels.threads import in_blocks
from nnscratch.kernels.vectors import VECTOR_BYTES, lanes

SHUT = 4  # argmax of a window whose maximum the ReLU turned into 0: no gradient goes back
# Multiply-adds that are worth a call and a thread: about a quarter of a millisecond in float32.
_PRODUCTS_A_BLOCK = 18_000_000


def pooled_size(size: int, kernel_size: int, padding: int = 0) -> int:
    """The length of one axis after the convolution (stride 1) and the pooling (2, stride 2)."""
    return output_size(size, kernel_size, 1, padding) // 2


def conv_pool_forward(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    padding: Pair,
    y: np.ndarray,
    argmax: np.ndarray,
    scratch: Scratch,
) -> None:
    """y = max_pool(relu(conv(x, weight) + bias)), a block of pooled rows at a time.

    x      : (N, H, W, C), read as it is if contiguous, copied first if not
    weight : (k_h, k_w, C, O);  bias : (O,) or None;  padding : zeros above and below, left and right
    y      : (N, H_p, W_p, O), contiguous, overwritten; H_p, W_p = pooled_size of each axis
    argmax : the same shape, uint8, contiguous, overwritten: 0 to 3, the winner's row*2 + column; SHUT where y is 0
    A NaN among the four wins, so that it shows in y.
    """
    _check_contiguous(y, "y")
    _check_contiguous(argmax, "argmax")
    if y.size == 0:
        return
    n_images, h_pooled, w_pooled, c_out = y.shape
    x, weight = np.ascontiguousarray(x), np.ascontiguousarray(weight)
    bias = np.zeros(c_out, x.dtype) if bias is None else bias
    taps = weight[..., 0].size
    if winograd.is_faster(weight.shape, y.size // c_out, x.dtype):
        rows, taps = winograd.rows_of(weight, bias, w_pooled, scratch), winograd.PRODUCTS * x.shape[3]
    else:
        rows = _rows_of(weight, bias, scratch)
    products_a_row = w_pooled * 4 * taps * c_out * x.itemsize // 4  # in terms of float32
    rows_a_block = -(-_PRODUCTS_A_BLOCK // max(1, products_a_row))
    if rows_a_block > h_pooled:  # whole images: an image in two blocks would be padded twice
        rows_a_block -= rows_a_block % h_pooled

    def block(first: int, stop: int) -> None:
        image, last = first // h_pooled, (stop - 1) // h_pooled + 1
        block_x = x[image:last] if padding == (0, 0) else padded(x[image:last], padding, scratch)
        row = image * h_pooled
        rows(block_x, first - row, stop - row, y[image:last], argmax[image:last])

    in_blocks(block, n_images * h_pooled, rows_a_block)


def padded(x: np.ndarray, padding: Pair, scratch: Scratch) -> np.ndarray:
    """The images, contiguous, between zeros; in this thread's scratch."""
    (n_images, height, width, channels), (p_h, p_w) = x.shape, padding
    framed = scratch.get("x", (n_images, height + 2 * p_h, width + 2 * p_w, channels), x.dtype)
    _frame(x.reshape(n_images, height, -1), p_h, p_w * channels, framed.reshape(*framed.shape[:2], -1))
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


def _rows_of(weight: np.ndarray, bias: np.ndarray, scratch: Scratch) -> winograd.Rows:
    """What computes pooled rows by the sums as they stand."""
    c_out, dtype = weight.shape[3], weight.dtype
    group = CHANNEL_VECTORS * VECTOR_BYTES // dtype.itemsize
    packed = scratch.get("packed weight", (-(-c_out // group), weight.size // c_out + 1, group), dtype)
    _pack(weight.reshape(-1, c_out), bias, packed)
    return lambda x, first, stop, y, argmax: _conv_pool(x, weight.shape[:2], packed, first, stop, y, argmax)


@njit(nogil=True, cache=True)
def _pack(weight: np.ndarray, bias: np.ndarray, packed: np.ndarray) -> None:
    """packed[g, t, k] = weight[t, g*K + k], packed[g, T, k] = bias[g*K + k], 0 beyond the last channel

    weight : (T, O), T taps;  bias : (O,);  packed : (groups, T + 1, K), overwritten: groups of K output channels
    """
    groups, taps, size = packed.shape[0], packed.shape[1] - 1, packed.shape[2]
    for g in range(groups):
        channels = min(size, len(bias) - g * size)
        for t in range(taps + 1):
            row = weight[t, g * size :] if t < taps else bias[g * size :]
            for k in range(size):
                packed[g, t, k] = row[k] if k < channels else 0


@njit(nogil=True, cache=True)
def _conv_pool(
    x: np.ndarray, kernel_size: Pair, packed: np.ndarray, first: int, stop: int, y: np.ndarray, argmax: np.ndarray
) -> None:
    """Pooled rows n*H_p + h from first to stop, in y and argmax.

    x : (N, H, W, C), with its padding;  packed : as _pack made it;  y, argmax : (N, H_p, W_p, O)
    """
    height, row, pixel = x.shape[1], x.shape[2] * x.shape[3], x.shape[3]
    h_pooled, w_pooled, c_out = y.shape[1:]
    (k_h, k_w), (groups, taps, size) = kernel_size, packed.shape
    n = lanes(x)
    # A group of output channels at a time: its weights stay in the first- or second-level cache for all of the rows.
    for g in range(groups):
        channels = min(size, c_out - g * size)
        vectors = (channels + n - 1) // n
        for r in range(first, stop):
            image, h = r // h_pooled, r % h_pooled
            conv_pool_row(
                x, (image * height + 2 * h) * row, row, pixel, k_h, k_w * pixel,
                packed, g * taps * size, size, (g * taps + taps - 1) * size, vectors, w_pooled,
                y, argmax, r * w_pooled * c_out + g * size, c_out, channels - (vectors - 1) * n,
            )  # fmt: skip


def _check_contiguous(array: np.ndarray, name: str) -> None:
    if not array.flags.c_contiguous:
        raise ValueError(f"conv_pool: {name}, strides {array.strides}, is not contiguous; pass np.empty of its shape")
