"""The three steps of winograd.py on whole vectors. The conventions are those of vectors.py.

Positions within a transformed patch: 0 to 15, row by row. A chunk is as many input channels as a vector has lanes.
"""

from __future__ import annotations

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnscratch.kernels.pool_tiles import largest_of_four
from nnscratch.kernels.vectors import AVX512, INTP, Typing, Vectors, each_tile, each_vector

PATCH = 16  # positions
CHANNEL_VECTORS = 2  # of output channels in a tile
# Windows in a tile, the most first: a sum for each and vector of output channels must fit the registers.
WINDOWS_A_TILE = (12, 6, 3, 1) if AVX512 else (6, 3, 1)


@intrinsic(prefer_literal=True)
def transform_patches(
    typing: Typing, x: Typing, x_at: Typing, x_row: Typing, pixel: Typing, patches: Typing, to: Typing, step: Typing,
    windows: Typing,
) -> Typing:  # fmt: skip
    """patches[to + chunk*step + (w*16 + p)*lanes + c] = position p of B^T d B, d being the 4x4 pixels of window w

    d[i,j] = x[x_at + i*x_row + (2*w + j)*pixel + chunk*lanes + c];  w in 0..windows;  pixel: the channels of x, as
    many chunks as they fill; zeros for the last one's missing channels.
    """

    def code(context: Typing, builder: Typing, signature: Typing, arguments: Typing) -> Typing:
        x_, x_at, x_row, pixel, patches_, to, step, windows = arguments
        whole, gep, add, sub = Vectors(context, builder, x), builder.gep, builder.fadd, builder.fsub
        n = whole.lanes
        x0, patches0 = whole.pointer(x, x_, x_at), whole.pointer(patches, patches_, to)

        def combined(four: list[Typing]) -> list[Typing]:
            """B^T times a column of four."""
            return [sub(four[0], four[2]), add(four[1], four[2]), sub(four[2], four[1]), sub(four[1], four[3])]

        def patch(v: Vectors, c: Typing, w: Typing) -> None:
            corner = gep(x0, [builder.add(builder.mul(builder.mul(w, INTP(2)), pixel), c)])
            columns = []
            for j in range(4):
                first = gep(corner, [builder.mul(pixel, INTP(j))])
                columns.append(combined([v.load(gep(first, [builder.mul(x_row, INTP(i))])) for i in range(4)]))
            chunk = builder.sdiv(c, INTP(n))
            target = gep(patches0, [builder.add(builder.mul(chunk, step), builder.mul(w, INTP(PATCH * n)))])
            for i in range(4):
                for j, value in enumerate(combined([columns[j][i] for j in range(4)])):
                    whole.store(value, gep(target, [INTP((4 * i + j) * n)]))

        with cgutils.for_range(builder, windows, intp=INTP) as w:
            each_vector(whole, x, pixel, lambda v, c: patch(v, c, w.index))
        return context.get_dummy_value()

    return types.void(x, x_at, x_row, pixel, patches, to, step, windows), code


