"""dx of convolution + ReLU + 2x2 pooling: each gradient that exists, times the weights of its channel.

    dx[window] += dy * weight[:,:,:,o]        window at (2h, 2w) + the winner's place

Fastest by patch, for 3x3 and 2x2 kernels with AVX-512: 2.1 times as fast as place by place at 12x12,
96 to 192, 3x3; 1.8 times at 24x24, 48 to 96; 1.5 times at 23x23, 64 to 128, 2x2; 1.25 times at 48x48,
24 to 48, 3x3, and at 47x47, 32 to 64, 2x2. kernels/choice.py says when.

Place by place, the runs of weights are read from the second-level cache, which takes longer than to
multiply them. By patch, a group of input channels is done for all windows of an image before the
next, so that its weights for 64 output channels (37 or 32 KB) stay in the first-level cache.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import uint64

from nnscratch.kernels import choice
from nnscratch.kernels.channel_vectors.backward_tiles import (
    PATCH_VECTORS,
    RUNS_PER_MASK,
    add_chosen,
    add_chosen_to_patches,
    runs_of_places,
)
from nnscratch.kernels.compiled import njit
from nnscratch.kernels.image_vectors.layout import pack
from nnscratch.kernels.layerwise.im2col import Pair
from nnscratch.kernels.memory import Scratch
from nnscratch.kernels.pool_tiles import NO_WINNER
from nnscratch.kernels.vectors import VECTOR_BYTES

# "contract" allows a*b + c in one rounding; nothing is reordered and NaN stays NaN. Some indices
# are uint64: a signed one would be tested for Python's negative indices, and that test keeps loops
# from being vectorised.
compiled = njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")


def input_gradient(
    weight: np.ndarray, dy: np.ndarray, argmax: np.ndarray, padding: Pair, dx: np.ndarray, scratch: Scratch
) -> Callable[[slice], None]:
    """The function that computes dx of some images, on any thread; all as `backward` has them."""
    (_, height, width, c_in), (p_h, p_w) = dx.shape, padding
    kernel_size, c_out = weight.shape[:2], weight.shape[3]
    taps = weight[..., 0].size
    by_output = scratch.get("weight", (c_out, taps), dx.dtype)
    transpose(np.ascontiguousarray(weight).reshape(taps, c_out), by_output)
    if choice.input_gradient_by_patch(weight.shape, dx.dtype):
        together = PATCH_VECTORS[len(weight)] * VECTOR_BYTES // dx.itemsize
        runs = scratch.get("runs", (-(-c_in // together), c_out, taps // c_in, together), dx.dtype)
        by_channels(by_output, c_in, runs)
        add_gradient = add_by_patch
    else:
        runs, add_gradient = by_output, add_by_place
    # Without padding the kernel adds to dx where it lies; otherwise to a block with the padding
    # around it.
    in_place = padding == (0, 0) and dx.flags.c_contiguous

    def of_images(block: slice) -> None:
        bits = scratch.get("bits", (dy[0, ..., 0].size * 4,), np.uint64)
        framed = (block.stop - block.start, height + 2 * p_h, width + 2 * p_w, c_in)
        block_dx = dx[block] if in_place else scratch.get("dx", framed, dx.dtype)
        block_dx[:] = 0
        add_gradient(runs, dy[block], argmax[block], kernel_size, bits, block_dx)
        if not in_place:
            dx[block] = block_dx[:, p_h : p_h + height, p_w : p_w + width]

    return of_images


@compiled
def by_channels(by_output: np.ndarray, channels: int, runs: np.ndarray) -> None:
    """runs[g, o, t, k] = by_output[o, t*channels + g*K + k], anything beyond the last channel

    by_output : (O, T*channels);  runs : (groups, O, T, K), overwritten
    """
    groups, c_out, taps, size = runs.shape
    for g in range(groups):
        count = min(size, channels - g * size)
        for o in range(c_out):
            for t in range(taps):
                source, target = by_output[o, t * channels + g * size :], runs[g, o, t]
                for k in range(uint64(count)):
                    target[k] = source[k]


@compiled
def _runs_of_image(dy: np.ndarray, argmax: np.ndarray, at: int, c_out: int, bits: np.ndarray) -> None:
    """Which of up to RUNS_PER_MASK output channels a place's gradients belong to: bits[4*window + place]

    argmax : flat, read from at, and `c_out` further for each of the windows;  dy : says the dtype
    """
    count = min(RUNS_PER_MASK, c_out - at % c_out)
    existing = (uint64(1) << uint64(count % RUNS_PER_MASK)) - uint64(1)  # unless all do
    winners = np.full(RUNS_PER_MASK, NO_WINNER, np.uint8)
    for w in range(len(bits) // 4):
        window = at + w * c_out
        if window + RUNS_PER_MASK > len(argmax):  # of the last windows, what lies behind is not read
            for k in range(uint64(count)):
                winners[k] = argmax[uint64(window) + k]
            runs_of_places(dy, winners, 0, bits, 4 * w)
            continue
        runs_of_places(dy, argmax, window, bits, 4 * w)
        if count < RUNS_PER_MASK:
            for place in range(4):
                bits[uint64(4 * w + place)] &= existing


@compiled
def add_by_place(
    weight: np.ndarray, dy: np.ndarray, argmax: np.ndarray, kernel_size: Pair, bits: np.ndarray, dx: np.ndarray
) -> None:
    """dx[n, 2h+a+i, 2w+b+j, c] += dy[n,h,w,o] * weight[o,(i,j,c)] for all n, h, w, o

    (a,b) is the winner's place
    weight : (O, k_h*k_w*C), output channels outermost;  bits : scratch, 4 for each window of an image
    dx     : (N, H, W, C), with its padding;  the rest as above
    """
    height, row_step, pixel_step = dx.shape[1], dx.shape[2] * dx.shape[3], dx.shape[3]
    images, h_pooled, w_pooled, c_out = dy.shape
    (k_h, k_w), winners = kernel_size, argmax.reshape(-1)
    corners = (0, pixel_step, row_step, row_step + pixel_step)
    for n in range(images):
        for o in range(0, c_out, RUNS_PER_MASK):
            first = n * h_pooled * w_pooled * c_out + o
            _runs_of_image(dy, winners, first, c_out, bits)
            for window in range(h_pooled * w_pooled):
                h, w = window // w_pooled, window % w_pooled
                to = (n * height + 2 * h) * row_step + 2 * w * pixel_step
                for place in range(4):
                    add_chosen(
                        dx, to + corners[place], row_step, weight, o, k_w * pixel_step, bits[4 * window + place],
                        dy, first + window * c_out, k_h, k_w * pixel_step,
                    )  # fmt: skip


@compiled
def add_by_patch(
    runs: np.ndarray, dy: np.ndarray, argmax: np.ndarray, kernel_size: Pair, bits: np.ndarray, dx: np.ndarray
) -> None:
    """As add_by_place, with all four places of a window at once.

    runs : by by_channels: the weights of up to RUNS_PER_MASK output channels, those of one group of
        input channels, stay in the first-level cache for all windows of an image
    """
    height, row_step, pixel_step = dx.shape[1], dx.shape[2] * dx.shape[3], dx.shape[3]
    images, h_pooled, w_pooled, c_out = dy.shape
    winners, (groups, size) = argmax.reshape(-1), (runs.shape[0], runs.shape[3])
    for n in range(images):
        for o in range(0, c_out, RUNS_PER_MASK):
            first = n * h_pooled * w_pooled * c_out + o
            _runs_of_image(dy, winners, first, c_out, bits)
            for g in range(groups):
                begin, channels = g * c_out + o, min(size, pixel_step - g * size)
                for h in range(h_pooled):
                    to, window = (n * height + 2 * h) * row_step + g * size, h * w_pooled
                    at = first + window * c_out
                    if kernel_size[0] == 3:
                        add_chosen_to_patches(
                            dx, to, row_step, pixel_step, runs, begin, bits, 4 * window, dy, at, c_out, w_pooled,
                            channels, 3,
                        )  # fmt: skip
                    else:
                        add_chosen_to_patches(
                            dx, to, row_step, pixel_step, runs, begin, bits, 4 * window, dy, at, c_out, w_pooled,
                            channels, 2,
                        )  # fmt: skip


def transpose(source: np.ndarray, target: np.ndarray) -> None:
    """target[c,r] = source[r,c];  source (R, C), target (C, R), both contiguous"""
    # Packing R images of one pixel and C channels is this transpose, in vectors.
    rows, columns = source.shape
    pack(source.reshape(rows, 1, 1, columns), rows, target.reshape(columns, 1, rows))
