"""Pooled rows by the sums as they stand: a tile of windows x output channels in registers.

Fastest where neither image vectors nor winograd.py apply: 10.8 times as fast as im2col at 96x96, 1
to 16, 3x3 with padding, 7.8 times at 96x96, 1 to 32, 3x3.
Measured by `python benchmarks/kernels.py --ladder`, AVX-512. Runs of three numbers are written out:
an image of 96x96, 3x3, 1 to 32 takes 29 us instead of 36; with AVX2 74 instead of 88.

    z[n,h,w,o] = bias[o] + sum over i,j,c of x[n, h+i, w+j, c] * weight[i,j,c,o]    x with padding

Under each place, one row of the kernel covers a run of k_w*C numbers of x, which are adjacent in
memory. So no columns are made (see layerwise/im2col.py): the kernel reads x where it is, sums a few
windows in registers, four places each, and pools them there. A last odd row or column of z has no
pooling window and is not computed.

Source: Georganas et al., "Anatomy of High-Performance Deep Learning Convolutions on SIMD
Architectures" (2018).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnscratch.kernels.channel_vectors.forward_tiles import CHANNEL_VECTORS, conv_pool_row
from nnscratch.kernels.compiled import njit
from nnscratch.kernels.layerwise.im2col import Pair
from nnscratch.kernels.memory import Scratch
from nnscratch.kernels.vectors import VECTOR_BYTES, lanes

# Computes pooled rows: (x with its padding, first row, last row + 1, y, argmax). Rows are counted
# over all images: row r is row r % H_p of image r // H_p.
PooledRows = Callable[[np.ndarray, int, int, np.ndarray, np.ndarray | None], None]


def direct_rows(weight: np.ndarray, bias: np.ndarray, scratch: Scratch) -> PooledRows:
    """The function that computes pooled rows this way.

    weight : (k_h, k_w, C, O);  bias : (O,)
    """
    c_out, dtype = weight.shape[3], weight.dtype
    group = CHANNEL_VECTORS * VECTOR_BYTES // dtype.itemsize
    packed = scratch.get("packed weight", (-(-c_out // group), weight.size // c_out + 1, group), dtype)
    pack_weight(weight, bias, packed)
    return lambda x, first, stop, y, argmax: pooled_rows(x, weight.shape[:2], packed, first, stop, y, argmax)


@njit(nogil=True, cache=True)
def pack_weight(weight: np.ndarray, bias: np.ndarray, packed: np.ndarray) -> None:
    """packed[g, t, k] = weight[t, g*K + k],  packed[g, T, k] = bias[g*K + k]

    0 beyond the last channel

    weight : (k_h, k_w, C, O), T taps (i,j,c);  bias : (O,)
    packed : (groups, T + 1, K), overwritten: groups of K output channels
    """
    groups, taps, size = packed.shape[0], packed.shape[1] - 1, packed.shape[2]
    numbers = weight.reshape(-1, len(bias))
    for g in range(groups):
        channels = min(size, len(bias) - g * size)
        for t in range(taps + 1):
            row = numbers[t, g * size :] if t < taps else bias[g * size :]
            for k in range(size):
                packed[g, t, k] = row[k] if k < channels else 0


@njit(nogil=True, cache=True)
def pooled_rows(
    x: np.ndarray, kernel_size: Pair, packed: np.ndarray, first: int, stop: int, y: np.ndarray,
    argmax: np.ndarray | None,
) -> None:  # fmt: skip
    """Rows `first` to `stop` of y, and of argmax unless that is None.

    x : (N, H, W, C), with its padding;  packed : as pack_weight made it;  y, argmax : (N, H_p, W_p, O)
    """
    height, row_step, pixel_step = x.shape[1], x.shape[2] * x.shape[3], x.shape[3]
    h_pooled, w_pooled, c_out = y.shape[1:]
    (k_h, k_w), (groups, taps, size) = kernel_size, packed.shape
    n = lanes(x)
    # One group of output channels after the other: its weights stay in the first- or second-level
    # cache for all rows.
    for g in range(groups):
        channels = min(size, c_out - g * size)
        vectors = (channels + n - 1) // n
        for r in range(first, stop):
            image, h = r // h_pooled, r % h_pooled
            conv_pool_row(
                x, (image * height + 2 * h) * row_step, row_step, pixel_step, k_h, k_w * pixel_step,
                packed, g * taps * size, size, (g * taps + taps - 1) * size, vectors, w_pooled,
                y, argmax, r * w_pooled * c_out + g * size, c_out, channels - (vectors - 1) * n,
            )  # fmt: skip
