"""The way back through fused.py: the gradients of a convolution whose output was rectified and pooled.

The gradient g of z is zero but for one place in four at most, and for one in eight where half of the ReLUs are shut. A
GEMM would multiply all of those zeros. Here only the gradients that exist are met, each with the window of x under its
winner, which is k_h runs of contiguous memory and so needs no columns at all:

    dweight[:,:,:,o] += dy * x[window],    dx[window] += dy * weight[:,:,:,o]       window at (2h, 2w) + winner's place

What such a product costs is a load of its vector from the first-level cache, at best: see vector_runs.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numba import njit, uint64

from nnscratch.kernels.channel_vectors.backward_tiles import (
    PLACES_PER_RUN,
    RUNS_PER_MASK,
    add_chosen,
    add_chosen_to_patch,
    add_row_gradient,
    add_windows,
    add_winners_of_channels,
)
from nnscratch.kernels.channel_vectors.forward import SHUT, padded
from nnscratch.kernels.channel_vectors.forward_tiles import CHANNEL_VECTORS
from nnscratch.kernels.image_vectors.layout import pack
from nnscratch.kernels.layerwise.im2col import Pair
from nnscratch.kernels.memory import Scratch
from nnscratch.kernels.threads import in_blocks
from nnscratch.kernels.vectors import VECTOR_BYTES, lanes

# Of the second-level cache, for a block of images; what is sent back to them takes as much in its turn.
_IMAGE_BYTES = 1 << 19
# Windows of x that stay in the first-level cache (32 to 48 KB) while all output channels pass over them.
_SLAB_BYTES = 1 << 15
# dweight is summed in up to this many partial sums, whatever the threads, so that its bits do not depend on them.
_PARTIAL_SUMS = 8
# Multiply-adds that are worth a call and a thread: about a quarter of a millisecond in float32.
_PRODUCTS_A_BLOCK = 10_000_000

# "contract" allows a*b + c in one rounding; nothing is reordered and NaN stays NaN. Some indices are uint64: a signed
# one would have to be tested for Python's negative indices, and that test keeps loops from being vectorised.
_compiled = njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")


def conv_pool_backward(
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

    x, weight, padding, argmax : as conv_pool_forward read and wrote them;  dy : (N, H_p, W_p, O)
    dweight : (k_h, k_w, C, O), dbias : (O,), dx : (N, H, W, C) or None if not wanted; all overwritten
    dx may be x itself: an image is overwritten when its dweight is there.
    """
    n_images, height, width, c_in = x.shape
    kernel_size, c_out = weight.shape[:2], weight.shape[3]
    (p_h, p_w), taps = padding, weight[..., 0].size
    framed = (height + 2 * p_h, width + 2 * p_w, c_in)
    x, dy, argmax = np.ascontiguousarray(x), np.ascontiguousarray(dy), np.ascontiguousarray(argmax)
    share = -(-n_images // _PARTIAL_SUMS) or 1
    parts = -(-n_images // share)
    images = max(1, _IMAGE_BYTES // max(1, math.prod(framed) * x.itemsize))
    # Short runs of x are no work for whole vectors: then vectors of output channels, and the zeros of g as well.
    n = VECTOR_BYTES // x.itemsize
    thin = weight.shape[1] * c_in < 2 * n and c_out % n == 0
    add_weight_gradient = _add_thin_gradient if thin else _add_weight_gradient
    shape = (taps, c_out) if thin else (c_out, taps)
    weight_parts = scratch.get("dweight", (parts, *shape), x.dtype)
    bias_parts = scratch.get("dbias", (parts, c_out), x.dtype)
    turned = scratch.get("weight", (c_out, taps), x.dtype)

    def blocks(part: int) -> Iterator[slice]:
        last = min((part + 1) * share, n_images)
        return (slice(start, min(start + images, last)) for start in range(part * share, last, images))

    def weight_gradient(part: int) -> None:
        weight_parts[part] = 0
        bias_parts[part] = 0
        for block in blocks(part):
            block_x = x[block] if padding == (0, 0) else padded(x[block], padding, scratch)
            add_weight_gradient(block_x, dy[block], argmax[block], kernel_size, weight_parts[part])
            _add_bias_gradient(dy[block], argmax[block], bias_parts[part])

    def input_gradient(part: int) -> None:
        assert dx is not None  # or this is not called
        # Without padding the kernel adds to dx where it lies; otherwise to a block with the padding around it.
        in_place = padding == (0, 0) and dx.flags.c_contiguous
        for block in blocks(part):
            block_dx = dx[block] if in_place else scratch.get("dx", (block.stop - block.start, *framed), x.dtype)
            block_dx[:] = 0
            _add_input_gradient(turned, dy[block], argmax[block], kernel_size, block_dx)
            if not in_place:
                dx[block] = block_dx[:, p_h : p_h + height, p_w : p_w + width]

    gradients = [weight_gradient]
    if dx is not None:
        gradients.append(input_gradient)
        _transpose(np.ascontiguousarray(weight).reshape(taps, c_out), turned)
    # Few images, few parts: then the two gradients of a part may be two threads' work.
    together = len(gradients) if parts == _PARTIAL_SUMS or dx is x else 1

    def tasks(first: int, stop: int) -> None:
        for task in range(first * together, stop * together):
            gradients[task % len(gradients)](task // len(gradients))

    products_a_task = share * dy[:1].size * taps * x.itemsize // 4 * together  # in terms of float32
    in_blocks(tasks, parts * len(gradients) // together, -(-_PRODUCTS_A_BLOCK // max(1, products_a_task)))
    bias_parts.sum(axis=0, out=dbias)
    total = weight_parts[0] if parts == 1 else weight_parts.sum(axis=0, out=scratch.get("sum", shape, x.dtype))
    if thin or not dweight.flags.c_contiguous:
        dweight[:] = (total if thin else total.T).reshape(dweight.shape)
    else:
        _transpose(total, dweight.reshape(taps, c_out))


@_compiled
def _add_bias_gradient(dy: np.ndarray, argmax: np.ndarray, dbias: np.ndarray) -> None:
    """dbias[o] += sum over n, h, w of dy[n,h,w,o] where argmax[n,h,w,o] is not SHUT;  dbias (O,), the rest as below"""
    c_out = len(dbias)
    for o in range(0, c_out, lanes(dy)):
        add_winners_of_channels(dy, argmax, o, c_out, dy.size // c_out, dbias, o, min(lanes(dy), c_out - o))


@_compiled
def _add_weight_gradient(
    x: np.ndarray, dy: np.ndarray, argmax: np.ndarray, kernel_size: Pair, dweight: np.ndarray
) -> None:
    """dweight[o,(i,j,c)] += sum over n, h, w of dy[n,h,w,o] * x[n, 2h+a+i, 2w+b+j, c],  (a,b) the winner's place

    x : (N, H, W, C), with its padding;  dy, argmax : (N, H_p, W_p, O);  dweight : (O, k_h*k_w*C)
    """
    height, row, pixel = x.shape[1], x.shape[2] * x.shape[3], x.shape[3]
    h_pooled, w_pooled, c_out = dy.shape[1:]
    (k_h, k_w), taps = kernel_size, dweight.shape[1]
    # A window of x is k_h*k_w*C numbers, but neighbours share most of it: the next one brings 4*C new ones.
    slab = min(RUNS_PER_MASK, max(16, _SLAB_BYTES // (4 * pixel * x.itemsize) - (k_h - 1) * w_pooled // 2))
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
                inside = (2 * h + place // 2) * row + (2 * w + place % 2) * pixel
                corners[p * PLACES_PER_RUN + place] = image * height * row + inside
            # A channel's gradients are the bits of a number: to meet them takes no test that could be guessed wrong.
            for o in range(uint64(c_out)):
                exists[o] |= uint64(winners[uint64((first + p) * c_out) + o] < SHUT) << uint64(p)
        for o in range(c_out):
            add_windows(
                dweight, o * taps, k_w * pixel, x, row, corners, winners, gradients, first * c_out + o, c_out,
                exists[o], k_h, k_w * pixel,
            )  # fmt: skip


@_compiled
def _add_thin_gradient(
    x: np.ndarray, dy: np.ndarray, argmax: np.ndarray, kernel_size: Pair, dweight: np.ndarray
) -> None:
    """As _add_weight_gradient, for an O that fills vectors;  dweight : (k_h*k_w*C, O)"""
    height, row, pixel = x.shape[1], x.shape[2] * x.shape[3], x.shape[3]
    images, h_pooled, w_pooled, c_out = dy.shape
    (k_h, k_w), n = kernel_size, lanes(x)
    for image in range(images):
        for h in range(h_pooled):
            for o in range(0, c_out, CHANNEL_VECTORS * n):
                vectors = min(CHANNEL_VECTORS, (c_out - o) // n)
                add_row_gradient(
                    x, (image * height + 2 * h) * row, row, pixel, dy, argmax,
                    (image * h_pooled + h) * w_pooled * c_out + o, c_out, vectors, w_pooled, k_h, k_w * pixel,
                    dweight, o,
                )  # fmt: skip


@_compiled
def _add_input_gradient(
    weight: np.ndarray, dy: np.ndarray, argmax: np.ndarray, kernel_size: Pair, dx: np.ndarray
) -> None:
    """dx[n, 2h+a+i, 2w+b+j, c] += dy[n,h,w,o] * weight[o,(i,j,c)] for all n, h, w and o,  (a,b) the winner's place

    weight : (O, k_h*k_w*C), output channels outermost;  dx : (N, H, W, C), with its padding;  the rest as above
    """
    height, row, pixel = dx.shape[1], dx.shape[2] * dx.shape[3], dx.shape[3]
    images, h_pooled, w_pooled, c_out = dy.shape
    k_h, k_w = kernel_size
    corners = (0, pixel, row, row + pixel)
    # Then the four places' sums fit the registers together, each loaded and stored once instead of up to four times.
    by_patch = k_h == 3 and k_w == 3 and pixel <= lanes(dx)
    winner_of, winners = argmax.reshape(-1), np.empty(RUNS_PER_MASK, np.uint8)
    for n in range(images):
        for o in range(0, c_out, RUNS_PER_MASK):
            winners[:] = SHUT
            for h in range(h_pooled):
                for w in range(w_pooled):
                    at = ((n * h_pooled + h) * w_pooled + w) * c_out + o
                    for k in range(uint64(min(RUNS_PER_MASK, c_out - o))):
                        winners[k] = winner_of[uint64(at) + k]
                    to = (n * height + 2 * h) * row + 2 * w * pixel
                    if by_patch:
                        add_chosen_to_patch(dx, to, row, weight, o, pixel, winners, dy, at)
                        continue
                    for place in range(4):
                        add_chosen(
                            dx, to + corners[place], row, weight, o, k_w * pixel,
                            winners, np.uint8(place), dy, at, k_h, k_w * pixel,
                        )  # fmt: skip


def _transpose(source: np.ndarray, target: np.ndarray) -> None:
    """target[c,r] = source[r,c];  source (R, C), target (C, R), both contiguous"""
    rows, columns = source.shape
    pack(source.reshape(rows, 1, 1, columns), rows, target.reshape(columns, 1, rows))
