"""Convolution + ReLU + 2x2 pooling in one pass, a vector = one pixel of 16 images: the gradients.

Fastest for up to 16 channels in and out without padding: 4.5 times as fast as channel_vectors/ at
96x96, 1 to 2, 5x5; 1.4 times at 47x47, 8 to 16, 2x2; 0.8 times at 96x96, 1 to 8, 3x3, for which
forward makes up.
Measured by `python benchmarks/kernels.py --ladder`, AVX-512.

The gradient g of conv, at full resolution and three quarters zeros, never reaches memory either: a
few rows of it are made from dy and argmax, and are used while they are in the cache. With the
letters of forward.py,

    dweight[t, o] = sum over l of columns[t, l] * g[o, l]
    dx[c, l]      = sum over (i,j,o) of weight[i,j,c,o] * g[o, l - i rows - j images]

The second is the forward product again, of g with margins of zeros instead of x. The zeros in g are
multiplied too: a vector of 16 images nearly always contains one, but is almost never zero as a
whole. Not so in dweight where a vector is one place of all images: there each lane chooses the
place of x that its winner needs, so that dy is multiplied once, and g is not made.
"""

from __future__ import annotations

import numpy as np

from nnscratch.kernels import choice
from nnscratch.kernels.compiled import njit
from nnscratch.kernels.image_vectors.forward import outputs_at_once, scratch, scratch_step, tap_offsets
from nnscratch.kernels.image_vectors.tiles import (
    WINNERS_OUTPUTS,
    add_products,
    add_products_of_winners,
    multiply_rows,
    sum_lanes,
)
from nnscratch.kernels.pool_tiles import add_winners, unpool_vector, unpool_windows
from nnscratch.kernels.prefetch_tiles import call_ahead
from nnscratch.kernels.vectors import lanes

# Vectors of g per output between two unpoolings: enough to pay for a tile's loads and stores of its
# sums.
_CHUNK_VECTORS = 64
# Windows between two loads and stores of a tile's sums, where only winners are multiplied.
_CHUNK_WINDOWS = 32


@njit(nogil=True)
def _unpool_row(
    dy: np.ndarray, argmax: np.ndarray, at: int, images: int, windows: int, rows: np.ndarray, to: int, step: int
) -> None:
    """Two rows of g from dy[at:], (w,b): per window its dy at the winner's place, and three zeros.

    They go to rows[to:] and rows[to + step:].
    """
    n = lanes(dy)
    if choice.pools_whole_vectors(images, n):
        unpool_windows(dy, argmax, at, windows, rows, to, step, images)
        return
    for w in range(windows):
        for b in range(0, images, n):
            source, corner = at + w * images + b, to + 2 * w * images + b
            if b + n <= images:
                unpool_vector(dy, argmax, source, rows, corner, step, images, None)
            else:
                unpool_vector(dy, argmax, source, rows, corner, step, images, images - b)


