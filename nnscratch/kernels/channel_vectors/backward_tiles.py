"""Sums of runs of memory, each times a number: the work of backward.py for each gradient that exists.

A tile of sums is a few rows of vectors. It stays in registers while all the runs are added; a run
costs one multiply-add per vector, which also reads the vector. Where runs are short,
add_row_gradient takes vectors of output channels instead. The notation is that of vectors.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import product

from llvmlite import ir
from numba.core import cgutils

from nnscratch.kernels.channel_vectors.forward_tiles import CHANNEL_VECTORS
from nnscratch.kernels.pool_tiles import NO_WINNER, add_gradient
from nnscratch.kernels.values import Array, Index, Number, Value, Vector
from nnscratch.kernels.vectors import AVX512, writes_vectors
from nnscratch.kernels.writer import Vectors

# For each number of rows in a tile: the vectors per row, the most first. The tile must fit the
# registers. The larger it is, the fewer times all the runs are read: a 3x3 kernel of 16 channels is
# one tile of 3x3.
_VECTORS_PER_TILE = (
    {3: (9, 6, 4, 3, 2, 1), 2: (8, 4, 2, 1), 1: (8, 4, 2, 1)} if AVX512 else {3: (4, 2, 1), 2: (4, 2, 1), 1: (8, 1)}
)
# In add_row_gradient: rows of the kernel per tile, and numbers per row. Each number takes a sum per
# vector of channels; four gradients per vector need registers too.
_ROWS_PER_TILE, _NUMBERS_PER_TILE = ((3, 2, 1), (3, 1)) if AVX512 else ((1,), (3, 1))
# add_row_gradient_of_one_channel calls dy so many windows ahead into the cache: 100 images of kfkd
# net2's first convolution, two threads, 1.9 -> 0.8 ms. Their dy comes from memory.
_WINDOWS_AHEAD = 32
# In add_chosen_to_patches, by the side of the kernel: vectors of channels. A patch is 4x4 or 3x3
# pixels, and each of them takes a sum per vector.
PATCH_VECTORS = {3: 1, 2: 2 if AVX512 else 1}
RUNS_PER_MASK = 64  # the bits of a number that says which runs are added
PLACES_PER_RUN = 8  # that a run may begin at, a power of 2

# Writes the loop over the runs: for each, where it begins, and its factor.
_EachRun = Callable[[], AbstractContextManager[tuple[Array, Number]]]


@contextmanager
def _each_bit(v: Vectors, bits: Index) -> Iterator[Index]:
    """A loop over the bits that are 1: it yields the lowest one's place, and then clears it."""
    builder = v.builder
    left = cgutils.alloca_once_value(builder, bits.llvm)
    test, body, end = (builder.append_basic_block(f"bits.{name}") for name in ("test", "body", "end"))
    builder.branch(test)
    with builder.goto_block(test):
        builder.cbranch(builder.icmp_unsigned("!=", builder.load(left), bits.llvm.type(0)), body, end)
    builder.position_at_end(body)
    now = Value(builder, builder.load(left))
    yield Value(builder, builder.cttz(now.llvm, ir.IntType(1)(1)))
    builder.store((now & (now - 1)).llvm, left)
    builder.branch(test)
    builder.position_at_end(end)


