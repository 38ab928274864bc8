"""The innermost loop of a matrix product, and how its factors are laid out for it.

The notation is that of vectors.py. A tile of the result stays in registers over all terms of its
sums. Each term reads a column of a and a row of b:

    c[r, l] += a[r, k] * b[k, l]        r in 0..8 rows, l in 0..3 vectors: 24 multiply-adds for 11 loads

For this a and b are laid out in the order in which they are read ("packed"), or, with AVX-512 where
neither is transposed, read where they lie:

    a : strips of STRIP rows,     (strip, k, row)       a tile is up to two strips
    b : panels of PANEL vectors,  (panel, k, column)

Source: Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008).
"""

from __future__ import annotations

from collections.abc import Callable

from nnscratch.kernels.values import Array, Condition, Index, Number
from nnscratch.kernels.vectors import AVX512, VECTOR_BYTES, writes_vectors
from nnscratch.kernels.writer import Sum, Vectors

# The sums of a tile, a row of b and a number of a must fit the registers: 32 of AVX-512, 16 of AVX.
STRIP = 4  # rows
STRIPS_PER_TILE = 2 if AVX512 else 1
TILE = STRIP * STRIPS_PER_TILE  # rows
PANEL = 3  # vectors
# For many rows that are not packed: 20 multiply-adds need only two vectors of b, which come from the
# second-level cache, and 100 rows, or half of them, end with a tile.
TALL_STRIP, TALL_TILE, TALL_PANEL = 5, 10, 2
NARROW_TILE, NARROW_PANEL = 6, 2  # likewise with AVX2: 12 multiply-adds, 256 columns are whole panels
_VECTORS_PER_LINE = 64 // VECTOR_BYTES
LINES_AT_ONCE, TALL_LINES_AT_ONCE = 6, 2  # adjacent ones
TERMS_PER_LINE = 4  # per line of memory that is called into the cache


@writes_vectors
def multiply_tile(
    v: Vectors, packed: Array, a_at: Index, a_step: Index, b_at: Index, terms: Index, c: Array, c_at: Index,
    c_row: Index, rows: Index, columns: Index, add: Condition, ahead: Array, ahead_at: Index, ahead_step: Index,
) -> None:  # fmt: skip
    """c[c_at + r*c_row + l] = sum over k in 0..terms of a[r, k] * b[k, l]; added to what is there if `add`

    r in 0..rows, l in 0..columns, but at most a tile: STRIPS_PER_TILE*STRIP rows, PANEL vectors
    a : packed, strip s begins at a_at + s*a_step; rows that do not exist are read, but not used
    b : packed, the panel begins at b_at; likewise columns
    Meanwhile the lines at ahead[ahead_at + g*ahead_step] are called into the second-level cache,
    one per group g of TERMS_PER_LINE terms.
    """
    ahead = ahead + ahead_at
    multiply_terms(
        v, strips_of(packed + a_at, a_step), packed + b_at, PANEL * v.lanes, terms, c + c_at, c_row, rows, columns, add,
        lambda group: v.prefetch(ahead + group * ahead_step), None,
    )  # fmt: skip


@writes_vectors
def multiply_tile_of_rows(
    v: Vectors, a: Array, a_at: Index, a_row: Index, b: Array, b_at: Index, b_row: Index, terms: Index, c: Array,
    c_at: Index, c_row: Index, rows: Index, columns: Index, add: Condition, ahead_at: Index, ahead_step: Index,
) -> None:  # fmt: skip
    """`multiply_tile` with factors that are not packed; lines of b are called into the cache.

    For group g of TERMS_PER_LINE terms these are LINES_AT_ONCE lines from b[ahead_at + g*ahead_step] on.
    A loop or a branch for as many as are needed would make the tile 1.6 times as slow.

    a : row r begins at a_at + r*a_row; the last one stands in for rows that do not exist
    b : row k begins at b_at + k*b_row; with AVX2, PANEL vectors of each must be there to be read
    """
    _multiply_rows(
        v, a + a_at, a_row, b + b_at, b_row, terms, c + c_at, c_row, rows, columns, add, b + ahead_at, ahead_step,
        LINES_AT_ONCE, (STRIP, STRIPS_PER_TILE, PANEL), None,
    )  # fmt: skip


