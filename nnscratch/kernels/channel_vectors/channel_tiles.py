"""Weights' gradients in vectors of output channels: the work of backward.py where runs of x are short.

A tile of sums is a few numbers of the kernel, each for one or two vectors of output channels. It
stays in registers for a row of windows. The notation is that of vectors.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product

from nnscratch.kernels.channel_vectors.forward_tiles import CHANNEL_VECTORS
from nnscratch.kernels.pool_tiles import NO_WINNER, add_gradient
from nnscratch.kernels.values import Array, Index, Vector
from nnscratch.kernels.vectors import AVX512, writes_vectors
from nnscratch.kernels.writer import Vectors

# In add_row_gradient: rows of the kernel per tile, and numbers per row. Each number takes a sum per
# vector of channels; four gradients per vector need registers too.
_ROWS_PER_TILE, _NUMBERS_PER_TILE = ((3, 2, 1), (3, 1)) if AVX512 else ((1,), (3, 1))
# add_row_gradient_of_one_channel calls dy so many windows ahead into the cache: 100 images of kfkd
# net2's first convolution, two threads, 1.9 -> 0.8 ms. Their dy comes from memory.
_WINDOWS_AHEAD = 32


@writes_vectors
def add_row_gradient(
    v: Vectors, x: Array, x_at: Index, row_step: Index, pixel_step: Index, dy: Array, argmax: Array, at: Index,
    channels: Index, vectors: Index, windows: Index, k_h: Index, run: Index, total: Array, total_at: Index,
    count: Index,
) -> None:  # fmt: skip
    """total[total_at + (i*run + r)*channels + o] += sum over w of
        dy[at + w*channels + o] * x[x_at + (2*w + b)*pixel_step + (a + i)*row_step + r]

    for w in 0..windows; i in 0..k_h; r in 0..run; o in 0..vectors*lanes, `vectors` being 1 or 2, and
    the last one ending after `count` numbers
    (a,b) : the place that won, argmax[at + w*channels + o] = 2*a + b; no term if it is NO_WINNER
    The three places that lost are multiplied too, by zero.
    """
    x, total, dy, argmax = x + x_at, total + total_at, dy + at, argmax + at
    next_row, next_pixel, window_step = v.opaque(row_step), v.opaque(pixel_step), pixel_step * 2

    def gradients_of_four(part: Vectors, index: Index) -> list[Vector]:
        """Those of a window's four places: dy for the one that won, 0 for the others."""
        gradient, winner = part.load(dy + index), part.load(argmax + index)
        won = [winner.equals(place) for place in range(4)]
        return [v.choose(here, gradient, 0) for here in won]

    def tile(last: Vectors, vectors: int, rows: int, numbers: int, i: Index, r: Index) -> None:
        taps = {(k, n): total + ((i + k) * run + (r + n)) * channels for k, n in product(range(rows), range(numbers))}
        parts = [(v if q < vectors - 1 else last, q * v.lanes) for q in range(vectors)]
        sums = {kn: v.sums([part.load(tap + k) for part, k in parts]) for kn, tap in taps.items()}
        corner = x + (i * row_step + r)
        with v.loop(windows) as w:
            index = w * channels
            gradients = [gradients_of_four(part, index + k) for part, k in parts]
            lines = [corner + w * window_step]
            for _ in range(rows):
                lines.append(lines[-1] + next_row)
            for line, b, n in product(range(rows + 1), range(2), range(numbers)):
                number = v.splat((lines[line] + (next_pixel if b else 0))[n])
                # The line is row k of the window below place (a,b).
                for a, k in ((0, line), (1, line - 1)):
                    if 0 <= k < rows:
                        for q in range(vectors):
                            sums[k, n][q].add_product(number, gradients[q][2 * a + b])
        for kn, tap in taps.items():
            for (part, k), value in zip(parts, sums[kn], strict=True):
                part.store(value, tap + k)

    def tiles_of_rows(last: Vectors, vectors: int, rows: int, i: Index) -> None:
        v.each_tile(_NUMBERS_PER_TILE, run, lambda numbers, r: tile(last, vectors, rows, numbers, i, r))

    def tiles(last: Vectors, vectors: int) -> None:
        v.each_tile(_ROWS_PER_TILE, k_h, partial(tiles_of_rows, last, vectors))

    _for_so_many_vectors(v, vectors, count, tiles)


