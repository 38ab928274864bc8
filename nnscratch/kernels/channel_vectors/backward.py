"""Convolution + ReLU + 2x2 pooling in one pass, a vector = 16 channels of a pixel: the gradients.

Fastest from 16 channels on and with padding: 4.8 times as fast as im2col and 2.2 times as image
vectors at 47x47, 32 to 64, 2x2; 22 times as im2col at 96x96, 1 to 16, 3x3; 3.3 times at 12x12, 64
to 128, 3x3. By channel instead of by run: 3.3 times as fast at 96x96, 1 to 24, 3x3; there, lanes that
look up what their winner needs are 1.5 (1 to 16) to 2.3 times (1 to 32) as fast again.
Measured by `python benchmarks/kernels.py --ladder`, AVX-512.

The gradient g of z (forward.py) is 0 but for one place in four at most, and for one in eight where
half of the ReLUs are closed. A matrix product would multiply all of those zeros. Here only the
gradients that exist are visited, each with the window of x under its winner, which is k_h runs of
contiguous memory and so needs no columns:

    dweight[:,:,:,o] += dy * x[window]        window of x at (2h, 2w) + the winner's place
    dx[window]       += dy * weight[:,:,:,o]     (input_gradient.py)

Each such product costs at best one load of its vector from the first-level cache: see
backward_tiles.py.
"""

from __future__ import annotations

import math

import numpy as np
from numba import uint64

from nnscratch.kernels import choice
from nnscratch.kernels.channel_vectors.backward_tiles import (
    PLACES_PER_RUN,
    RUNS_PER_MASK,
    add_windows,
)
from nnscratch.kernels.channel_vectors.channel_tiles import (
    add_row_gradient,
    add_row_gradient_of_one_channel,
    add_winners_of_channels,
)
from nnscratch.kernels.channel_vectors.forward import padded
from nnscratch.kernels.channel_vectors.forward_tiles import CHANNEL_VECTORS
from nnscratch.kernels.channel_vectors.input_gradient import compiled, input_gradient, transpose
from nnscratch.kernels.channel_vectors.parts import blocks_of, for_each_part, parts_of
from nnscratch.kernels.layerwise.im2col import Pair
from nnscratch.kernels.memory import Scratch
from nnscratch.kernels.pool_tiles import NO_WINNER
from nnscratch.kernels.prefetch_tiles import call_ahead
from nnscratch.kernels.vectors import AVX512, lanes

# Bytes of a slab: windows of x that stay in the first-level cache for all output channels. With
# AVX-512 that has 48 KB, of which dy and the weights' gradients need a part (24 instead of 32 KB:
# dweight of 48->96, 3x3, 2.62 -> 2.52 ms, of 32->64, 2x2, 2.6 -> 2.45 ms).
_SLAB_BYTES = 24 << 10 if AVX512 else 32 << 10


