"""Convolution + ReLU + 2x2 pooling in one pass, a vector = 16 channels of a pixel: the gradients.

Fastest from 16 channels on and with padding: 4.8 times as fast as im2col and 2.2 times as image
vectors at 47x47, 32 to 64, 2x2; 22 times as im2col at 96x96, 1 to 16, 3x3; 3.3 times at 12x12, 64
to 128, 3x3.
Measured by `python benchmarks/kernels.py --ladder`, AVX-512.

The gradient g of z (forward.py) is 0 but for one place in four at most, and for one in eight where
half of the ReLUs are closed. A matrix product would multiply all of those zeros. Here only the
gradients that exist are visited, each with the window of x under its winner, which is k_h runs of
contiguous memory and so needs no columns:

    dweight[:,:,:,o] += dy * x[window]        window of x at (2h, 2w) + the winner's place
    dx[window]       += dy * weight[:,:,:,o]

Each such product costs at best one load of its vector from the first-level cache: see
backward_tiles.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numba import uint64

from nnscratch.kernels import choice
from nnscratch.kernels.channel_vectors.backward_tiles import (
    PATCH_VECTORS,
    PLACES_PER_RUN,
    RUNS_PER_MASK,
    add_chosen,
    add_chosen_to_patches,
    add_row_gradient,
    add_windows,
    add_winners_of_channels,
    runs_of_places,
)
from nnscratch.kernels.channel_vectors.forward import padded
from nnscratch.kernels.channel_vectors.forward_tiles import CHANNEL_VECTORS
from nnscratch.kernels.compiled import njit
from nnscratch.kernels.image_vectors.layout import pack
from nnscratch.kernels.layerwise.im2col import Pair
from nnscratch.kernels.memory import Scratch
from nnscratch.kernels.pool_tiles import NO_WINNER
from nnscratch.kernels.threads import in_blocks
from nnscratch.kernels.vectors import VECTOR_BYTES, lanes

# Bytes of the second-level cache for a block of images; what is added back to them takes as much in
# its turn.
_IMAGE_BYTES = 1 << 19
# Bytes of a slab: windows of x that stay in the first-level cache (32 to 48 KB) for all output
# channels.
_SLAB_BYTES = 1 << 15
# dweight is summed in up to this many partial sums, whatever the threads, so that its bits do not
# depend on them.
_PARTIAL_SUMS = 8
# Multiply-adds, zeros counted, that are worth a call and a thread: about a quarter of a millisecond
# in float32.
_PRODUCTS_PER_BLOCK = 10_000_000

# "contract" allows a*b + c in one rounding; nothing is reordered and NaN stays NaN. Some indices
# are uint64: a signed one would be tested for Python's negative indices, and that test keeps loops
# from being vectorised.
_compiled = njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")


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

    dx may be x itself: the weights' gradients are all there before it is written.
    """
    x, dy, argmax = np.ascontiguousarray(x), np.ascontiguousarray(dy), np.ascontiguousarray(argmax)
    _weight_gradient(x, dy, argmax, padding, dweight, dbias, scratch)
    if dx is not None:
        _input_gradient(weight, dy, argmax, padding, dx, scratch)


def _weight_gradient(
    x: np.ndarray,
    dy: np.ndarray,
    argmax: np.ndarray,
    padding: Pair,
    dweight: np.ndarray,
    dbias: np.ndarray,
    scratch: Scratch,
) -> None:
    """dweight and dbias: a partial sum for each part of the images, then those added in order."""
    kernel_size, c_out = dweight.shape[:2], dweight.shape[3]
    taps = dweight[..., 0].size
    by_channel = choice.weight_gradient_by_channel(dweight.shape, x.dtype)
    shape = (taps, c_out) if by_channel else (c_out, taps)
    parts = parts_of(len(x))
    weight_sums = scratch.get("dweight", (len(parts), *shape), x.dtype)
    bias_sums = scratch.get("dbias", (len(parts), c_out), x.dtype)

    def partial_sum(part: int) -> None:
        weight_sums[part] = 0
        bias_sums[part] = 0
        for block in _blocks(parts[part], x.shape, padding, x.itemsize):
            block_x = x[block] if padding == (0, 0) else padded(x[block], padding, scratch)
            add_weight_gradient(
                block_x, dy[block], argmax[block], kernel_size, by_channel, weight_sums[part], bias_sums[part], 0, c_out
            )

    _for_each_part(partial_sum, parts, dy, taps)
    bias_sums.sum(axis=0, out=dbias)
    several = len(parts) != 1
    total = weight_sums.sum(axis=0, out=scratch.get("sum", shape, x.dtype)) if several else weight_sums[0]
    if by_channel or not dweight.flags.c_contiguous:
        dweight[:] = (total if by_channel else total.T).reshape(dweight.shape)
    else:
        _transpose(total, dweight.reshape(taps, c_out))


