"""The innermost loop of a matrix product, and how its factors are laid out for it. Conventions: vectors.py.

A tile of the result stays in registers over all terms of its sums. Each term reads a column of a and a row of b:

    c[r, l] += a[r, k] * b[k, l]        r in 0..8 rows, l in 0..3 vectors: 24 multiply-adds for 11 loads

For this a is laid out in the order in which it is read ("packed"), and b too if it is transposed:

    a : strips of STRIP rows,     (strip, k, row)       a tile is up to two strips
    b : panels of PANEL vectors,  (panel, k, column)

Source: Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008).
"""

from __future__ import annotations

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnscratch.kernels.vectors import AVX512, INTP, Typing, Vectors

# The sums of a tile, a row of b and a number of a must fit the registers: 32 of AVX-512, 16 of AVX.
STRIP = 4  # rows
STRIPS_A_TILE = 2 if AVX512 else 1
PANEL = 3  # vectors
TERMS_A_LINE = 4  # for each line of memory that is called into the cache


@intrinsic(prefer_literal=True)
def multiply_tile(
    typing: Typing, a: Typing, a_at: Typing, a_step: Typing, b: Typing, b_at: Typing, b_row: Typing, terms: Typing,
    c: Typing, c_at: Typing, c_row: Typing, rows: Typing, columns: Typing, add: Typing, ahead: Typing, ahead_at: Typing,
    ahead_step: Typing,
) -> Typing:  # fmt: skip
    """c[c_at + r*c_row + l] = sum over k in 0..terms of a[r, k] * b[k, l]; added to what is there if `add`

    r in 0..rows, l in 0..columns, where more than a tile is taken as a tile: STRIPS_A_TILE*STRIP rows, PANEL vectors
    a : packed, strip s starts at a_at + s*a_step; what it holds for rows that do not exist is read, but goes nowhere
    b : row k starts at b_at + k*b_row
    Meanwhile the lines at ahead[ahead_at + g*ahead_step] are called into the second-level cache, one for each group g
    of TERMS_A_LINE terms.
    """

    def code(context: Typing, builder: Typing, signature: Typing, arguments: Typing) -> Typing:
        a_, a_at, a_step, b_, b_at, b_row, terms, c_, c_at, c_row, rows, columns, add, ahead_, ahead_at, ahead_step = (
            arguments
        )
        v = Vectors(context, builder, c)
        a0, b0, c0 = v.pointer(a, a_, a_at), v.pointer(b, b_, b_at), v.pointer(c, c_, c_at)
        ahead0 = v.pointer(ahead, ahead_, ahead_at)

        def in_part(length: Typing, part: int, size: int, parts: int) -> Typing:
            """Whether `length` ends in this part, counted from 1, of its size; the last takes all that is longer."""
            begun = builder.icmp_signed(">", length, INTP((part - 1) * size))
            ended = builder.icmp_signed("<=", length, INTP(part * size))
            return builder.and_(begun, ended) if part < parts else begun

        def tile(strips: int, vectors: int) -> None:
            sums = [v.sums([v.zero()] * vectors) for _ in range(strips * STRIP)]
            # Only the last vector may have columns that do not exist, only the last strip such rows.
            last = Vectors(context, builder, c)
            last.mask = v.first_lanes(builder.sub(columns, INTP((vectors - 1) * v.lanes)))
            parts = [v] * (vectors - 1) + [last]
            # What is in c is read if it counts; else the mask is empty, and a vector of zeros is added.
            before = Vectors(context, builder, c)
            before.mask = v.first_lanes(builder.select(add, INTP(v.lanes), INTP(0)))
            before_last = Vectors(context, builder, c)
            before_last.mask = builder.and_(last.mask, before.mask)
            befores = [before] * (vectors - 1) + [before_last]
            starts = [builder.gep(a0, [builder.mul(INTP(s), a_step)]) for s in range(strips)]

            def add_term(k: Typing) -> None:
                row = builder.gep(b0, [builder.mul(k, b_row)])
                bs = [part.load(builder.gep(row, [INTP(p * v.lanes)])) for p, part in enumerate(parts)]
                for r in range(strips * STRIP):
                    place = builder.gep(starts[r // STRIP], [builder.add(builder.mul(k, INTP(STRIP)), INTP(r % STRIP))])
                    number = v.splat(builder.load(place))
                    for p in range(vectors):
                        builder.store(v.add_product(number, bs[p], builder.load(sums[r][p])), sums[r][p])

            with cgutils.for_range_slice(builder, INTP(0), terms, INTP(TERMS_A_LINE), INTP) as (begin, group):
                v.prefetch(builder.gep(ahead0, [builder.mul(group, ahead_step)]))
                end = builder.add(begin, INTP(TERMS_A_LINE))
                end = builder.select(builder.icmp_signed("<", end, terms), end, terms)
                with cgutils.for_range_slice(builder, begin, end, INTP(1), INTP) as (k, _):
                    add_term(k)

            def add_row(r: int) -> None:
                row = builder.gep(c0, [builder.mul(INTP(r), c_row)])
                for p, (part, old) in enumerate(zip(parts, befores, strict=True)):
                    place = builder.gep(row, [INTP(p * v.lanes)])
                    part.store(builder.fadd(old.load(place), builder.load(sums[r][p])), place)

            for r in range(strips * STRIP):
                if r <= (strips - 1) * STRIP:
                    add_row(r)
                else:
                    with builder.if_then(builder.icmp_signed("<", INTP(r), rows)):
                        add_row(r)

        for strips in range(1, STRIPS_A_TILE + 1):
            with builder.if_then(in_part(rows, strips, STRIP, STRIPS_A_TILE)):
                for vectors in range(1, PANEL + 1):
                    with builder.if_then(in_part(columns, vectors, v.lanes, PANEL)):
                        tile(strips, vectors)
        return context.get_dummy_value()

    return types.void(
        a, a_at, a_step, b, b_at, b_row, terms, c, c_at, c_row, rows, columns, add, ahead, ahead_at, ahead_step
    ), code


@intrinsic(prefer_literal=True)
def interleave_rows(
    typing: Typing, source: Typing, at: Typing, row: Typing, rows: Typing, count: Typing, target: Typing, to: Typing,
    step: Typing, size: Typing, unit: Typing,
) -> Typing:  # fmt: skip
    """The numbers source[at + r*row + u*unit + i], which lie in the order (r, u, i), in the order (u, r, i)

    r in 0..size, i in 0..unit (both literals; size 0: as many as a vector has lanes), u as far as a vector goes: with
    unit 1 a transpose. Pieces of size*unit numbers, or of a vector if that is more, go to target[to + piece*step].
    Only `rows` rows and `count` columns exist: instead of the others come the last row again, and zeros.

    A round of interleaving the first half of the rows with the second moves a number's unit up by one place and the
    first bit of its row down to the front of it; after log2(size) rounds the bits of the row stand behind the unit.
    """
    size_, unit_ = size.literal_value, unit.literal_value

    def code(context: Typing, builder: Typing, signature: Typing, arguments: Typing) -> Typing:
        source_, at, row, rows, count, target_, to, step, _, _ = arguments
        v = Vectors(context, builder, source)
        s0, t0 = v.pointer(source, source_, at), v.pointer(target, target_, to)
        n = size_ or v.lanes
        last = builder.sub(rows, INTP(1))
        piece = max(v.lanes, n * unit_)

        def write(part: Vectors) -> None:
            starts = [builder.select(builder.icmp_signed("<", INTP(r), last), INTP(r), last) for r in range(n)]
            block = [part.load(builder.gep(s0, [builder.mul(start, row)])) for start in starts]
            for _ in range(n.bit_length() - 1):
                block = [v.interleave(block[r // 2], block[r // 2 + n // 2], r % 2, unit_) for r in range(n)]
            for r in range(n):
                place = builder.mul(INTP(r * v.lanes // piece), step)
                v.store(block[r], builder.gep(t0, [builder.add(place, INTP(r * v.lanes % piece))]))

        with builder.if_else(builder.icmp_signed(">=", count, INTP(v.lanes))) as (whole, rest):
            with whole:
                write(v)
            with rest:
                write(Vectors(context, builder, source, count))
        return context.get_dummy_value()

    return types.void(source, at, row, rows, count, target, to, step, size, unit), code
