"""Convolution, ReLU and 2x2 max pooling of a row of windows, without columns: a GEMM whose sums never leave registers.

A tile of sums is some pooled windows, four places each, times vectors of output channels. Every term of the kernel
takes a few weights (vectors) and one number of x for each place (a broadcast), and all of their products. When the sums
are done the four places of a window are four registers: their maximum is all that is ever written. The conventions are
those of vectors.py.

Source: Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), for the tile of sums.
"""

from __future__ import annotations

from functools import partial

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnscratch.kernels.pool_tiles import largest_of_four
from nnscratch.kernels.vectors import AVX512, INTP, Typing, Vectors, each_tile

CHANNEL_VECTORS = 2  # of output channels in a tile
# Windows in a tile: the most first, then for the rest of a row. Four sums a window and vector, and what they multiply,
# must fit the registers: 24 sums of the 32 registers of AVX-512, 8 of 16.
_WINDOWS_A_TILE = (3, 2, 1) if AVX512 else (1,)
# Backward: rows of the kernel in a tile, and numbers of such a row; a sum for each and vector, and eight gradients.
_ROWS_A_TILE, _NUMBERS_A_TILE = ((3, 2, 1), (3, 1)) if AVX512 else ((1,), (3, 1))


def _opaque(builder: Typing, number: Typing) -> Typing:
    """The number, of which LLVM does not know where it comes from."""
    return builder.asm(ir.FunctionType(number.type, [number.type]), "", "=r,0", [number], False)