@njit(nogil=True)
def _add_winners_only(
    x: np.ndarray, dy: np.ndarray, argmax: np.ndarray, k_h: int, k_w: int, first: int, channels: int,
    total: np.ndarray, total_at: int,
) -> None:  # fmt: skip
    """total[(i,j,c), o] += what output channel first + o brings, for as many images as a vector has lanes.

    total : a vector of partial sums for each number, (k_h*k_w*C, channels), from total_at on
    """
    (c_in, height, row_step), (_, h_pooled, pooled_step), n = x.shape, dy.shape, lanes(x)
    rows_per_chunk = max(1, _CHUNK_WINDOWS * n // max(1, pooled_step))
    for h in range(0, h_pooled, rows_per_chunk):
        rows = min(rows_per_chunk, h_pooled - h)
        for c in range(c_in):
            # The rows of x that come new with the next rows of windows.
            call_ahead(x, (c * height + 2 * (h + rows) + k_h - 1) * row_step, 2 * rows * row_step)
            o = 0
            while o < channels:
                outputs = min(WINNERS_OUTPUTS, outputs_at_once(channels - o))
                add_products_of_winners(
                    x, (c * height + 2 * h) * row_step, row_step,
                    dy, argmax, ((first + o) * h_pooled + h) * pooled_step, h_pooled * pooled_step, rows,
                    pooled_step // n, k_h, k_w, total, total_at + (c * channels + o) * n, c_in * channels, outputs,
                )  # fmt: skip
                o += outputs


@njit(nogil=True)
def _add_all_places(
    x: np.ndarray, dy: np.ndarray, argmax: np.ndarray, images: int, k_h: int, k_w: int, first: int, channels: int,
    total: np.ndarray, total_at: int,
) -> None:  # fmt: skip
    """`_add_winners_only` for any number of images."""
    c_in, height, row_step = x.shape
    _, h_pooled, pooled_step = dy.shape
    w_pooled, n = pooled_step // images, lanes(x)
    offsets = tap_offsets(k_h, k_w, c_in, height * row_step, row_step, images)
    # A chunk is part of a row, or several rows where they are short, so that sums stay in registers
    # long enough.
    windows_per_chunk = max(1, _CHUNK_VECTORS * n // (4 * images))
    rows_per_chunk = max(1, windows_per_chunk // max(1, w_pooled))
    windows_per_chunk = max(1, min(windows_per_chunk, w_pooled))
    step = scratch_step(2 * windows_per_chunk * images, n)
    g, start = scratch(x, 2 * rows_per_chunk * outputs_at_once(channels) * step)
    for h in range(0, h_pooled, rows_per_chunk):
        rows = min(rows_per_chunk, h_pooled - h)
        for w in range(0, w_pooled, windows_per_chunk):
            windows = min(windows_per_chunk, w_pooled - w)
            o = 0
            while o < channels:
                # A few outputs at a time, so that their g is still in the first-level cache when it
                # is read.
                outputs = outputs_at_once(channels - o)
                for q in range(outputs):
                    for r in range(rows):
                        at = ((first + o + q) * h_pooled + h + r) * pooled_step + w * images
                        to = start + 2 * (q * rows_per_chunk + r) * step
                        _unpool_row(dy, argmax, at, images, windows, g, to, step)
                add_products(
                    x, 2 * h * row_step + 2 * w * images, row_step, offsets, len(offsets),
                    g, start, step, 2 * rows_per_chunk * step, 2 * rows,
                    2 * windows * images, total, total_at + o * n, channels, outputs,
                )  # fmt: skip
                o += outputs


@njit(nogil=True, cache=True, inline="always")
def backward_weight(
    x: np.ndarray,
    dy: np.ndarray,
    argmax: np.ndarray,
    images: int,
    dweight: np.ndarray,
    dbias: np.ndarray,
    part: int = 0,
    parts: int = 1,
) -> None:
    """dweight[i,j,c,o] = sum over h, w, images of g[o,h,w] * x[c,h+i,w+j];  dbias[o] = sum of g[o]

    x          : (C, H, W*B), as in forward, B = images
    dy, argmax : (O, H_p, W_p*B), argmax as forward made it
    dweight    : (k_h, k_w, C, O);  dbias : (O,); overwritten with the sums of this block
    part       : which of so many parts of the output channels; the others' sums stay as they are
    """
    k_h, k_w, c_in, c_out = dweight.shape
    n = lanes(x)
    first, stop = c_out * part // parts, c_out * (part + 1) // parts
    channels, taps = stop - first, k_h * k_w * c_in
    # Every number of dweight and dbias is a vector of partial sums; its lanes are added at the end.
    numbers = taps * channels
    total, total_start = scratch(x, scratch_step(numbers, n) * n)
    total_bias, bias_start = scratch(x, scratch_step(channels, n) * n)
    total[:] = 0
    total_bias[:] = 0
    size = dy.size // c_out
    for o in range(channels):
        add_winners(dy, argmax, (first + o) * size, size, total_bias, bias_start + o * n)
    if choice.places_are_vectors(images, n):
        _add_winners_only(x, dy, argmax, k_h, k_w, first, channels, total, total_start)
    else:
        _add_all_places(x, dy, argmax, images, k_h, k_w, first, channels, total, total_start)
    sums, rows_of_taps = np.empty((taps, channels), x.dtype), dweight.reshape(taps, c_out)
    for k in range(0, numbers, n):
        sum_lanes(total, total_start + k * n, sums, k, min(n, numbers - k))
    rows_of_taps[:, first:stop] = sums
    for o in range(0, channels, n):
        sum_lanes(total_bias, bias_start + o * n, dbias, first + o, min(n, channels - o))


@njit(nogil=True, cache=True, inline="always")
def backward_input(
    dy: np.ndarray,
    argmax: np.ndarray,
    weight: np.ndarray,
    images: int,
    dx: np.ndarray,
    part: int = 0,
    parts: int = 1,
) -> None:
    """dx[c,h,w] = sum over i, j, o of weight[i,j,c,o] * g[o,h-i,w-j], g being 0 outside

    dy, argmax : (O, H_p, W_p*B), argmax as forward made it, B = images
    weight     : (k_h, k_w, C, O)
    dx         : (C, H, W*B), overwritten
    part       : which of so many parts of dx's rows; the other rows stay as they are
    """
    k_h, k_w, c_in, c_out = weight.shape
    height, row_step = dx.shape[1], dx.shape[2]
    h_pooled, pooled_step = dy.shape[1], dy.shape[2]
    n = lanes(dx)
    # g[o, row % slots]: the rows that one row of dx needs and one more, since they are made in
    # pairs. Each has k_w - 1 places of zeros on both sides, so that every tap reads something; rows
    # above and below are left out instead.
    margin = (k_w - 1) * images
    slots = (k_h + 2) // 2 * 2
    step = scratch_step(row_step + margin, n)
    g, start = scratch(dx, c_out * slots * step)
    g[:] = 0
    turned = np.empty((k_h, k_w, c_out, c_in), weight.dtype)
    for i in range(k_h):
        for j in range(k_w):
            for o in range(c_out):
                for c in range(c_in):
                    turned[i, j, o, c] = weight[i, j, c, o]
    offsets = np.empty(k_h * k_w * c_out, np.int64)
    no_bias = np.zeros(c_in, weight.dtype)
    pairs = (height + 1) // 2
    first, stop = pairs * part // parts * 2, min(height, pairs * (part + 1) // parts * 2)
    for h in range(max(0, first - k_h + 1) // 2 * 2, stop):
        if h % 2 == 0 and h // 2 < h_pooled:
            for o in range(c_out):
                to = start + (o * slots + h % slots) * step + margin
                at = (o * h_pooled + h // 2) * pooled_step
                _unpool_row(dy, argmax, at, images, pooled_step // images, g, to, step)
        if h < first:
            continue
        top, bottom = max(0, h - 2 * h_pooled + 1), min(k_h, h + 1)
        t = top * k_w * c_out
        for i in range(top, bottom):
            for j in range(k_w):
                place = (h - i) % slots * step + margin - j * images
                for o in range(c_out):
                    offsets[t] = place + o * slots * step
                    t += 1
        c = 0
        while c < c_in:
            channels = outputs_at_once(c_in - c)
            multiply_rows(
                g, start, offsets, top * k_w * c_out, bottom * k_w * c_out, turned, c_in, no_bias, c, channels,
                dx, (c * height + h) * row_step, height * row_step, row_step,
            )  # fmt: skip
            c += channels