def backward(
    x: np.ndarray,
    weight: np.ndarray,
    dy: np.ndarray,
    argmax: np.ndarray,
    padding: Pair,
    dweight: np.ndarray,
    dbias: np.ndarray,
    dx: np.ndarray | None,
    scratch: Scratch,
) -> None:
    """dweight, dbias and dx from dy.

    x, weight, padding, argmax : as `forward` read and wrote them;  dy : (N, H_p, W_p, O)
    dweight : (k_h, k_w, C, O), dbias : (O,), dx : (N, H, W, C) or None if not wanted; all
        overwritten

    dx may be x itself: an image's part of the weights' gradients is there before its dx is written.
    Both are computed block by block, so that dx finds dy, argmax and its own lines in the cache.
    """
    x, dy, argmax = np.ascontiguousarray(x), np.ascontiguousarray(dy), np.ascontiguousarray(argmax)
    dx_of_images = None if dx is None else input_gradient(weight, dy, argmax, padding, dx, scratch)
    kernel_size, c_out = dweight.shape[:2], dweight.shape[3]
    places, taps = math.prod(kernel_size), dweight[..., 0].size
    by_channel = choice.weight_gradient_by_channel(dweight.shape, x.dtype)
    # Channels of x with its padding: more zeros, if runs are faster with them.
    channels = choice.channels_of_runs(dweight.shape, padding, x.dtype)
    shape = (taps, c_out) if by_channel else (c_out, places * channels)
    parts = parts_of(len(x))
    weight_sums = scratch.get("dweight", (len(parts), *shape), x.dtype)
    bias_sums = scratch.get("dbias", (len(parts), c_out), x.dtype)

    def partial_sum(part: int) -> None:
        weight_sums[part] = 0
        bias_sums[part] = 0
        for block in blocks_of(parts[part], x.shape, padding, x.itemsize):
            block_x = x[block] if padding == (0, 0) else padded(x[block], padding, scratch, channels)
            add_weight_gradient(
                block_x, dy[block], argmax[block], kernel_size, by_channel, weight_sums[part], bias_sums[part], 0, c_out
            )
            if dx_of_images is not None:
                dx_of_images(block)

    for_each_part(partial_sum, parts, dy, taps if dx is None else 2 * taps)
    bias_sums.sum(axis=0, out=dbias)
    several = len(parts) != 1
    total = weight_sums.sum(axis=0, out=scratch.get("sum", shape, x.dtype)) if several else weight_sums[0]
    if by_channel:
        dweight[:] = total.reshape(dweight.shape)
    else:
        _store_runs(total.reshape(c_out, places, channels), dweight)


def _store_runs(total: np.ndarray, dweight: np.ndarray) -> None:
    """dweight[i,j,c,o] = total[o,(i,j),c];  total may have further channels"""
    c_in, c_out = dweight.shape[2:]
    runs = np.ascontiguousarray(total[..., :c_in]).reshape(c_out, -1)
    if dweight.flags.c_contiguous:
        transpose(runs, dweight.reshape(-1, c_out))
    else:
        dweight[:] = runs.T.reshape(dweight.shape)