@writes_vectors
def add_row_gradient_of_one_channel(
    v: Vectors, x: Array, x_at: Index, row_step: Index, dy: Array, argmax: Array, at: Index, channels: Index,
    vectors: Index, windows: Index, total: Array, total_at: Index, count: Index,
) -> None:  # fmt: skip
    """add_row_gradient for a 3x3 kernel and one input channel, of float32 with AVX-512.

    A kernel's line reaches two lines of x, four numbers in each, from the places of a window. A lane
    looks up the number that belongs to its winner there: so no place that lost is multiplied.
    """
    x, total, dy, argmax = x + x_at, total + total_at, dy + at, argmax + at

    def row(last: Vectors, vectors: int) -> None:
        parts = [(v if q < vectors - 1 else last, q * v.lanes) for q in range(vectors)]
        taps = [[total + channels * tap + k for _, k in parts] for tap in range(9)]
        sums = [v.sums([part.load(place) for place, (part, _) in zip(tap, parts, strict=True)]) for tap in taps]
        with v.loop(windows) as w:
            corner, index = x + w * 2, w * channels
            lines = [corner + row_step * i for i in range(4)]
            pairs = [v.load_pair(lines[i], lines[i + 1]) for i in range(3)]
            for q, (part, k) in enumerate(parts):
                v.prefetch(dy + (index + k + channels * _WINDOWS_AHEAD))
                if q == 0:
                    v.prefetch(argmax + (index + channels * (2 * _WINDOWS_AHEAD)))
                winner = part.load(argmax + (index + k))
                gradient = v.choose(winner < NO_WINNER, part.load(dy + (index + k)), 0)
                place = v.widen(winner)
                begin = place + place // 2 % 2 * 2  # 0, 1, 4 or 5: the winner's place in the first pair
                for i, j in product(range(3), range(3)):
                    sums[3 * i + j][q].add_product(v.look_up(pairs[i], begin + j), gradient)
        for tap, tap_sums in zip(taps, sums, strict=True):
            for target, (part, _), value in zip(tap, parts, tap_sums, strict=True):
                part.store(value, target)

    if AVX512 and v.lanes == 16:  # otherwise nobody calls it: choice.weight_gradient_looks_up
        _for_so_many_vectors(v, vectors, count, row)


def _for_so_many_vectors(v: Vectors, vectors: Index, count: Index, write: Callable[[Vectors, int], None]) -> None:
    """write(last, n) for n = vectors, from 1 to CHANNEL_VECTORS, the last of which has `count` numbers."""
    for n in range(1, CHANNEL_VECTORS + 1):
        with v.when(vectors.equals(n)):
            if not AVX512:  # AVX2 has no masks for bytes: only channels that fill vectors come here
                write(v, n)
                continue
            # A masked load, even of a whole vector, is waited for: from memory, a third of the pace.
            with v.either(count.equals(v.lanes)) as (whole, part):
                with whole:
                    write(v, n)
                with part:
                    write(v.first(count), n)


@writes_vectors
def add_winners_of_channels(
    v: Vectors, dy: Array, argmax: Array, at: Index, channels: Index, places: Index, total: Array, total_at: Index,
    count: Index,
) -> None:  # fmt: skip
    """total[total_at + o] += sum over p of dy[at + p*channels + o] where argmax there is a place (0..3)

    for p in 0..places; o in 0..count, at most lanes
    """
    part = v.first(count)
    total = total + total_at
    (totals,) = v.sums([part.load(total)])
    with v.loop(places) as p:
        add_gradient(part, dy, argmax, at + p * channels, totals)
    part.store(totals, total)