@intrinsic(prefer_literal=True)
def conv_pool_row(
    typing: Typing, x: Typing, x_at: Typing, x_row: Typing, pixel: Typing, k_h: Typing, run: Typing, weight: Typing,
    w_at: Typing, w_step: Typing, b_at: Typing, vectors: Typing, windows: Typing, y: Typing, argmax: Typing, to: Typing,
    channels: Typing, count: Typing,
) -> Typing:  # fmt: skip
    """y[to + w*channels + o] = max(0, the four sums of window w);  argmax = which is the first largest, 4 if none > 0

    sum of place (a,b) = weight[b_at + o] + sum over i, r of
        x[x_at + 2*w*pixel + a*x_row + b*pixel + i*x_row + r] * weight[w_at + (i*run + r) * w_step + o]

    for w in 0..windows; i in 0..k_h; r in 0..run; o in 0..vectors*lanes, `vectors` being 1 or 2. Of the last vector
    only `count` numbers are written; weight has all of it.
    """

    def code(context: Typing, builder: Typing, signature: Typing, arguments: Typing) -> Typing:
        x_, x_at, x_row, pixel, k_h, run, weight_, w_at, w_step, b_at, vectors, windows = arguments[:12]
        y_, argmax_, to, channels, count = arguments[12:]
        v, last = Vectors(context, builder, x), Vectors(context, builder, x, count)
        gep = builder.gep
        x0, weight0 = v.pointer(x, x_, x_at), v.pointer(weight, weight_, w_at)
        bias0, y0, argmax0 = v.pointer(weight, weight_, b_at), v.pointer(y, y_, to), v.pointer(argmax, argmax_, to)
        # As if they had nothing to do with each other: LLVM would make each address from the one before, by an addition
        # a place that takes a multiply-add's turn.
        places = range(1, 2 * _WINDOWS_A_TILE[0])
        columns = [INTP(0), *(_opaque(builder, builder.mul(pixel, INTP(n))) for n in places)]

        opaque_row = _opaque(builder, x_row)

        def tile(vectors: int, windows: int, w: Typing) -> None:
            begin = [v.load(gep(bias0, [INTP(q * v.lanes)])) for q in range(vectors)]
            sums = [v.sums(begin) for _ in range(4 * windows)]  # by place: row a, then column 2*w + b
            corner = gep(x0, [builder.mul(w, builder.mul(pixel, INTP(2)))])
            with cgutils.for_range(builder, k_h, intp=INTP) as i:
                upper = gep(corner, [builder.mul(i.index, x_row)])
                rows = [upper, gep(upper, [opaque_row])]
                taps = gep(weight0, [builder.mul(builder.mul(i.index, run), w_step)])
                with cgutils.for_range(builder, run, intp=INTP) as r:
                    tap = gep(taps, [builder.mul(r.index, w_step)])
                    weights = [v.load(gep(tap, [INTP(q * v.lanes)])) for q in range(vectors)]
                    for place in range(4 * windows):
                        row = gep(rows[place // (2 * windows)], [r.index])
                        number = builder.load(gep(row, [columns[place % (2 * windows)]]))
                        for q in range(vectors):
                            total = sums[place][q]
                            builder.store(v.add_product(v.splat(number), weights[q], builder.load(total)), total)
            for k in range(windows):
                places = (2 * k, 2 * k + 1, 2 * windows + 2 * k, 2 * windows + 2 * k + 1)
                at = builder.mul(builder.add(w, INTP(k)), channels)
                for q in range(vectors):
                    value, place = largest_of_four(v, [builder.load(sums[p][q]) for p in places])
                    result = last if q == vectors - 1 else v
                    index = builder.add(at, INTP(q * v.lanes))
                    result.store(value, gep(y0, [index]))
                    result.store(place, gep(argmax0, [index]))

        for n in range(1, CHANNEL_VECTORS + 1):
            with builder.if_then(builder.icmp_signed("==", vectors, INTP(n))):
                each_tile(builder, _WINDOWS_A_TILE, windows, partial(tile, n))
        return context.get_dummy_value()

    return types.void(
        x, x_at, x_row, pixel, k_h, run, weight, w_at, w_step, b_at, vectors, windows, y, argmax, to, channels, count
    ), code


@intrinsic(prefer_literal=True)
def add_row_gradient(
    typing: Typing, x: Typing, x_at: Typing, x_row: Typing, pixel: Typing, dy: Typing, argmax: Typing, at: Typing,
    channels: Typing, vectors: Typing, windows: Typing, k_h: Typing, run: Typing, total: Typing, total_at: Typing,
) -> Typing:  # fmt: skip
    """total[total_at + (i*run + r)*channels + o] += sum over w of
        dy[at + w*channels + o] * x[x_at + 2*w*pixel + a*x_row + b*pixel + i*x_row + r]

    for w in 0..windows, (a,b) being the winner's place, argmax[at + w*channels + o] = 2*a + b, no term if it is 4;
    i in 0..k_h; r in 0..run; o in 0..vectors*lanes, `vectors` being 1 or 2. The three places that lost are multiplied
    too, by zero.
    """

    def code(context: Typing, builder: Typing, signature: Typing, arguments: Typing) -> Typing:
        x_, x_at, x_row, pixel, dy_, argmax_, at, channels, vectors, windows, k_h, run = arguments[:12]
        total_, total_at = arguments[12:]
        v, gep, byte = Vectors(context, builder, x), builder.gep, ir.IntType(8)
        x0, total0 = v.pointer(x, x_, x_at), v.pointer(total, total_, total_at)
        dy0, argmax0 = v.pointer(dy, dy_, at), v.pointer(argmax, argmax_, at)
        opaque_row, opaque_pixel, step = _opaque(builder, x_row), _opaque(builder, pixel), builder.mul(pixel, INTP(2))

        def tile(vectors: int, rows: int, numbers: int, i: Typing, r: Typing) -> None:
            taps = [
                gep(total0, [builder.mul(builder.add(builder.mul(builder.add(i, INTP(k)), run), column), channels)])
                for k in range(rows)
                for column in (builder.add(r, INTP(n)) for n in range(numbers))
            ]
            places = [[gep(tap, [INTP(q * v.lanes)]) for q in range(vectors)] for tap in taps]
            sums = [v.sums([v.load(place) for place in places_]) for places_ in places]
            corner = gep(x0, [builder.add(builder.mul(i, x_row), r)])
            with cgutils.for_range(builder, windows, intp=INTP) as w:
                index = builder.mul(w.index, channels)
                gradients = []  # by vector, then place: that of the winner, and zeros
                for q in range(vectors):
                    here = builder.add(index, INTP(q * v.lanes))
                    gradient, winner = v.load(gep(dy0, [here])), v.load(gep(argmax0, [here]), byte)
                    won = [builder.icmp_unsigned("==", winner, v.splat(byte(place))) for place in range(4)]
                    gradients.append([builder.select(one, gradient, v.zero()) for one in won])
                lines = [gep(corner, [builder.mul(w.index, step)])]
                for _ in range(rows):
                    lines.append(gep(lines[-1], [opaque_row]))
                for line, row in enumerate(lines):
                    for b in range(2):
                        for n in range(numbers):
                            number = v.splat(builder.load(gep(gep(row, [opaque_pixel if b else INTP(0)]), [INTP(n)])))
                            for a in range(2):
                                if 0 <= line - a < rows:
                                    for q in range(vectors):
                                        place = sums[(line - a) * numbers + n][q]
                                        product = v.add_product(number, gradients[q][2 * a + b], builder.load(place))
                                        builder.store(product, place)
            for places_, values in zip(places, sums, strict=True):
                for place, value in zip(places_, values, strict=True):
                    v.store(builder.load(value), place)

        for n in range(1, CHANNEL_VECTORS + 1):
            with builder.if_then(builder.icmp_signed("==", vectors, INTP(n))):

                def tiles_of_rows(rows: int, i: Typing, n: int = n) -> None:
                    each_tile(builder, _NUMBERS_A_TILE, run, lambda numbers, r: tile(n, rows, numbers, i, r))

                each_tile(builder, _ROWS_A_TILE, k_h, tiles_of_rows)
        return context.get_dummy_value()

    return types.void(
        x, x_at, x_row, pixel, dy, argmax, at, channels, vectors, windows, k_h, run, total, total_at
    ), code


@intrinsic(prefer_literal=True)
def add_winners_of_channels(
    typing: Typing, dy: Typing, argmax: Typing, at: Typing, channels: Typing, places: Typing, total: Typing,
    total_at: Typing, count: Typing,
) -> Typing:  # fmt: skip
    """total[total_at + o] += sum over p in 0..places of dy[at + p*channels + o] where argmax there is a place (0..3)

    for o in 0..count, at most lanes
    """

    def code(context: Typing, builder: Typing, signature: Typing, arguments: Typing) -> Typing:
        dy_, argmax_, at, channels, places, total_, total_at, count = arguments
        v, byte = Vectors(context, builder, dy, count), ir.IntType(8)
        place = v.pointer(total, total_, total_at)
        (sums,) = v.sums([v.load(place)])
        with cgutils.for_range(builder, places, intp=INTP) as p:
            index = builder.add(at, builder.mul(p.index, channels))
            won = builder.icmp_unsigned("<", v.load(v.pointer(argmax, argmax_, index), byte), v.splat(byte(4)))
            gradient = builder.select(won, v.load(v.pointer(dy, dy_, index)), v.zero())
            builder.store(builder.fadd(builder.load(sums), gradient), sums)
        v.store(builder.load(sums), place)
        return context.get_dummy_value()

    return types.void(dy, argmax, at, channels, places, total, total_at, count), code
