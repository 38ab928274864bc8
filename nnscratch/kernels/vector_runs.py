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

from nnscratch.kernels.vectors import AVX512, INTP, Typing, Vectors, each_tile

# For two rows of sums or one: the vectors of a row in a tile, the most first. The tile must fit the registers.
_VECTORS_A_TILE = {2: (8, 4, 1), 1: (8, 1)} if AVX512 else {2: (4, 1), 1: (8, 1)}
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
            lines = [begin, gep(begin, [step])][:rows]
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
        many = ir.VectorType(ir.IntType(8), BITS)
        one = builder.insert_element(ir.Constant(many, ir.Undefined), choice, ir.IntType(32)(0))
        wanted = builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(ir.IntType(32), BITS), [0] * BITS))
        pointer = builder.bitcast(v.pointer(choices, choices_, INTP(0)), many.as_pointer())
        bits = builder.bitcast(builder.icmp_unsigned("==", builder.load(pointer, align=1), wanted), INTP)

        def each_run(body: Callable[[Typing, Typing], None]) -> None:
            with _each_bit(builder, bits) as m:
                body(gep(source0, [builder.mul(m, size)]), builder.load(gep(factor0, [m])))

        _add_all(v, v.pointer(target, target_, to), target_row, source_row, rows, length, rest, each_run)
        return context.get_dummy_value()

    return types.void(
        target, to, target_row, source, first, source_row, choices, choice, factors, at, rows, length
    ), code
