"""Sums of runs of memory, each times a number: the work of backward.py for each gradient that exists.

A tile of sums is a few rows of vectors. It stays in registers while all the runs are added; a run
costs one multiply-add per vector, which also reads the vector. Where runs are short,
channel_tiles.py takes vectors of output channels instead. The notation is that of vectors.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import product

from llvmlite import ir
from numba.core import cgutils

from nnscratch.kernels.values import Array, Index, Number, Value
from nnscratch.kernels.vectors import AVX512, writes_vectors
from nnscratch.kernels.writer import Vectors

# For each number of rows in a tile: the vectors per row, the most first. The tile must fit the
# registers. The larger it is, the fewer times all the runs are read: a 3x3 kernel of 16 channels is
# one tile of 3x3.
_VECTORS_PER_TILE = (
    {3: (9, 6, 4, 3, 2, 1), 2: (8, 4, 2, 1), 1: (8, 4, 2, 1)} if AVX512 else {3: (4, 2, 1), 2: (4, 2, 1), 1: (8, 1)}
)
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
