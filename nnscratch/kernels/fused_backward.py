"""The way back through fused.py: the gradients of a convolution whose output was rectified and pooled.

The gradient g of z is zero but for one place in four at most, and for one in eight where half of the ReLUs are shut. A
GEMM would multiply all of those zeros. Here only the gradients that exist are met, each with the window of x under its
winner, which is k_h runs of contiguous memory and so needs no columns at all:

    dweight[:,:,:,o] += dy * x[window],    dx[window] += dy * weight[:,:,:,o]       window at (2h, 2w) + winner's place
"""

from __future__ import annotations

import numpy as np
from numba import njit, uint64

from nnscratch.kernels.fused import SHUT
from nnscratch.kernels.im2col import Pair
from nnscratch.kernels.memory import Scratch
from nnscratch.kernels.threads import in_blocks

# Of the second-level cache, for a block of images: as much again for its dx, and the weights.
_IMAGE_BYTES = 1 << 18
# Pooled places whose windows of x stay in the first-level cache (32 to 48 KB) while all output channels pass over them.
_SLAB_BYTES = 1 << 15
# dweight is summed in up to this many partial sums, whatever the threads, so that its bits do not depend on them.
_PARTIAL_SUMS = 8
MOST_CHANNELS = 4095  # a counter of 12 bits, see _add_input_gradient

