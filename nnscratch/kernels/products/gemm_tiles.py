"""The innermost loop of a matrix product, and how its factors are laid out for it.

The notation is that of vectors.py. A tile of the result stays in registers over all terms of its
sums. Each term reads a column of a and a row of b:

    c[r, l] += a[r, k] * b[k, l]        r in 0..8 rows, l in 0..3 vectors: 24 multiply-adds for 11 loads

For this both are laid out in the order in which they are read ("packed"). Then no row of b lies a
power of two behind the last one, where few lines of the cache are free for it; and none has to be
masked, which would need a register of the 16 of AVX. (100 x 9216 x 256, one thread of an AMD
EPYC with AVX2: 24 -> 40 billion multiply-adds per second.)

    a : strips of STRIP rows,     (strip, k, row)       a tile is up to two strips
    b : panels of PANEL vectors,  (panel, k, column)

Source: Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008).
"""

from __future__ import annotations

from nnscratch.kernels.values import Array, Condition, Index
from nnscratch.kernels.vectors import AVX512, writes_vectors
from nnscratch.kernels.writer import Vectors

# The sums of a tile, a row of b and a number of a must fit the registers: 32 of AVX-512, 16 of AVX.
STRIP = 4  # rows
STRIPS_PER_TILE = 2 if AVX512 else 1
PANEL = 3  # vectors
TERMS_PER_LINE = 4  # per line of memory that is called into the cache


@writes_vectors
def multiply_tile(
    v: Vectors, packed: Array, a_at: Index, a_step: Index, b_at: Index, terms: Index, c: Array, c_at: Index,
    c_row: Index, rows: Index, columns: Index, add: Condition, ahead: Array, ahead_at: Index, ahead_step: Index,
) -> None:  # fmt: skip
    """c[c_at + r*c_row + l] = sum over k in 0..terms of a[r, k] * b[k, l]; added to what is there if `add`

    r in 0..rows, l in 0..columns, but at most a tile: STRIPS_PER_TILE*STRIP rows, PANEL vectors
    packed : strip s of a begins at a_at + s*a_step, row k of b at b_at + k*PANEL*lanes; rows and
        columns that do not exist are read, but not used
    Meanwhile the lines at ahead[ahead_at + g*ahead_step] are called into the second-level cache,
    one per group g of TERMS_PER_LINE terms.
    """
    a, b, c, ahead = packed + a_at, packed + b_at, c + c_at, ahead + ahead_at

    def tile(strips: int, vectors: int) -> None:
        sums = [v.sums([v.zero()] * vectors) for _ in range(strips * STRIP)]
        # Only the last vector may have columns that do not exist, only the last strip such rows.
        exist = v.mask_of_first(columns - (vectors - 1) * v.lanes)
        new = [v] * (vectors - 1) + [v.masked(exist)]
        # What is in c is read if it counts; otherwise the mask is empty, and a vector of zeros is
        # added.
        count = v.mask_of_first(v.choose(add, v.lanes, 0))
        old = [v.masked(count)] * (vectors - 1) + [v.masked(exist & count)]
        starts = [a + s * a_step for s in range(strips)]

        def add_term(k: Index) -> None:
            row = b + k * (PANEL * v.lanes)
            b_now = [v.load(row + p * v.lanes) for p in range(vectors)]
            for r in range(strips * STRIP):
                number = v.splat(starts[r // STRIP][k * STRIP + r % STRIP])
                for p in range(vectors):
                    sums[r][p].add_product(number, b_now[p])

        def write_row(r: int) -> None:
            row = c + r * c_row
            for p in range(vectors):
                place = row + p * v.lanes
                new[p].store(old[p].load(place) + sums[r][p].value, place)

        with v.steps(0, terms, TERMS_PER_LINE) as (begin, group):
            v.prefetch(ahead + group * ahead_step)
            with v.loop(begin, v.smaller(begin + TERMS_PER_LINE, terms)) as k:
                add_term(k)
        for r in range(strips * STRIP):
            if r <= (strips - 1) * STRIP:
                write_row(r)
            else:
                with v.when(v.index(r) < rows):
                    write_row(r)

    for strips in range(1, STRIPS_PER_TILE + 1):
        with v.when(_ends_in_part(rows, strips, STRIP, STRIPS_PER_TILE)):
            for vectors in range(1, PANEL + 1):
                with v.when(_ends_in_part(columns, vectors, v.lanes, PANEL)):
                    tile(strips, vectors)


def _ends_in_part(length: Index, part: int, size: int, parts: int) -> Condition:
    """Whether `length` ends in this part of that size, from 1 on; the last one has no end."""
    begun = length > (part - 1) * size
    return begun & (length <= part * size) if part < parts else begun


@writes_vectors
def copy_panel(
    v: Vectors, b: Array, at: Index, row: Index, terms: Index, columns: Index, packed: Array, to: Index
) -> None:
    """packed[to + k*PANEL*lanes + l] = b[at + k*row + l]    for k in 0..terms, l in 0..columns, at most a panel

    Zeros follow up to the next whole vector.
    """
    b, packed = b + at, packed + to
    for vectors in range(1, PANEL + 1):
        with v.when(_ends_in_part(columns, vectors, v.lanes, PANEL)):
            last = v.first(columns - (vectors - 1) * v.lanes)
            with v.loop(terms) as k:
                source, target = b + k * row, packed + k * (PANEL * v.lanes)
                for p in range(vectors):
                    part = last if p == vectors - 1 else v
                    v.store(part.load(source + p * v.lanes), target + p * v.lanes)


@writes_vectors
def interleave_rows(
    v: Vectors, source: Array, at: Index, row: Index, rows: Index, count: Index, target: Array, to: Index, step: Index,
    size: int, unit: int,
) -> None:  # fmt: skip
    """Writes source[at + r*row + u*unit + i], which lie in the order (r, u, i), in the order (u, r, i).

    r in 0..size, i in 0..unit, both literals; size 0 means `lanes`. u as far as a vector goes; with
    unit 1 it is a transpose. The result goes in pieces of size*unit numbers, or of a vector if that
    is more, to target[to + piece*step]. Only `rows` rows and `count` columns exist: the last row
    stands in for other rows, and zeros for other columns.

    A round interleaves the first half of the rows with the second. In the bits of a number's place,
    the first bit of the row moves behind those of the unit; after log2(size) rounds the whole row
    is there.
    """
    source, target = source + at, target + to
    n, last = size or v.lanes, rows - 1
    piece = max(v.lanes, n * unit)

    def write(part: Vectors) -> None:
        starts = [v.smaller(v.index(r), last) for r in range(n)]
        block = [part.load(source + start * row) for start in starts]
        for _ in range(n.bit_length() - 1):
            block = [v.interleave(block[r // 2], block[r // 2 + n // 2], r % 2, unit) for r in range(n)]
        for r in range(n):
            number = r * v.lanes
            v.store(block[r], target + (number // piece * step + number % piece))

    with v.either(count >= v.lanes) as (whole, part):
        with whole:
            write(v)
        with part:
            write(v.first(count))
