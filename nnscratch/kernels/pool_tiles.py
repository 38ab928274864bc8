"""ReLU and 2x2 max pooling of whole vectors, and the way back. The conventions are those of vectors.py."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from nnscratch.kernels.vectors import INTP, Typing, Vectors, each_vector


def largest_of_four(v: Vectors, four: list[Typing]) -> tuple[Typing, Typing]:
    """Writes max(0, the largest of four vectors); as bytes, which (the first on a tie), 4 where it is 0. A NaN wins."""
    builder, byte = v.builder, ir.IntType(8)

    def larger(a: tuple[Typing, Typing], b: tuple[Typing, Typing]) -> tuple[Typing, Typing]:
        # A comparison with NaN is false, so that a NaN in b would lose: it is looked for by itself.
        is_nan = builder.fcmp_unordered("uno", b[0], b[0])
        wins = builder.or_(builder.fcmp_ordered(">", b[0], a[0]), is_nan)
        return builder.select(wins, b[0], a[0]), builder.select(wins, b[1], a[1])

    a, b, c, d = ((value, v.splat(byte(place))) for place, value in enumerate(four))
    value, place = larger(larger(a, b), larger(c, d))
    alive = builder.fcmp_unordered(">", value, v.zero())  # true for NaN too
    return builder.select(alive, value, v.zero()), builder.select(alive, place, v.splat(byte(4)))


@intrinsic(prefer_literal=True)
def pool_vector(
    typing: Typing, rows: Typing, at: Typing, step: Typing, right: Typing, y: Typing, argmax: Typing, to: Typing,
    count: Typing,
) -> Typing:  # fmt: skip
    """y[to + l] = max(0, the largest of four);  argmax[to + l] = which (the first largest), or 4 if none is above 0

    the four: rows[at + l], rows[at + right + l], and both again at + step;
    with right = None, rows[at + 2*l], rows[at + 2*l + 1] and both again. Reads whole vectors, whatever the count.
    """
    interleaved, masked = right is types.none, count is not types.none

    def code(context: Typing, builder: Typing, signature: Typing, arguments: Typing) -> Typing:
        rows_, at, step, right, y_, argmax_, to, count = arguments
        v = Vectors(context, builder, rows)
        first = v.pointer(rows, rows_, at)

        def two(pointer: Typing) -> tuple[Typing, Typing]:
            a, b = v.load(pointer), v.load(builder.gep(pointer, [INTP(v.lanes) if interleaved else right]))
            if interleaved:
                return v.shuffle(a, b, range(0, 2 * v.lanes, 2)), v.shuffle(a, b, range(1, 2 * v.lanes, 2))
            return a, b

        value, place = largest_of_four(v, [*two(first), *two(builder.gep(first, [step]))])
        result = Vectors(context, builder, rows, count if masked else None)
        result.store(value, v.pointer(y, y_, to))
        result.store(place, v.pointer(argmax, argmax_, to))
        return context.get_dummy_value()

    return types.void(rows, at, step, right, y, argmax, to, count), code


@intrinsic(prefer_literal=True)
def unpool_vector(
    typing: Typing, dy: Typing, argmax: Typing, at: Typing, rows: Typing, to: Typing, step: Typing, right: Typing,
    count: Typing,
) -> Typing:  # fmt: skip
    """The way back of pool_vector: dy goes to the place of four that won, the other three get 0.

    With right = None, writes whole vectors, whatever the count: zeros after the last.
    """
    interleaved, masked = right is types.none, count is not types.none

    def code(context: Typing, builder: Typing, signature: Typing, arguments: Typing) -> Typing:
        dy_, argmax_, at, rows_, to, step, right, count = arguments
        v = Vectors(context, builder, dy, count if masked else None)
        byte = ir.IntType(8)
        gradient = v.load(v.pointer(dy, dy_, at))
        winner = v.load(v.pointer(argmax, argmax_, at), byte)
        four = [
            builder.select(builder.icmp_unsigned("==", winner, v.splat(byte(place))), gradient, v.zero())
            for place in range(4)
        ]
        first = v.pointer(rows, rows_, to)
        for (a, b), row in ((four[:2], first), (four[2:], builder.gep(first, [step]))):
            if interleaved:
                whole = Vectors(context, builder, dy)
                whole.store(v.interleave(a, b, 0), row)
                whole.store(v.interleave(a, b, 1), builder.gep(row, [INTP(v.lanes)]))
            else:
                v.store(a, row)
                v.store(b, builder.gep(row, [right]))
        return context.get_dummy_value()

    return types.void(dy, argmax, at, rows, to, step, right, count), code


@intrinsic(prefer_literal=True)
def add_winners(
    typing: Typing, dy: Typing, argmax: Typing, at: Typing, length: Typing, total: Typing, total_at: Typing
) -> Typing:
    """total[total_at + l % lanes] += dy[at + l] where argmax[at + l] is a place (0..3), for l in 0..length"""

    def code(context: Typing, builder: Typing, signature: Typing, arguments: Typing) -> Typing:
        dy_, argmax_, at, length, total_, total_at = arguments
        v = Vectors(context, builder, dy)
        place = v.pointer(total, total_, total_at)
        (sums,) = v.sums([v.load(place)])

        def add(v: Vectors, start: Typing) -> None:
            index = builder.add(at, start)
            winner = v.load(v.pointer(argmax, argmax_, index), ir.IntType(8))
            won = builder.icmp_unsigned("<", winner, v.splat(ir.IntType(8)(4)))
            gradient = builder.select(won, v.load(v.pointer(dy, dy_, index)), v.zero())
            builder.store(builder.fadd(builder.load(sums), gradient), sums)

        each_vector(v, dy, length, add)
        v.store(builder.load(sums), place)
        return context.get_dummy_value()

    return types.void(dy, argmax, at, length, total, total_at), code