# As in fused.py: fused multiply-adds, nothing reordered, and unsigned indices.
_compiled = njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")
_inlined = njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy", forceinline=True)


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
    """dweight, dbias and dx from dy, one pass over the images.

    x, weight, padding, argmax : as conv_pool_forward read and wrote them;  dy : (N, H_p, W_p, O)
    dweight : (k_h, k_w, C, O), dbias : (O,), dx : (N, H, W, C) or None if not wanted; all overwritten

    Raises
        ValueError : more than 4095 output channels
    """
    n_images, height, width, c_in = x.shape
    _, h_pooled, w_pooled, c_out = dy.shape
    if c_out > MOST_CHANNELS:
        raise ValueError(f"conv_pool: got {c_out} output channels, expected up to {MOST_CHANNELS}; use im2col.py")
    k_h, k_w = weight.shape[:2]
    (p_h, p_w), run = padding, k_w * c_in
    padded = (height + 2 * p_h, width + 2 * p_w, c_in)
    inside = (slice(None), slice(p_h, p_h + height), slice(p_w, p_w + width))
    row = padded[1] * c_in
    x, dy, argmax = np.ascontiguousarray(x), np.ascontiguousarray(dy), np.ascontiguousarray(argmax)
    # Without padding the kernels read x and add to dx where they lie; otherwise in a block with the padding around it.
    dx_in_place = dx is not None and padding == (0, 0) and dx.flags.c_contiguous

    share = -(-n_images // _PARTIAL_SUMS) or 1
    parts = -(-n_images // share)
    images = max(1, min(share, _IMAGE_BYTES // (int(np.prod(padded)) * x.itemsize)))
    # Where each pooled window begins in a block of padded images, and how far from there its four places are.
    n, h, w = np.ix_(np.arange(images), np.arange(h_pooled), np.arange(w_pooled))
    begins = (((n * padded[0] + 2 * h) * padded[1] + 2 * w) * c_in).astype(np.uint64).ravel()
    winners = np.array([0, c_in, row, row + c_in, 0], np.uint64)
    # A window of x is k_h*k_w*C numbers, but neighbours share most of it: the next one brings 4*C new ones.
    places_a_slab = max(16, _SLAB_BYTES // (4 * c_in * x.itemsize) - (k_h - 1) * w_pooled // 2)

    turned = scratch.get("weight", (c_out, k_h, run), x.dtype)
    turned[:] = weight.reshape(k_h, run, c_out).transpose(2, 0, 1)
    dweight_parts = scratch.get("dweight", (parts, c_out, k_h, run), x.dtype)
    dbias_parts = scratch.get("dbias", (parts, c_out), x.dtype)
    dweight_parts[:] = 0
    dbias_parts[:] = 0

    def partial_sum(first: int, last: int) -> None:
        part = first // share
        places = scratch.get("places", (max(places_a_slab, (SHUT + 1) * c_out),), np.uint64)
        scales = scratch.get("scales", places.shape, x.dtype)
        window = (begins, winners, row, places, scales)
        for start in range(first, last, images):
            stop = min(start + images, last)
            block_x = x[start:stop]
            if padding != (0, 0):
                block_x = scratch.get("x", (stop - start, *padded), x.dtype)
                block_x[:] = 0
                block_x[inside] = x[start:stop]
            g, winner = dy[start:stop].reshape(-1, c_out), argmax[start:stop].reshape(-1, c_out)
            _add_bias_gradient(g, winner, dbias_parts[part])
            _add_weight_gradient(block_x.reshape(-1), g, winner, *window, places_a_slab, dweight_parts[part])
            if dx is not None:
                block_dx = dx[start:stop] if dx_in_place else scratch.get("dx", block_x.shape, x.dtype)
                block_dx[:] = 0
                _add_input_gradient(turned, g, winner, *window, block_dx.reshape(-1))
                if not dx_in_place:
                    dx[start:stop] = block_dx[inside]

    in_blocks(partial_sum, n_images, share)
    dweight[:] = dweight_parts.sum(axis=0).transpose(1, 2, 0).reshape(dweight.shape)
    dbias[:] = dbias_parts.sum(axis=0)


@_inlined
def _add_runs(
    out: np.ndarray,
    to: int,
    out_row: int,
    source: np.ndarray,
    source_row: int,
    places: np.ndarray,
    scales: np.ndarray,
    first: int,
    stop: int,
    k_h: int,
    run: int,
) -> None:
    """out[to + i*out_row + k] += sum over m of scales[m] * source[places[m] + i*source_row + k],  i < k_h, k < run

    out, source : flat;  places, scales : entries first to stop are summed, in this order;  all integers uint64
    """
    for i in range(k_h):
        t, s = to + i * out_row, i * source_row
        m = first
        # Eight at a time: one load and one store of the sum for eight products. Here the time of backward goes.
        while m + uint64(8) <= stop:
            m0, m1, m2, m3 = m, m + uint64(1), m + uint64(2), m + uint64(3)
            m4, m5, m6, m7 = m + uint64(4), m + uint64(5), m + uint64(6), m + uint64(7)
            s0, s1, s2, s3 = places[m0] + s, places[m1] + s, places[m2] + s, places[m3] + s
            s4, s5, s6, s7 = places[m4] + s, places[m5] + s, places[m6] + s, places[m7] + s
            g0, g1, g2, g3 = scales[m0], scales[m1], scales[m2], scales[m3]
            g4, g5, g6, g7 = scales[m4], scales[m5], scales[m6], scales[m7]
            for k in range(run):
                out[t + k] += (
                    (g0 * source[s0 + k] + g1 * source[s1 + k] + g2 * source[s2 + k] + g3 * source[s3 + k])
                    + (g4 * source[s4 + k] + g5 * source[s5 + k] + g6 * source[s6 + k] + g7 * source[s7 + k])
                )  # fmt: skip
            m += uint64(8)
        while m + uint64(2) <= stop:
            m0, m1 = m, m + uint64(1)
            s0, s1, g0, g1 = places[m0] + s, places[m1] + s, scales[m0], scales[m1]
            for k in range(run):
                out[t + k] += g0 * source[s0 + k] + g1 * source[s1 + k]
            m += uint64(2)
        if m < stop:
            s0, g0 = places[m] + s, scales[m]
            for k in range(run):
                out[t + k] += g0 * source[s0 + k]


@_compiled
def _add_bias_gradient(dy: np.ndarray, argmax: np.ndarray, dbias: np.ndarray) -> None:
    """dbias[o] += sum over p of dy[p,o] where argmax[p,o] is not SHUT;  dy, argmax (P, O), dbias (O,)"""
    for p in range(uint64(len(dy))):
        for o in range(uint64(len(dbias))):
            dbias[o] += dy[p, o] if argmax[p, o] < SHUT else 0


@_compiled
def _add_weight_gradient(
    x: np.ndarray,
    dy: np.ndarray,
    argmax: np.ndarray,
    begins: np.ndarray,
    winners: np.ndarray,
    row: int,
    places: np.ndarray,
    scales: np.ndarray,
    places_a_slab: int,
    dweight: np.ndarray,
) -> None:
    """dweight[o,i,(j,c)] += sum over p of dy[p,o] * x[begins[p] + winners[argmax[p,o]] + i*row + (j,c)]

    x : flat, a block of padded images;  dy, argmax : (P, O), P pooled places;  begins : (P,) or longer
    places, scales : room for a list;  dweight : (O, k_h, k_w*C)
    """
    c_out, k_h, run = uint64(dweight.shape[0]), uint64(dweight.shape[1]), uint64(dweight.shape[2])
    flat = dweight.reshape(-1)
    for first in range(0, len(dy), places_a_slab):
        stop = min(first + places_a_slab, len(dy))
        for o in range(c_out):
            # Written always, kept only if there is a gradient: a branch would be guessed wrong every other time.
            n = uint64(0)
            for p in range(uint64(first), uint64(stop)):
                winner = argmax[p, o]
                places[n] = begins[p] + winners[winner]
                scales[n] = dy[p, o]
                n += uint64(winner < SHUT)
            _add_runs(flat, o * k_h * run, run, x, uint64(row), places, scales, uint64(0), n, k_h, run)


@_compiled
def _add_input_gradient(
    weight: np.ndarray,
    dy: np.ndarray,
    argmax: np.ndarray,
    begins: np.ndarray,
    winners: np.ndarray,
    row: int,
    places: np.ndarray,
    scales: np.ndarray,
    dx: np.ndarray,
) -> None:
    """dx[begins[p] + winners[argmax[p,o]] + i*row + (j,c)] += dy[p,o] * weight[o,i,(j,c)], for all p and o

    weight : (O, k_h, k_w*C), output channels outermost;  dx : flat, a block of padded images;  the rest as above
    """
    c_out, k_h, run = uint64(weight.shape[0]), uint64(weight.shape[1]), uint64(weight.shape[2])
    flat = weight.reshape(-1)
    for p in range(uint64(len(dy))):
        # The channels sorted by their winner, into lists of c_out entries each; five counters of 12 bits in one number.
        counts = uint64(0)
        for o in range(c_out):
            winner = uint64(argmax[p, o])
            n = winner * c_out + ((counts >> (winner * uint64(12))) & uint64(4095))
            places[n] = o * k_h * run
            scales[n] = dy[p, o]
            counts += uint64(1) << (winner * uint64(12))
        for winner in range(uint64(SHUT)):
            first = winner * c_out
            stop = first + ((counts >> (winner * uint64(12))) & uint64(4095))
            to = begins[p] + winners[winner]
            _add_runs(dx, to, uint64(row), flat, run, places, scales, first, stop, k_h, run)
