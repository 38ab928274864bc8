"""Sums of runs of memory, each times a number: what backward of fused.py does for every gradient that exists.

The sums of a tile, some rows of vectors, stay in registers for all the runs; what a run costs is one multiply-add for
each vector, which it reads itself. The conventions are those of vectors.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnscratch.kernels.vectors import AVX512, INTP, Typing, Vectors, each_tile, each_vector

# By the rows of sums in a tile: the vectors of a row in it, the most first. The tile must fit the registers; and the
# more of a run is in it, the fewer times all the runs are gone through: a 3x3 kernel of 16 channels is one tile of 3x3.
_VECTORS_A_TILE = (
    {3: (8, 6, 4, 3, 2, 1), 2: (8, 4, 2, 1), 1: (8, 4, 2, 1)} if AVX512 else {3: (4, 2, 1), 2: (4, 2, 1), 1: (8, 1)}
)
BITS = 64  # of a number that says which of up to 64 runs are added
CHOICES = 8  # places that a run may be taken from, a power of 2

# each_run(body) writes the loop that calls body(run's first number, its factor) once, at compile time
_EachRun = Callable[[Callable[[Typing, Typing], None]], None]


def _add_all(v: Vectors, target: Typing, target_row: Typing, source_row: Typing, rows: Typing, length: Typing,
             rest: Vectors, each_run: _EachRun) -> None:  # fmt: skip
    """target[i*target_row + k] += sum over runs of factor * run[i*source_row + k], i in 0..rows, k in 0..length

    v : for whole vectors;  rest : for the last length % lanes numbers of a row
    """
    builder, gep = v.builder, v.builder.gep

    def tile(v: Vectors, rows: int, vectors: int, row: Typing, start: Typing) -> None:
        def vectors_of(begin: Typing, step: Typing) -> list[Typing]:
            begin = gep(begin, [builder.add(builder.mul(row, step), start)])
            lines = [begin]
            while len(lines) < rows:
                lines.append(gep(lines[-1], [step]))
            return [gep(line, [INTP(k * v.lanes)]) for line in lines for k in range(vectors)]

        places = vectors_of(target, target_row)
        sums = v.sums([v.load(place) for place in places])

        def add(run: Typing, factor: Typing) -> None:
            scale = v.splat(factor)
            for total, place in zip(sums, vectors_of(run, source_row), strict=True):
                builder.store(v.add_product(scale, v.load(place), builder.load(total)), total)

        each_run(add)
        for total, place in zip(sums, places, strict=True):
            v.store(builder.load(total), place)

    def tiles_of_rows(n: int, i: Typing) -> None:
        numbers = [vectors * v.lanes for vectors in _VECTORS_A_TILE[n]]
        done = each_tile(builder, numbers, length, lambda size, start: tile(v, n, size // v.lanes, i, start))
        with builder.if_then(builder.icmp_signed("<", done, length)):
            tile(rest, n, 1, i, done)

    each_tile(builder, _VECTORS_A_TILE, rows, tiles_of_rows)


@contextmanager
def _each_bit(builder: Typing, bits: Typing) -> Iterator[Typing]:
    """A loop over the bits that are 1: the lowest is counted to, and then cleared."""
    left = cgutils.alloca_once_value(builder, bits)
    test, body, end = (builder.append_basic_block(f"bits.{name}") for name in ("test", "body", "end"))
    builder.branch(test)
    with builder.goto_block(test):
        builder.cbranch(builder.icmp_unsigned("!=", builder.load(left), bits.type(0)), body, end)
    builder.position_at_end(body)
    now = builder.load(left)
    yield builder.cttz(now, ir.IntType(1)(1))
    builder.store(builder.and_(now, builder.sub(now, bits.type(1))), left)
    builder.branch(test)
    builder.position_at_end(end)


@intrinsic(prefer_literal=True)
def add_windows(
    typing: Typing, target: Typing, to: Typing, target_row: Typing, source: Typing, source_row: Typing, places: Typing,
    choices: Typing, factors: Typing, at: Typing, step: Typing, bits: Typing, rows: Typing, length: Typing,
) -> Typing:  # fmt: skip
    """target[to + i*target_row + k] += sum over m of factors[at + m*step] * source[place of m + i*source_row + k]

    place of m = places[m * CHOICES + choices[at + m*step]], choices being bytes

    for those m whose bit in `bits` is 1; i in 0..rows; k in 0..length
    """

    def code(context: Typing, builder: Typing, signature: Typing, arguments: Typing) -> Typing:
        target_, to, target_row, source_, source_row, places_, choices_, factors_, at, step, bits, rows, length = (
            arguments
        )
        v = Vectors(context, builder, target)
        rest = Vectors(context, builder, target, builder.srem(length, INTP(v.lanes)))
        gep = builder.gep
        source0, place0 = v.pointer(source, source_, INTP(0)), v.pointer(places, places_, INTP(0))
        choice0, factor0 = v.pointer(choices, choices_, at), v.pointer(factors, factors_, at)

        def each_run(body: Callable[[Typing, Typing], None]) -> None:
            with _each_bit(builder, bits) as m:
                index = builder.mul(m, step)
                choice = builder.zext(builder.load(gep(choice0, [index])), INTP)
                place = builder.load(gep(place0, [builder.add(builder.mul(m, INTP(CHOICES)), choice)]))
                body(gep(source0, [place]), builder.load(gep(factor0, [index])))

        _add_all(v, v.pointer(target, target_, to), target_row, source_row, rows, length, rest, each_run)
        return context.get_dummy_value()

    return types.void(
        target, to, target_row, source, source_row, places, choices, factors, at, step, bits, rows, length
    ), code


def _bits_of(builder: Typing, choices: Typing, choice: Typing) -> Typing:
    """A number whose bit m says whether byte m of BITS is the choice."""
    many = ir.VectorType(ir.IntType(8), BITS)
    one = builder.insert_element(ir.Constant(many, ir.Undefined), choice, ir.IntType(32)(0))
    wanted = builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(ir.IntType(32), BITS), [0] * BITS))
    given = builder.load(builder.bitcast(choices, many.as_pointer()), align=1)
    return builder.bitcast(builder.icmp_unsigned("==", given, wanted), INTP)


@intrinsic(prefer_literal=True)
def add_chosen(
    typing: Typing, target: Typing, to: Typing, target_row: Typing, source: Typing, first: Typing, source_row: Typing,
    choices: Typing, choice: Typing, factors: Typing, at: Typing, rows: Typing, length: Typing,
) -> Typing:  # fmt: skip
    """target[to + i*target_row + k] += sum over m of factors[at + m] * source[((first + m)*rows + i)*source_row + k]

    for those m in 0..BITS with choices[m] == choice (bytes), all of which are read; i in 0..rows; k in 0..length
    """

    def code(context: Typing, builder: Typing, signature: Typing, arguments: Typing) -> Typing:
        target_, to, target_row, source_, first, source_row, choices_, choice, factors_, at, rows, length = arguments
        v = Vectors(context, builder, target)
        rest = Vectors(context, builder, target, builder.srem(length, INTP(v.lanes)))
        gep = builder.gep
        size = builder.mul(rows, source_row)
        source0, factor0 = v.pointer(source, source_, builder.mul(first, size)), v.pointer(factors, factors_, at)
        bits = _bits_of(builder, v.pointer(choices, choices_, INTP(0)), choice)

        def each_run(body: Callable[[Typing, Typing], None]) -> None:
            with _each_bit(builder, bits) as m:
                body(gep(source0, [builder.mul(m, size)]), builder.load(gep(factor0, [m])))

        _add_all(v, v.pointer(target, target_, to), target_row, source_row, rows, length, rest, each_run)
        return context.get_dummy_value()

    return types.void(
        target, to, target_row, source, first, source_row, choices, choice, factors, at, rows, length
    ), code


@intrinsic(prefer_literal=True)
def add_chosen_to_patch(
    typing: Typing, target: Typing, to: Typing, target_row: Typing, source: Typing, first: Typing, pixel: Typing,
    choices: Typing, factors: Typing, at: Typing,
) -> Typing:  # fmt: skip
    """add_chosen for each choice of 2x2 places, 3 rows and a length of 3 pixels, all at one go:

    target[to + (a + i)*target_row + (b + j)*pixel + c] += sum over m of
        factors[at + m] * source[((first + m)*9 + 3*i + j)*pixel + c]

    for those m in 0..BITS with choices[m] == 2*a + b;  a, b in 0..2; i, j in 0..3; c in 0..pixel. The 4x4 pixels that
    the four places reach stay in registers, a vector of channels at a time.
    """

    def code(context: Typing, builder: Typing, signature: Typing, arguments: Typing) -> Typing:
        target_, to, target_row, source_, first, pixel, choices_, factors_, at = arguments
        whole, gep, mul = Vectors(context, builder, target), builder.gep, builder.mul
        target0, factor0 = whole.pointer(target, target_, to), whole.pointer(factors, factors_, at)
        size = mul(pixel, INTP(9))
        source0, choice0 = whole.pointer(source, source_, mul(first, size)), whole.pointer(choices, choices_, INTP(0))
        bits = [_bits_of(builder, choice0, ir.IntType(8)(place)) for place in range(4)]

        def channels(v: Vectors, c: Typing) -> None:
            pixels = [mul(pixel, INTP(n)) for n in range(9)]
            corner = gep(target0, [c])
            lines = [gep(corner, [mul(target_row, INTP(i))]) for i in range(4)]
            places = [gep(line, [pixels[j]]) for line in lines for j in range(4)]
            sums = v.sums([v.load(place) for place in places])
            for place in range(4):
                with _each_bit(builder, bits[place]) as m:
                    run, scale = gep(source0, [builder.add(mul(m, size), c)]), v.splat(builder.load(gep(factor0, [m])))
                    for n in range(9):
                        total = sums[(place // 2 + n // 3) * 4 + place % 2 + n % 3]
                        product = v.add_product(scale, v.load(gep(run, [pixels[n]])), builder.load(total))
                        builder.store(product, total)
            for place, total in zip(places, sums, strict=True):
                v.store(builder.load(total), place)

        each_vector(whole, target, pixel, channels)
        return context.get_dummy_value()

    return types.void(target, to, target_row, source, first, pixel, choices, factors, at), code