def _input_gradient(
    weight: np.ndarray, dy: np.ndarray, argmax: np.ndarray, padding: Pair, dx: np.ndarray, scratch: Scratch
) -> None:
    """dx, image by image: nothing has to be added at the end."""
    (_, height, width, c_in), (p_h, p_w) = dx.shape, padding
    kernel_size, c_out = weight.shape[:2], weight.shape[3]
    taps = weight[..., 0].size
    by_output = scratch.get("weight", (c_out, taps), dx.dtype)
    _transpose(np.ascontiguousarray(weight).reshape(taps, c_out), by_output)
    if choice.input_gradient_by_patch(weight.shape, dx.dtype):
        together = PATCH_VECTORS[len(weight)] * VECTOR_BYTES // dx.itemsize
        runs = scratch.get("runs", (-(-c_in // together), c_out, taps // c_in, together), dx.dtype)
        by_channels(by_output, c_in, runs)
        add_gradient = add_by_patch
    else:
        runs, add_gradient = by_output, add_by_place
    parts = parts_of(len(dx))
    # Without padding the kernel adds to dx where it lies; otherwise to a block with the padding
    # around it.
    in_place = padding == (0, 0) and dx.flags.c_contiguous

    def part_of_images(part: int) -> None:
        bits = scratch.get("bits", (dy[0, ..., 0].size * 4,), np.uint64)
        for block in _blocks(parts[part], dx.shape, padding, dx.itemsize):
            framed = (block.stop - block.start, height + 2 * p_h, width + 2 * p_w, c_in)
            block_dx = dx[block] if in_place else scratch.get("dx", framed, dx.dtype)
            block_dx[:] = 0
            add_gradient(runs, dy[block], argmax[block], kernel_size, bits, block_dx)
            if not in_place:
                dx[block] = block_dx[:, p_h : p_h + height, p_w : p_w + width]

    _for_each_part(part_of_images, parts, dy, taps)


def parts_of(n_images: int) -> list[range]:
    """The images in up to _PARTIAL_SUMS parts of equal size, the last one smaller."""
    size = -(-n_images // _PARTIAL_SUMS) or 1
    return [range(first, min(first + size, n_images)) for first in range(0, n_images, size)]


def _blocks(part: range, shape: tuple[int, ...], padding: Pair, itemsize: int) -> Iterator[slice]:
    """The images of a part in blocks that stay in the second-level cache, padding included."""
    _, height, width, channels = shape
    image_bytes = math.prod((height + 2 * padding[0], width + 2 * padding[1], channels)) * itemsize
    images = max(1, _IMAGE_BYTES // max(1, image_bytes))
    return (slice(first, min(first + images, part.stop)) for first in range(part.start, part.stop, images))


def _for_each_part(work: Callable[[int], None], parts: list[range], dy: np.ndarray, taps: int) -> None:
    """work(part) for each part, several parts per call where they are small, on the threads."""
    if not parts:
        return
    products_per_part = len(parts[0]) * dy[:1].size * taps * dy.itemsize // 4  # in terms of float32
    calls = -(-len(parts) // -(-_PRODUCTS_PER_BLOCK // max(1, products_per_part)))

    def several(first: int, stop: int) -> None:
        for part in range(first, stop):
            work(part)

    in_blocks(several, len(parts), -(-len(parts) // calls))


@_compiled
def _add_bias_gradient(dy: np.ndarray, argmax: np.ndarray, dbias: np.ndarray, begin: int, end: int) -> None:
    """dbias[o] += sum over n, h, w of dy[n,h,w,o] where argmax[n,h,w,o] is not NO_WINNER

    dy, argmax : (N, H_p, W_p, O);  dbias : (O,)
    """
    c_out = len(dbias)
    for o in range(begin, end, lanes(dy)):
        add_winners_of_channels(dy, argmax, o, c_out, dy.size // c_out, dbias, o, min(lanes(dy), end - o))


@_compiled
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
    for first in range(0, total, slab):
        count = min(slab, total - first)
        exists[:] = 0
        for p in range(count):
            image_row, w = (first + p) // w_pooled, (first + p) % w_pooled
            image, h = image_row // h_pooled, image_row % h_pooled
            for place in range(4):
                inside = (2 * h + place // 2) * row_step + (2 * w + place % 2) * pixel_step
                corners[p * PLACES_PER_RUN + place] = image * height * row_step + inside
            # A bit for each gradient that exists: going through the 1s takes no branch that could
            # be mispredicted.
            for o in range(uint64(begin), uint64(end)):
                exists[o] |= uint64(winners[uint64((first + p) * c_out) + o] < NO_WINNER) << uint64(p)
        for o in range(begin, end):
            add_windows(
                dweight, o * taps, k_w * pixel_step, x, row_step, corners, winners, gradients, first * c_out + o, c_out,
                exists[o], k_h, k_w * pixel_step,
            )  # fmt: skip


@_compiled
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
                add_row_gradient(
                    x, (image * height + 2 * h) * row_step, row_step, pixel_step, dy, argmax,
                    (image * h_pooled + h) * w_pooled * c_out + o, c_out, vectors, w_pooled, k_h,
                    k_w * pixel_step, dweight, o, channels - (vectors - 1) * n,
                )  # fmt: skip


@_compiled
def add_weight_gradient(
    x: np.ndarray, dy: np.ndarray, argmax: np.ndarray, kernel_size: Pair, by_channel: bool, dweight: np.ndarray,
    dbias: np.ndarray, begin: int, end: int,
) -> None:  # fmt: skip
    """To dweight and dbias what the output channels from `begin` to `end` bring.

    dweight    : by channel (k_h*k_w*C, O), by run (O, k_h*k_w*C);  dbias : (O,)
    begin, end : whole vectors, but for the last channel; the other channels' sums stay as they are
    """
    if by_channel:
        _add_by_channel(x, dy, argmax, kernel_size, dweight, begin, end)
    else:
        _add_by_run(x, dy, argmax, kernel_size, dweight, begin, end)
    _add_bias_gradient(dy, argmax, dbias, begin, end)


@_compiled
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


@_compiled
def _runs_of_image(dy: np.ndarray, argmax: np.ndarray, at: int, c_out: int, bits: np.ndarray) -> None:
    """Which of up to RUNS_PER_MASK output channels a place's gradients belong to: bits[4*window + place]

    argmax : flat, read from at, and `c_out` further for each of the windows;  dy : says the dtype
    """
    count = min(RUNS_PER_MASK, c_out - at % c_out)
    winners = np.full(RUNS_PER_MASK, NO_WINNER, np.uint8)
    for w in range(len(bits) // 4):
        if count == RUNS_PER_MASK:
            runs_of_places(dy, argmax, at + w * c_out, bits, 4 * w)
        else:
            for k in range(uint64(count)):
                winners[k] = argmax[uint64(at + w * c_out) + k]
            runs_of_places(dy, winners, 0, bits, 4 * w)


@_compiled
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


@_compiled
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


def _transpose(source: np.ndarray, target: np.ndarray) -> None:
    """target[c,r] = source[r,c];  source (R, C), target (C, R), both contiguous"""
    # Packing R images of one pixel and C channels is this transpose, in vectors.
    rows, columns = source.shape
    pack(source.reshape(rows, 1, 1, columns), rows, target.reshape(columns, 1, rows))