def _add_runs(
    v: Vectors,
    target: Array,
    target_row: Index,
    source_row: Index,
    rows: Index,
    length: Index,
    rest: Vectors,
    each_run: _EachRun,
) -> None:
    """target[i*target_row + k] += sum over runs of factor * run[i*source_row + k]

    for i in 0..rows; k in 0..length
    rest : for the last length % lanes numbers of a row
    """

    def tile(v: Vectors, rows: int, vectors: int, i: Index, k: Index) -> None:
        def vectors_of(begin: Array, row_step: Index) -> list[Array]:
            lines = [begin + (i * row_step + k)]
            while len(lines) < rows:
                lines.append(lines[-1] + row_step)
            return [line + p * v.lanes for line in lines for p in range(vectors)]

        places = vectors_of(target, target_row)
        sums = v.sums([v.load(place) for place in places])
        with each_run() as (run, factor):
            scale = v.splat(factor)
            for total, place in zip(sums, vectors_of(run, source_row), strict=True):
                total.add_product(scale, v.load(place))
        for total, place in zip(sums, places, strict=True):
            v.store(total, place)

    def tiles_of_rows(n: int, i: Index) -> None:
        sizes = [vectors * v.lanes for vectors in _VECTORS_PER_TILE[n]]
        done = v.each_tile(sizes, length, lambda size, k: tile(v, n, size // v.lanes, i, k))
        with v.when(done < length):
            tile(rest, n, 1, i, done)

    v.each_tile(_VECTORS_PER_TILE, rows, tiles_of_rows)


@writes_vectors
def add_windows(
    v: Vectors, target: Array, to: Index, target_row: Index, source: Array, source_row: Index, places: Array,
    choices: Array, factors: Array, at: Index, step: Index, bits: Index, rows: Index, length: Index,
) -> None:  # fmt: skip
    """target[to + i*target_row + k] += sum over m of factors[at + m*step] * source[place of m + i*source_row + k]

    place of m = places[m * PLACES_PER_RUN + choices[at + m*step]], choices being bytes

    for those m whose bit in `bits` is 1; i in 0..rows; k in 0..length
    """
    rest = v.first(length % v.lanes)
    choices, factors = choices + at, factors + at

    @contextmanager
    def each_run() -> Iterator[tuple[Array, Number]]:
        with _each_bit(v, bits) as m:
            index = m * step
            choice = choices[index].to_index()
            yield source + places[m * PLACES_PER_RUN + choice], factors[index]

    _add_runs(v, target + to, target_row, source_row, rows, length, rest, each_run)


@writes_vectors
def runs_of_places(v: Vectors, like: Array, choices: Array, at: Index, bits: Array, to: Index) -> None:
    """Bit m of bits[to + place] says whether choices[at + m] == place, m in 0..RUNS_PER_MASK, place in 0..4

    like : only says which v this is, as every first argument does
    """
    many = v.of_bytes(RUNS_PER_MASK)
    chosen = many.load(choices + at)
    for place in range(4):
        bits[to + place] = chosen.equals(place).to_bits()


@writes_vectors
def add_chosen(
    v: Vectors, target: Array, to: Index, target_row: Index, source: Array, first: Index, source_row: Index,
    bits: Index, factors: Array, at: Index, rows: Index, length: Index,
) -> None:  # fmt: skip
    """target[to + i*target_row + k] += sum over m of factors[at + m] * source[((first + m)*rows + i)*source_row + k]

    for those m in 0..RUNS_PER_MASK whose bit in `bits` is 1; i in 0..rows; k in 0..length
    """
    rest = v.first(length % v.lanes)
    size = rows * source_row
    source, factors = source + first * size, factors + at

    @contextmanager
    def each_run() -> Iterator[tuple[Array, Number]]:
        with _each_bit(v, bits) as m:
            yield source + m * size, factors[m]

    _add_runs(v, target + to, target_row, source_row, rows, length, rest, each_run)


@writes_vectors
def add_chosen_to_patches(
    v: Vectors, target: Array, to: Index, row_step: Index, pixel_step: Index, source: Array, first: Index, bits: Array,
    bits_at: Index, factors: Array, at: Index, step: Index, windows: Index, channels: Index, side: int,
) -> None:  # fmt: skip
    """add_chosen for all four places of a row of windows, and a kernel of side*side pixels:

    target[to + (a + i)*row_step + (2*w + b + j)*pixel_step + c] += sum over m of
        factors[at + w*step + m] * source[((first + m)*side*side + side*i + j)*K + c]

    for w in 0..windows; those m in 0..RUNS_PER_MASK whose bit in bits[bits_at + 4*w + 2*a + b] is 1;
    a, b in 0..2; i, j in 0..side; c in 0..channels, at most K = PATCH_VECTORS[side]*lanes.
    The patch, (side + 1)**2 pixels that the four places reach, stays in registers; the next window
    finds the columns that it shares with this one there.
    """
    K, most = PATCH_VECTORS[side] * v.lanes, PATCH_VECTORS[side]
    target, factors, source, bits = target + to, factors + at, source + first * (K * side * side), bits + bits_at
    kernel, patch, shared = range(side), range(side + 1), side - 1  # columns with the next window

    def tile(v: Vectors, vectors: int, c: Index) -> None:
        lines = [target + (row_step * i + c) for i in patch]

        def vectors_of(column: int, w: Index) -> list[Array]:
            pixel = (w * 2 + column) * pixel_step
            return [line + pixel + q * v.lanes for line in lines for q in range(vectors)]

        sums = [v.sums(v.load(place) for place in vectors_of(j, v.index(0))) for j in range(shared)]
        sums += [v.sums([v.zero()] * len(sums[0])) for _ in range(2)]
        with v.loop(windows) as w:
            for j in (shared, shared + 1):
                for total, place in zip(sums[j], vectors_of(j, w), strict=True):
                    total.begin_again(v.load(place))
            numbers, chosen = factors + w * step, bits + w * 4
            for a, b in product(range(2), range(2)):
                with _each_bit(v, chosen[2 * a + b]) as m:
                    run, scale = source + (m * (K * side * side) + c), v.splat(numbers[m])
                    for i, j, q in product(kernel, kernel, range(vectors)):
                        weights = v.load(run + ((side * i + j) * K + q * v.lanes))
                        sums[b + j][(a + i) * vectors + q].add_product(scale, weights)
            for j in range(2):
                for total, place in zip(sums[j], vectors_of(j, w), strict=True):
                    v.store(total, place)
            for j in range(shared):
                for total, right in zip(sums[j], sums[j + 2], strict=True):
                    total.begin_again(right.value)
        for j in range(shared):
            for total, place in zip(sums[j], vectors_of(j, windows), strict=True):
                v.store(total, place)

    v.each_tile_of_vectors(range(most, 0, -1), channels, tile)


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
            pairs = [v.load_pair(lines[i], lines[i + 1], 4) for i in range(3)]
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
            for place, (part, _), value in zip(tap, parts, tap_sums, strict=True):
                part.store(value, place)

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