@writes_vectors
def multiply_tall_tile(
    v: Vectors, a: Array, a_at: Index, a_row: Index, b: Array, b_at: Index, b_row: Index, terms: Index, c: Array,
    c_at: Index, c_row: Index, rows: Index, columns: Index, add: Condition, ahead_at: Index, ahead_step: Index,
) -> None:  # fmt: skip
    """`multiply_tile_of_rows` with TALL_TILE rows, TALL_PANEL vectors and TALL_LINES_AT_ONCE lines."""
    _multiply_rows(
        v, a + a_at, a_row, b + b_at, b_row, terms, c + c_at, c_row, rows, columns, add, b + ahead_at, ahead_step,
        TALL_LINES_AT_ONCE, (TALL_STRIP, TALL_TILE // TALL_STRIP, TALL_PANEL), None,
    )  # fmt: skip


@writes_vectors
def multiply_narrow_tile(
    v: Vectors, a: Array, a_at: Index, a_row: Index, packed: Array, b_at: Index, terms: Index, c: Array, c_at: Index,
    c_row: Index, rows: Index, columns: Index, add: Condition, ahead: Array, ahead_at: Index, ahead_step: Index,
    next_row: Index,
) -> None:  # fmt: skip
    """`multiply_tile_of_rows` with NARROW_TILE rows and a packed panel of b, of NARROW_PANEL vectors.

    Called are a line from ahead[ahead_at + g*ahead_step] on, and the terms from a[next_row] on.
    """
    _multiply_rows(
        v, a + a_at, a_row, packed + b_at, NARROW_PANEL * v.lanes, terms, c + c_at, c_row, rows, columns, add,
        ahead + ahead_at, ahead_step, 1, (NARROW_TILE, 1, NARROW_PANEL), a + next_row,
    )  # fmt: skip


@writes_vectors
def multiply_tile_and_copy(
    v: Vectors, packed: Array, a_at: Index, a_step: Index, b_at: Index, terms: Index, c: Array, c_at: Index,
    c_row: Index, rows: Index, columns: Index, add: Condition, to: Index, source: Array, at: Index, after: Index,
    row: Index, copies: Index,
) -> None:  # fmt: skip
    """`multiply_tile` with a and a panel of b from `packed`, which meanwhile packs rows of another panel.

    packed[to + (r,p,l)] = source[at + r*row + p*lanes + l]  for r in 0..copies, p in 0..PANEL vectors;
    and as many numbers at source[after + r*row] are called into the second-level cache. The
    multiply-adds leave time for both: one r per group of TERMS_PER_LINE terms.
    """
    target, after_source, source = packed + to, source + after, source + at

    def copy_row(r: Index) -> None:
        for p in range(PANEL):
            v.store(v.load(source + (r * row + p * v.lanes)), target + (r * PANEL + p) * v.lanes)
        for place in (*range(0, PANEL * v.lanes, v.lanes * _VECTORS_PER_LINE), PANEL * v.lanes - 1):
            v.prefetch(after_source + (r * row + place))

    multiply_terms(
        v, strips_of(packed + a_at, a_step), packed + b_at, PANEL * v.lanes, terms, c + c_at, c_row, rows, columns, add,
        copy_row, copies,
    )  # fmt: skip


def _multiply_rows(
    v: Vectors, a: Array, a_row: Index, b: Array, b_row: Index | int, terms: Index, c: Array, c_row: Index, rows: Index,
    columns: Index, add: Condition, ahead: Array, ahead_step: Index, lines: int, tile: tuple[int, int, int],
    next_row: Array | None,
) -> None:  # fmt: skip
    """What all kinds of tiles write whose a is not packed.  tile : as `multiply_terms` takes it"""
    strip, strips, _ = tile
    last, numbers = rows - 1, _VECTORS_PER_LINE * v.lanes
    starts = [a + v.smaller(v.index(r), last) * a_row for r in range(strip * strips)]

    def call_lines(group: Index) -> None:
        place = ahead + group * ahead_step
        for line in range(lines):
            v.prefetch(place + line * numbers)
        if next_row is not None:
            v.prefetch(next_row + group * TERMS_PER_LINE)

    multiply_terms(
        v, lambda r, k: starts[r][k], b, b_row, terms, c, c_row, rows, columns, add, call_lines, None, tile
    )  # fmt: skip


def strips_of(a: Array, a_step: Index) -> Callable[[int, Index], Number]:
    """What reads a[r, k] of a packed a."""
    starts = [a + s * a_step for s in range(STRIPS_PER_TILE)]
    return lambda r, k: starts[r // STRIP][k * STRIP + r % STRIP]


def multiply_terms(
    v: Vectors, number_of_a: Callable[[int, Index], Number], b: Array, b_row: Index | int, terms: Index, c: Array,
    c_row: Index, rows: Index, columns: Index, add: Condition, meanwhile: Callable[[Index], None], times: Index | None,
    size: tuple[int, int, int] = (STRIP, STRIPS_PER_TILE, PANEL),
) -> None:  # fmt: skip
    """What all kinds of tiles write.

    number_of_a : what reads a[r, k]
    b_row       : a constant if b is packed
    meanwhile : written into the groups of terms, with the group's number: for all groups, or
        for 0..times, of which those that are more than the groups come at the end
    size : rows of a strip, strips of a tile, vectors of a panel
    """
    strip, most_strips, panel = size

    def tile(strips: int, vectors: int) -> None:
        sums = [v.sums([v.zero()] * vectors) for _ in range(strips * strip)]
        # Only the last vector may have columns that do not exist, only the last strip such rows.
        exist = v.masked(v.mask_of_first(columns - (vectors - 1) * v.lanes))

        def add_term(row: Array, k: Index, last: Vectors) -> None:
            b_now = [part.load(row + p * v.lanes) for p, part in enumerate([v] * (vectors - 1) + [last])]
            for r in range(strips * strip):
                number = v.splat(number_of_a(r, k))
                for p in range(vectors):
                    sums[r][p].add_product(number, b_now[p])

        def each_vector_of_c(do: Callable[[Vectors, Sum, Array], None]) -> None:
            for r in range(strips * strip):
                with v.when(v.index(r) < rows):
                    for p, part in enumerate([v] * (vectors - 1) + [exist]):
                        do(part, sums[r][p], c + (r * c_row + p * v.lanes))

        def write() -> None:
            with v.when(add):
                each_vector_of_c(lambda part, total, place: total.add(part.load(place)))
            each_vector_of_c(lambda part, total, place: part.store(total, place))

        def add_groups(first: Index, end: Index, last: Vectors, does_more: bool) -> None:
            with v.loop(first, end) as group:
                if does_more:
                    meanwhile(group)
                k = group * TERMS_PER_LINE
                row = b + k * b_row
                for _ in range(TERMS_PER_LINE):
                    add_term(row, k, last)
                    row, k = row + b_row, k + 1

        def add_terms(last: Vectors) -> None:
            groups = terms // TERMS_PER_LINE
            if times is None:
                add_groups(v.index(0), groups, last, True)
            else:
                # Narrower tiles are few, and would take long to compile: all is done at their end.
                done = v.smaller(groups, times) if vectors == panel else v.index(0)
                if vectors == panel:
                    add_groups(v.index(0), done, last, True)
                add_groups(done, groups, last, False)
                with v.loop(done, times) as group:
                    meanwhile(group)
            with v.loop(groups * TERMS_PER_LINE, terms) as k:
                add_term(b + k * b_row, k, last)

        # With AVX2 a mask would take one of the 16 registers, all of which the sums and their factors
        # need. So what lies behind the last column is read as well.
        add_terms(exist if AVX512 else v)
        write()

    for strips in range(1, most_strips + 1):
        with v.when(_ends_in_part(rows, strips, strip, most_strips)):
            for vectors in range(1, panel + 1):
                with v.when(_ends_in_part(columns, vectors, v.lanes, panel)):
                    tile(strips, vectors)


def _ends_in_part(length: Index, part: int, size: int, parts: int) -> Condition:
    """Whether `length` ends in this part of that size, from 1 on; the last one has no end."""
    begun = length > (part - 1) * size
    return begun & (length <= part * size) if part < parts else begun


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


@writes_vectors
def copy_rows(
    v: Vectors, source: Array, at: Index, row: Index, rows: Index, columns: Index, target: Array, to: Index, panel: int
) -> None:
    """target[to + (r,p,l)] = source[at + r*row + p*lanes + l]: one panel of b, packed.

    r in 0..rows, p in 0..panel vectors, a literal. Only `columns` columns are read; what lies behind
    them in the panel is anything.
    """
    source, target = source + at, target + to

    def copy(vectors: list[Vectors]) -> None:
        with v.loop(rows) as r:
            for p, part in enumerate(vectors):
                v.store(part.load(source + (r * row + p * v.lanes)), target + (r * panel + p) * v.lanes)

    for count in range(1, panel + 1):
        with v.when(_ends_in_part(columns, count, v.lanes, panel)):
            copy([v] * (count - 1) + [v.masked(v.mask_of_first(columns - (count - 1) * v.lanes))])
