"""What the steps of a backward pass compute, for one block: as blocks.py, for gradients.py.

f(step, block, x, y, scratch, counters)
"""

from __future__ import annotations

import numpy as np

from nnscratch.kernels.compiled import njit
from nnscratch.kernels.image_vectors.chain import COLUMNS
from nnscratch.kernels.one_call.calls import BYTES, array_at, call_kernel
from nnscratch.kernels.one_call.program import ARGMAX, BIAS, BLOCK, KERNEL, OTHER, SIZES, WEIGHT

A, B, C, D, E, F, G, H, I, J, K, L = SIZES  # noqa: E741


@njit(nogil=True, cache=True)
def weight_gradient(step: np.ndarray, block: int, x: int, y: int, scratch: int, counters: np.ndarray) -> None:
    """BLOCK output channels of dweight and dbias, of some images: backward.add_weight_gradient

    A, B, C, D : x, (N, H, W, C) with its padding;  E, F, G : H_p, W_p, O of dy
    H, I       : k_h, k_w;  J : by channel;  K : images per partial sum;  L : blocks of channels
    OTHER      : dy;  y : the partial sums of dweight;  BIAS : of dbias
    """
    part, channels = block // step[L], step[G]
    taps = step[H] * step[I] * step[D]
    image, begin = part * step[K], block % step[L] * step[BLOCK]
    images, end = min(step[K], step[A] - image), min(begin + step[BLOCK], channels)
    at, shape = image * step[E] * step[F] * channels, (images, step[E], step[F], channels)
    dweight = array_at(
        np.float32, y + part * taps * channels * BYTES, (taps if step[J] else channels, channels if step[J] else taps)
    )
    dbias = array_at(np.float32, step[BIAS] + part * channels * BYTES, (channels,))
    if step[J]:
        dweight[:, begin:end] = 0
    else:
        dweight[begin:end] = 0
    dbias[begin:end] = 0
    call_kernel(
        step[KERNEL],
        (
            array_at(np.float32, x + image * step[B] * step[C] * step[D] * BYTES, (images, step[B], step[C], step[D])),
            array_at(np.float32, step[OTHER] + at * BYTES, shape), array_at(np.uint8, step[ARGMAX] + at, shape),
            (step[H], step[I]), step[J] != 0, dweight, dbias, begin, end,
        ),
    )  # fmt: skip


@njit(nogil=True, cache=True)
def input_gradient(step: np.ndarray, block: int, x: int, y: int, scratch: int, counters: np.ndarray) -> None:
    """Some rows of dx of an image: input_gradient.add_by_patch or, if K is 0, add_by_place

    A, B, C    : H, W, C of dx;  D : frame above and below;  E : left and right
    F, G, H    : H_p, W_p, O of dy, which is x
    I, J       : k_h, k_w
    K          : input channels in a group of the weights;  L : parts of the rows
    WEIGHT     : (groups, O, k_h*k_w, K), or (O, k_h*k_w*C) if K is 0

    A part sums the windows that reach its rows in scratch, in their order, so that its bits are
    those of the whole.
    """
    height, width, channels, above, beside = step[A], step[B], step[C], step[D], step[E]
    h_pooled, w_pooled, c_out, k_h, k_w = step[F], step[G], step[H], step[I], step[J]
    image, part = block // step[L], block % step[L]
    framed_height, framed_width = height + 2 * above, width + 2 * beside
    # Rows of windows, and the rows of dx that belong to them, two for each, the last part's up to the end.
    first, stop = h_pooled * part // step[L], h_pooled * (part + 1) // step[L]
    row, end = 2 * first, (framed_height if part == step[L] - 1 else 2 * stop)
    begin = max(0, first - k_h // 2)  # the windows before that reach them too
    rows = max(end, 2 * (stop - 1) + k_h + 1) - 2 * begin
    windows = (stop - begin) * w_pooled
    sums = array_at(np.float32, scratch, (1, rows, framed_width, channels))
    bits = array_at(np.uint64, scratch + (sums.size + sums.size % 2) * BYTES, (4 * windows,))
    sums[:] = 0
    at, shape = (image * h_pooled + begin) * w_pooled * c_out, (1, stop - begin, w_pooled, c_out)
    dy, argmax = array_at(np.float32, x + at * BYTES, shape), array_at(np.uint8, step[ARGMAX] + at, shape)
    if step[K]:
        groups = (channels + step[K] - 1) // step[K]
        runs = array_at(np.float32, step[WEIGHT], (groups, c_out, k_h * k_w, step[K]))
        call_kernel(step[KERNEL], (runs, dy, argmax, (k_h, k_w), bits, sums))
    else:
        by_output = array_at(np.float32, step[WEIGHT], (c_out, k_h * k_w * channels))
        call_kernel(step[KERNEL], (by_output, dy, argmax, (k_h, k_w), bits, sums))
    dx = array_at(np.float32, y + image * height * width * channels * BYTES, (height, width, channels))
    for h in range(max(row - above, 0), min(end - above, height)):
        dx[h] = sums[0, h + above - 2 * begin, beside : beside + width]


@njit(nogil=True, cache=True)
def group_weights(step: np.ndarray, block: int, x: int, y: int, scratch: int, counters: np.ndarray) -> None:
    """The weights of input_gradient: input_gradient.by_channels.  A : O;  B : k_h*k_w;  C : C;  D, E : groups, K"""
    by_output = array_at(np.float32, x, (step[A], step[B] * step[C]))
    call_kernel(step[KERNEL], (by_output, step[C], array_at(np.float32, y, (step[D], step[A], step[B], step[E]))))


@njit(nogil=True, cache=True)
def chain_weight(step: np.ndarray, block: int, x: int, y: int, scratch: int, counters: np.ndarray) -> None:
    """Some output channels of the gradient of a convolution's parameters: chain.weight_gradient

    A : images, BLOCK in a vector;  B : parts of the channels;  C : numbers of parameters of all convolutions;
    D : numbers of BLOCK images' maps
    x, ARGMAX, WEIGHT : maps, argmax and gradients;  OTHER : its row of geometry;  y : dparameters
    """
    k, part = block // step[B], block % step[B]
    size, at = (step[D],), k * step[D]
    call_kernel(
        step[KERNEL],
        (
            min(step[BLOCK], step[A] - k * step[BLOCK]), array_at(np.int64, step[OTHER], (COLUMNS,)),
            array_at(np.float32, x + at * BYTES, size), array_at(np.uint8, step[ARGMAX] + at, size),
            array_at(np.float32, step[WEIGHT] + at * BYTES, size),
            array_at(np.float32, y + k * step[C] * BYTES, (step[C],)), part, step[B],
        ),
    )  # fmt: skip


@njit(nogil=True, cache=True)
def chain_map(step: np.ndarray, block: int, x: int, y: int, scratch: int, counters: np.ndarray) -> None:
    """Some rows of the gradient of a convolution's x: chain.map_gradient

    A, B, D, ARGMAX, OTHER : as chain_weight;  C : numbers of its own parameters, which x is;  y : gradients
    """
    k, part = block // step[B], block % step[B]
    size, at = (step[D],), k * step[D]
    call_kernel(
        step[KERNEL],
        (
            min(step[BLOCK], step[A] - k * step[BLOCK]), array_at(np.int64, step[OTHER], (COLUMNS,)),
            array_at(np.float32, x, (step[C],)), array_at(np.uint8, step[ARGMAX] + at, size),
            array_at(np.float32, y + at * BYTES, size), part, step[B],
        ),
    )  # fmt: skip
