"""The innermost loops of a product with one row, in which each weight is used once. Conventions: vectors.py."""

from __future__ import annotations

from numba import types
from numba.extending import intrinsic

from nnscratch.kernels.vectors import INTP, Typing, Vectors, each_vector


@intrinsic(prefer_literal=True)
def add_rows(
    typing: Typing, x: Typing, x_at: Typing, w: Typing, w_at: Typing, w_row: Typing, y: Typing, y_at: Typing,
    length: Typing, rows: Typing,
) -> Typing:  # fmt: skip
    """y[y_at + l] += sum over r of x[x_at + r] * w[w_at + r*w_row + l]    r in 0..rows, a literal; l in 0..length"""
    count = rows.literal_value

    def code(context: Typing, builder: Typing, signature: Typing, arguments: Typing) -> Typing:
        x_, x_at, w_, w_at, w_row, y_, y_at, length, _ = arguments
        v = Vectors(context, builder, x)
        x0, w0, y0 = v.pointer(x, x_, x_at), v.pointer(w, w_, w_at), v.pointer(y, y_, y_at)
        xs = [v.splat(builder.load(builder.gep(x0, [INTP(r)]))) for r in range(count)]
        ws = [builder.gep(w0, [builder.mul(INTP(r), w_row)]) for r in range(count)]

        def add(part: Vectors, at: Typing) -> None:
            place = builder.gep(y0, [at])
            total = part.load(place)
            for r in range(count):
                total = v.add_product(xs[r], part.load(builder.gep(ws[r], [at])), total)
            part.store(total, place)

        each_vector(v, x, length, add)
        return context.get_dummy_value()

    return types.void(x, x_at, w, w_at, w_row, y, y_at, length, rows), code


@intrinsic(prefer_literal=True)
def multiply_by_rows(
    typing: Typing, x: Typing, w: Typing, w_at: Typing, w_row: Typing, length: Typing, y: Typing, y_at: Typing,
    rows: Typing,
) -> Typing:  # fmt: skip
    """y[y_at + r] = sum over l in 0..length of x[l] * w[w_at + r*w_row + l]    for r in 0..rows, at most a vector"""

    def code(context: Typing, builder: Typing, signature: Typing, arguments: Typing) -> Typing:
        x_, w_, w_at, w_row, length, y_, y_at, rows = arguments
        v = Vectors(context, builder, x)
        x0, w0 = v.pointer(x, x_, INTP(0)), v.pointer(w, w_, w_at)
        last = builder.sub(rows, INTP(1))  # read again in place of a row that does not exist
        numbers = [builder.select(builder.icmp_signed("<", INTP(r), last), INTP(r), last) for r in range(v.lanes)]
        ws = [builder.gep(w0, [builder.mul(r, w_row)]) for r in numbers]
        sums = v.sums([v.zero()] * v.lanes)

        def add(part: Vectors, at: Typing) -> None:
            x_now = part.load(builder.gep(x0, [at]))
            for w_pointer, total in zip(ws, sums, strict=True):
                product = v.add_product(x_now, part.load(builder.gep(w_pointer, [at])), builder.load(total))
                builder.store(product, total)

        each_vector(v, x, length, add)
        result = v.add_lanes([builder.load(total) for total in sums])
        Vectors(context, builder, x, rows).store(result, v.pointer(y, y_, y_at))
        return context.get_dummy_value()

    return types.void(x, w, w_at, w_row, length, y, y_at, rows), code
