"""Convolution, ReLU and 2x2 max pooling of a row of windows, in sums that stay in registers.

A tile of sums is a few pooled windows, four places each, times vectors of output channels. Each
number of the kernel adds a term to all of them: a vector of weights times the number of x at each
place, which is broadcast. When the sums are done, the four places of a window are four registers:
only their maximum is written. The notation is that of vectors.py.

Source: Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), for the
tile of sums.
"""

from __future__ import annotations

from functools import partial
from itertools import product

from nnscratch.kernels.pool_tiles import store_largest
from nnscratch.kernels.values import Array, Index
from nnscratch.kernels.vectors import AVX512, writes_vectors
from nnscratch.kernels.writer import Vectors

CHANNEL_VECTORS = 2  # of output channels in a tile
# Windows in a tile, for 1 and for 2 vectors: the most first, then for the rest of a row. Four sums
# per window and vector, and what they multiply, must fit the registers: 24 sums of the 32 registers
# of AVX-512, 12 of 16.
_WINDOWS_PER_TILE = {1: (3, 2, 1), 2: (3, 2, 1)} if AVX512 else {1: (3, 1), 2: (1,)}


@writes_vectors
def conv_pool_row(
    v: Vectors, x: Array, x_at: Index, row_step: Index, pixel_step: Index, k_h: Index, run: Index, weight: Array,
    w_at: Index, w_step: Index, b_at: Index, vectors: Index, windows: Index, y: Array, argmax: Array | None, to: Index,
    channels: Index, count: Index,
) -> None:  # fmt: skip
    """y[to + w*channels + o] = max(0, the four sums of window w)
    argmax[to + w*channels + o] = which of them, the first on a tie; NO_WINNER if none is above 0.
    With argmax = None nobody asks.

    sum of place (a,b) = weight[b_at + o] + sum over i, r of
        x[x_at + (2*w + b)*pixel_step + (a + i)*row_step + r]
        * weight[w_at + (i*run + r)*w_step + o]

    for w in 0..windows; i in 0..k_h; r in 0..run; o in 0..vectors*lanes, `vectors` being 1 or 2
    Only the first `count` numbers of the last vector are written; weight has all of it.
    """
    last = v.first(count)
    last.tests_masks = True  # a store with a mask, even of a whole vector, takes longer to reach memory
    x, weight, bias, y, argmax = x + x_at, weight + w_at, weight + b_at, y + to, None if argmax is None else argmax + to
    # Opaque, or LLVM would make each address from the one before: an addition per place, which
    # takes the time of a multiply-add.
    columns = [v.index(0), *(v.opaque(pixel_step * c) for c in range(1, 2 * _WINDOWS_PER_TILE[1][0]))]
    next_row = v.opaque(row_step)

    def tile(vectors: int, windows: int, w: Index) -> None:
        places = list(product(range(2), range(2 * windows)))  # row, column
        begin = [v.load(bias + q * v.lanes) for q in range(vectors)]
        sums = {place: v.sums(begin) for place in places}
        corner = x + w * (pixel_step * 2)
        with v.loop(k_h) as i:
            upper = corner + i * row_step
            rows, taps = [upper, upper + next_row], weight + i * run * w_step

            def add_tap(r: Index | int, rows: list[Array] = rows, taps: Array = taps) -> None:
                tap = taps + r * w_step
                weights = [v.load(tap + q * v.lanes) for q in range(vectors)]
                for a, c in places:
                    number = v.splat((rows[a] + r)[columns[c]])
                    for q in range(vectors):
                        sums[a, c][q].add_product(number, weights[q])

            # A first layer often has runs of three, for which a loop takes a sixth longer.
            with v.either(run.equals(3)) as (three, other):
                with three:
                    for k in range(3):
                        add_tap(k)
                with other, v.loop(run) as r:
                    add_tap(r)
        for k in range(windows):
            at = (w + k) * channels
            for q in range(vectors):
                four = [sums[a, 2 * k + b][q].value for a in range(2) for b in range(2)]
                result, index = last if q == vectors - 1 else v, at + q * v.lanes
                store_largest(v, result, four, y + index, None if argmax is None else argmax + index)

    for n in range(1, CHANNEL_VECTORS + 1):
        with v.when(vectors.equals(n)):
            v.each_tile(_WINDOWS_PER_TILE[n], windows, partial(tile, n))