@compiled
def _add_bias_gradient(dy: np.ndarray, argmax: np.ndarray, dbias: np.ndarray, begin: int, end: int) -> None:
    """dbias[o] += sum over n, h, w of dy[n,h,w,o] where argmax[n,h,w,o] is not NO_WINNER

    dy, argmax : (N, H_p, W_p, O);  dbias : (O,)
    """
    c_out = len(dbias)
    for o in range(begin, end, lanes(dy)):
        add_winners_of_channels(dy, argmax, o, c_out, dy.size // c_out, dbias, o, min(lanes(dy), end - o))


@compiled
def _add_by_run(
    x: np.ndarray, dy: np.ndarray, argmax: np.ndarray, kernel_size: Pair, dweight: np.ndarray, begin: int, end: int
) -> None:
    """dweight[o,(i,j,c)] += sum over n, h, w of dy[n,h,w,o] * x[n, 2h+a+i, 2w+b+j, c]

    (a,b) is the winner's place, a row and a column of the pooling window
    x : (N, H, W, C), with its padding;  dy, argmax : (N, H_p, W_p, O);  dweight : (O, k_h*k_w*C)
    """
    height, row_step, pixel_step = x.shape[1], x.shape[2] * x.shape[3], x.shape[3]
    h_pooled, w_pooled, c_out = dy.shape[1:]
    (k_h, k_w), taps = kernel_size, dweight.shape[1]
    # A window of x is k_h*k_w*C numbers, but neighbours share most of them: the next one brings 4*C
    # new ones.
    slab = min(RUNS_PER_MASK, max(16, _SLAB_BYTES // (4 * pixel_step * x.itemsize) - (k_h - 1) * w_pooled // 2))
    corners = np.empty(slab * PLACES_PER_RUN, np.int64)
    gradients, winners, exists = dy.reshape(-1), argmax.reshape(-1), np.empty(c_out, np.uint64)
    total = dy.shape[0] * h_pooled * w_pooled
    image, h, w = 0, 0, 0
    for first in range(0, total, slab):
        count = min(slab, total - first)
        exists[:] = 0
        for p in range(count):
            corner = (image * height + 2 * h) * row_step + 2 * w * pixel_step
            for place in range(4):
                corners[p * PLACES_PER_RUN + place] = corner + place // 2 * row_step + place % 2 * pixel_step
            # A bit for each gradient that exists: going through the 1s takes no branch that could
            # be mispredicted.
            for o in range(uint64(begin), uint64(end)):
                exists[o] |= uint64(winners[uint64((first + p) * c_out) + o] < NO_WINNER) << uint64(p)
            w += 1  # to the next window
            if w == w_pooled:
                w, h = 0, h + 1
                if h == h_pooled:
                    h, image = 0, image + 1
        for o in range(begin, end):
            # A part of the next slab's dy, which comes from memory. All channels together call it all.
            call_ahead(dy, (first + slab) * c_out + o * slab, slab)
            add_windows(
                dweight, o * taps, k_w * pixel_step, x, row_step, corners, winners, gradients, first * c_out + o, c_out,
                exists[o], k_h, k_w * pixel_step,
            )  # fmt: skip


@compiled
def _add_by_channel(
    x: np.ndarray, dy: np.ndarray, argmax: np.ndarray, kernel_size: Pair, dweight: np.ndarray, begin: int, end: int
) -> None:
    """As _add_by_run, with vectors of output channels.

    dweight : (k_h*k_w*C, O), the rest as there
    """
    height, row_step, pixel_step = x.shape[1], x.shape[2] * x.shape[3], x.shape[3]
    images, h_pooled, w_pooled, c_out = dy.shape
    (k_h, k_w), n = kernel_size, lanes(x)
    for image in range(images):
        for h in range(h_pooled):
            for o in range(begin, end, CHANNEL_VECTORS * n):
                channels = min(CHANNEL_VECTORS * n, end - o)
                vectors = (channels + n - 1) // n
                if choice.weight_gradient_looks_up(k_h, k_w, pixel_step, n):
                    add_row_gradient_of_one_channel(
                        x, (image * height + 2 * h) * row_step, row_step, dy, argmax,
                        (image * h_pooled + h) * w_pooled * c_out + o, c_out, vectors, w_pooled, dweight, o,
                        channels - (vectors - 1) * n,
                    )  # fmt: skip
                    continue
                add_row_gradient(
                    x, (image * height + 2 * h) * row_step, row_step, pixel_step, dy, argmax,
                    (image * h_pooled + h) * w_pooled * c_out + o, c_out, vectors, w_pooled, k_h,
                    k_w * pixel_step, dweight, o, channels - (vectors - 1) * n,
                )  # fmt: skip


@compiled
def add_weight_gradient(
    x: np.ndarray, dy: np.ndarray, argmax: np.ndarray, kernel_size: Pair, by_channel: bool, dweight: np.ndarray,
    dbias: np.ndarray, begin: int, end: int,
) -> None:  # fmt: skip
    """To dweight and dbias what the output channels from `begin` to `end` bring.

    dweight    : by channel (k_h*k_w*C, O), by run (O, k_h*k_w*C);  dbias : (O,)
    begin, end : whole vectors, but for the last channel; the other channels' sums stay as they are
    """
    if not by_channel:
        _add_by_run(x, dy, argmax, kernel_size, dweight, begin, end)
        _add_bias_gradient(dy, argmax, dbias, begin, end)
        return
    for image in range(len(x)):  # whose dy is still in the cache when the bias asks for it
        one = slice(image, image + 1)
        _add_by_channel(x[one], dy[one], argmax[one], kernel_size, dweight, begin, end)
        _add_bias_gradient(dy[one], argmax[one], dbias, begin, end)