@intrinsic(prefer_literal=True)
def multiply_patches(
    typing: Typing, patches: Typing, at: Typing, step: Typing, chunks: Typing, weight: Typing, w_at: Typing,
    products: Typing, windows: Typing,
) -> Typing:  # fmt: skip
    """products[(w*16 + p)*K + o] = sum over chunk, c of
        patches[at + chunk*step + (w*16 + p)*lanes + c] * weight[w_at + ((p*chunks + chunk)*lanes + c)*K + o]

    for w in 0..windows, at most WINDOWS_A_TILE[0]; p in 0..16; o in 0..K = CHANNEL_VECTORS*lanes
    """

    def code(context: Typing, builder: Typing, signature: Typing, arguments: Typing) -> Typing:
        patches_, at, step, chunks, weight_, w_at, products_, windows = arguments
        v, gep, mul = Vectors(context, builder, patches), builder.gep, builder.mul
        n, k = v.lanes, CHANNEL_VECTORS * v.lanes
        patches0, weight0 = v.pointer(patches, patches_, at), v.pointer(weight, weight_, w_at)
        products0 = v.pointer(products, products_, INTP(0))

        def tile(size: int, first: Typing) -> None:
            with cgutils.for_range(builder, INTP(PATCH), intp=INTP) as p:
                sums = [v.sums([v.zero()] * CHANNEL_VECTORS) for _ in range(size)]
                here = builder.add(mul(first, INTP(PATCH * n)), mul(p.index, INTP(n)))
                with cgutils.for_range(builder, chunks, intp=INTP) as chunk:
                    numbers = gep(patches0, [builder.add(here, mul(chunk.index, step))])
                    row = builder.add(mul(p.index, chunks), chunk.index)
                    taps = gep(weight0, [mul(row, INTP(n * k))])
                    with cgutils.for_range(builder, INTP(n), intp=INTP) as c:
                        tap, number = gep(taps, [mul(c.index, INTP(k))]), gep(numbers, [c.index])
                        weights = [v.load(gep(tap, [INTP(q * n)])) for q in range(CHANNEL_VECTORS)]
                        for w in range(size):
                            x = v.splat(builder.load(gep(number, [INTP(w * PATCH * n)])))
                            for q in range(CHANNEL_VECTORS):
                                builder.store(v.add_product(x, weights[q], builder.load(sums[w][q])), sums[w][q])
                to = gep(products0, [builder.add(mul(first, INTP(PATCH * k)), mul(p.index, INTP(k)))])
                for w in range(size):
                    for q in range(CHANNEL_VECTORS):
                        v.store(builder.load(sums[w][q]), gep(to, [INTP(w * PATCH * k + q * n)]))

        each_tile(builder, WINDOWS_A_TILE, windows, tile)
        return context.get_dummy_value()

    return types.void(patches, at, step, chunks, weight, w_at, products, windows), code


@intrinsic(prefer_literal=True)
def pool_patches(
    typing: Typing, products: Typing, bias: Typing, b_at: Typing, y: Typing, argmax: Typing, to: Typing,
    channels: Typing, vectors: Typing, windows: Typing, count: Typing,
) -> Typing:  # fmt: skip
    """y[to + w*channels + o] = max(0, the four numbers of bias[b_at + o] + A^T m A);  argmax = which, 4 if none > 0

    m = products[(w*16 + p)*K + o], p in 0..16, as multiply_patches made them;  w in 0..windows; o in 0..vectors*lanes,
    `vectors` being 1 or 2. Of the last vector only `count` numbers are written.
    """

    def code(context: Typing, builder: Typing, signature: Typing, arguments: Typing) -> Typing:
        products_, bias_, b_at, y_, argmax_, to, channels, vectors, windows, count = arguments
        whole, last = Vectors(context, builder, products), Vectors(context, builder, products, count)
        gep, add, sub, n = builder.gep, builder.fadd, builder.fsub, whole.lanes
        products0, bias0 = whole.pointer(products, products_, INTP(0)), whole.pointer(bias, bias_, b_at)
        y0, argmax0 = whole.pointer(y, y_, to), whole.pointer(argmax, argmax_, to)

        def combined(four: list[Typing]) -> list[Typing]:
            """A^T times a column of four."""
            return [add(add(four[0], four[1]), four[2]), sub(sub(four[1], four[2]), four[3])]

        def window(q: int, result: Vectors, w: Typing) -> None:
            m = gep(products0, [builder.add(builder.mul(w, INTP(PATCH * CHANNEL_VECTORS * n)), INTP(q * n))])
            numbers = [whole.load(gep(m, [INTP(p * CHANNEL_VECTORS * n)])) for p in range(PATCH)]
            rows = [combined(numbers[4 * i : 4 * i + 4]) for i in range(4)]  # (m A), row by row
            two = [combined([rows[i][b] for i in range(4)]) for b in range(2)]  # by column b, then row a
            begin = whole.load(gep(bias0, [INTP(q * n)]))
            value, place = largest_of_four(whole, [add(two[b][a], begin) for a in range(2) for b in range(2)])
            index = builder.add(builder.mul(w, channels), INTP(q * n))
            result.store(value, gep(y0, [index]))
            result.store(place, gep(argmax0, [index]))

        for many in range(1, CHANNEL_VECTORS + 1):
            chosen = builder.select(builder.icmp_signed("==", vectors, INTP(many)), windows, INTP(0))
            with cgutils.for_range(builder, chosen, intp=INTP) as w:
                for q in range(many):
                    window(q, last if q == many - 1 else whole, w.index)
        return context.get_dummy_value()

    return types.void(products, bias, b_at, y, argmax, to, channels, vectors, windows, count), code
