"""The two products of a direct convolution, in tiles of sums that stay in registers from the first term to the last.

Almost every instruction then is a multiply-add: this is how a GEMM is fast, and it is where all the time of direct.py
goes. The conventions are those of vectors.py.

Source: Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008).
"""

from __future__ import annotations

from functools import partial

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnscratch.kernels.pool_tiles import largest_of_four
from nnscratch.kernels.vectors import AVX512, INTP, Typing, Vectors, each_tile

# A tile of sums, with what it multiplies, must fit the registers: 32 of AVX-512, 16 of AVX. So for 4, 2 or 1 outputs,
# the vectors a row of a tile in multiply_rows (the most first, then for the rest), and the taps in add_products.
_VECTORS_A_TILE = {4: (6, 2, 1), 2: (8, 1), 1: (8, 1)} if AVX512 else {4: (2, 1), 2: (4, 1), 1: (4, 1)}
# In pool_products a window is 4 vectors an output: the windows a tile. Without AVX-512 4 outputs would not fit.
_WINDOWS_A_TILE = {4: (1,), 2: (2, 1), 1: (4, 1)} if AVX512 else {2: (1,), 1: (2, 1)}
POOLED_OUTPUTS = max(_WINDOWS_A_TILE)
_TAPS_A_TILE = {4: (4, 1), 2: (5, 1), 1: (5, 1)} if AVX512 else {4: (2, 1), 2: (4, 1), 1: (8, 1)}


@intrinsic(prefer_literal=True)
def multiply_rows(
    typing: Typing, x: Typing, x_at: Typing, offsets: Typing, first: Typing, last: Typing, weight: Typing,
    w_step: Typing, bias: Typing, o: Typing, outputs: Typing, y: Typing, y_at: Typing, y_step: Typing, length: Typing,
) -> Typing:  # fmt: skip
    """y[y_at + q*y_step + l] = bias[o + q] + sum over t of weight[t*w_step + o + q] * x[x_at + offsets[t] + l]

    for q in 0..outputs, which is 4, 2 or 1; l in 0..length; t in first..last.
    """

    def code(context: Typing, builder: Typing, signature: Typing, arguments: Typing) -> Typing:
        x_, x_at, offsets_, first, last, weight_, w_step, bias_, o, outputs, y_, y_at, y_step, length = arguments
        whole = Vectors(context, builder, x)
        pointer = whole.pointer
        x0, y0, offset0 = pointer(x, x_, x_at), pointer(y, y_, y_at), pointer(offsets, offsets_, INTP(0))
        weight0, bias0 = pointer(weight, weight_, o), pointer(bias, bias_, o)

        def tile(outputs: int, length: int, at: Typing, v: Vectors = whole) -> None:
            vectors = length // v.lanes
            begin = [v.splat(builder.load(builder.gep(bias0, [INTP(q)]))) for q in range(outputs)]
            sums = [v.sums([b] * vectors) for b in begin]
            with cgutils.for_range_slice(builder, first, last, INTP(1), INTP) as (t, _):
                source = builder.gep(x0, [builder.add(at, builder.load(builder.gep(offset0, [t])))])
                tap = builder.gep(weight0, [builder.mul(t, w_step)])
                ws = [v.splat(builder.load(builder.gep(tap, [INTP(q)]))) for q in range(outputs)]
                for p in range(vectors):
                    xs = v.load(builder.gep(source, [INTP(p * v.lanes)]))
                    for q in range(outputs):
                        builder.store(v.add_product(xs, ws[q], builder.load(sums[q][p])), sums[q][p])
            for q in range(outputs):
                row = builder.gep(y0, [builder.add(at, builder.mul(INTP(q), y_step))])
                for p in range(vectors):
                    v.store(builder.load(sums[q][p]), builder.gep(row, [INTP(p * v.lanes)]))

        for n, sizes in _VECTORS_A_TILE.items():
            with builder.if_then(builder.icmp_signed("==", outputs, INTP(n))):
                numbers = [vectors * whole.lanes for vectors in sizes]
                done = each_tile(builder, numbers, length, partial(tile, n))
                rest = builder.sub(length, done)
                with builder.if_then(builder.icmp_signed(">", rest, INTP(0))):
                    tile(n, whole.lanes, done, Vectors(context, builder, x, rest))
        return context.get_dummy_value()

    return types.void(x, x_at, offsets, first, last, weight, w_step, bias, o, outputs, y, y_at, y_step, length), code


@intrinsic(prefer_literal=True)
def pool_products(
    typing: Typing, x: Typing, x_at: Typing, row: Typing, offsets: Typing, weight: Typing, w_step: Typing,
    bias: Typing, o: Typing, outputs: Typing, y: Typing, y_at: Typing, y_step: Typing, argmax: Typing, windows: Typing,
) -> Typing:  # fmt: skip
    """multiply_rows at the four places of a pooling window, and the largest of them: they never leave the registers.

    A place is one vector: as many images as it has lanes. For q in 0..outputs, which is at most POOLED_OUTPUTS; 4, 2
    or 1; w in 0..windows: y[y_at + q*y_step + w*lanes:][:lanes] = max(0, the four), argmax there: which, as in
    pool_vector. The four begin at x_at + 2*w*lanes, that + lanes, and both again at + row.
    """

    def code(context: Typing, builder: Typing, signature: Typing, arguments: Typing) -> Typing:
        x_, x_at, row, offsets_, weight_, w_step, bias_, o, outputs, y_, y_at, y_step, argmax_, windows = arguments
        v = Vectors(context, builder, x)
        x0, offset0 = v.pointer(x, x_, x_at), v.pointer(offsets, offsets_, INTP(0))
        y0, argmax0 = v.pointer(y, y_, y_at), v.pointer(argmax, argmax_, y_at)
        weight0, bias0 = v.pointer(weight, weight_, o), v.pointer(bias, bias_, o)
        taps = cgutils.unpack_tuple(builder, context.make_array(offsets)(context, builder, offsets_).shape)[0]

        def tile(outputs: int, windows: int, w: Typing) -> None:
            begin = [v.splat(builder.load(builder.gep(bias0, [INTP(q)]))) for q in range(outputs)]
            sums = [v.sums([b] * 4 * windows) for b in begin]
            first = builder.mul(w, INTP(v.lanes))
            corner = builder.gep(x0, [builder.add(first, first)])
            with cgutils.for_range(builder, taps, intp=INTP) as loop:
                # Two pointers and constant distances: a pointer a place would be more than there are registers.
                top = builder.gep(corner, [builder.load(builder.gep(offset0, [loop.index]))])
                bottom = builder.gep(top, [row])
                tap = builder.gep(weight0, [builder.mul(loop.index, w_step)])
                ws = [v.splat(builder.load(builder.gep(tap, [INTP(q)]))) for q in range(outputs)]
                for p in range(4 * windows):
                    pointer = bottom if p // 2 % 2 else top
                    xs = v.load(builder.gep(pointer, [INTP((2 * (p // 4) + p % 2) * v.lanes)]))
                    for q in range(outputs):
                        builder.store(v.add_product(xs, ws[q], builder.load(sums[q][p])), sums[q][p])
            for q in range(outputs):
                for p in range(windows):
                    value, place = largest_of_four(v, [builder.load(s) for s in sums[q][4 * p : 4 * p + 4]])
                    to = builder.add(builder.mul(INTP(q), y_step), builder.add(first, INTP(p * v.lanes)))
                    v.store(value, builder.gep(y0, [to]))
                    v.store(place, builder.gep(argmax0, [to]))

        for n, sizes in _WINDOWS_A_TILE.items():
            with builder.if_then(builder.icmp_signed("==", outputs, INTP(n))):
                each_tile(builder, sizes, windows, partial(tile, n))
        return context.get_dummy_value()

    return types.void(x, x_at, row, offsets, weight, w_step, bias, o, outputs, y, y_at, y_step, argmax, windows), code


@intrinsic(prefer_literal=True)
def add_products(
    typing: Typing, x: Typing, x_at: Typing, x_row: Typing, offsets: Typing, taps: Typing, g: Typing, g_at: Typing,
    g_row: Typing, g_step: Typing, rows: Typing, length: Typing, total: Typing, total_at: Typing, total_step: Typing,
    outputs: Typing,
) -> Typing:  # fmt: skip
    """total[t,q] += sum over r, l of x[x_at + offsets[t] + r*x_row + l] * g[g_at + q*g_step + r*g_row + l]

    for t in 0..taps; q in 0..outputs, which is 4, 2 or 1; r in 0..rows; l in 0..length. A total is a vector whose lanes
    are added up at the very end: total[t,q] stands for the `lanes` numbers from total_at + (t*total_step + q) * lanes.
    """

    def code(context: Typing, builder: Typing, signature: Typing, arguments: Typing) -> Typing:
        x_, x_at, x_row, offsets_, taps, g_, g_at, g_row, g_step, rows, length = arguments[:11]
        total_, total_at, total_step, outputs = arguments[11:]
        v = Vectors(context, builder, x)
        x0, g0, total0 = v.pointer(x, x_, x_at), v.pointer(g, g_, g_at), v.pointer(total, total_, total_at)
        offset0 = v.pointer(offsets, offsets_, INTP(0))
        whole = builder.mul(builder.sdiv(length, INTP(v.lanes)), INTP(v.lanes))
        rest = builder.sub(length, whole)

        def tile(outputs: int, taps: int, t: Typing) -> None:
            starts = [builder.load(builder.gep(offset0, [builder.add(t, INTP(s))])) for s in range(taps)]
            xs = [builder.gep(x0, [start]) for start in starts]
            gs = [builder.gep(g0, [builder.mul(INTP(q), g_step)]) for q in range(outputs)]
            rows_of_totals = [builder.mul(builder.add(t, INTP(s)), total_step) for s in range(taps)]
            numbers = [builder.add(row, INTP(q)) for row in rows_of_totals for q in range(outputs)]
            places = [builder.gep(total0, [builder.mul(number, INTP(v.lanes))]) for number in numbers]
            sums = v.sums([v.load(place) for place in places])

            def add(v: Vectors, x_index: Typing, g_index: Typing) -> None:
                g_now = [v.load(builder.gep(pointer, [g_index])) for pointer in gs]
                for s in range(taps):
                    x_now = v.load(builder.gep(xs[s], [x_index]))
                    for q in range(outputs):
                        place = sums[s * outputs + q]
                        builder.store(v.add_product(x_now, g_now[q], builder.load(place)), place)

            with cgutils.for_range(builder, rows, intp=INTP) as row:
                x_begin, g_begin = builder.mul(row.index, x_row), builder.mul(row.index, g_row)
                with cgutils.for_range_slice(builder, INTP(0), whole, INTP(v.lanes), INTP) as (start, _):
                    add(v, builder.add(x_begin, start), builder.add(g_begin, start))
                with builder.if_then(builder.icmp_signed(">", rest, INTP(0))):
                    part = Vectors(context, builder, x, rest)
                    add(part, builder.add(x_begin, whole), builder.add(g_begin, whole))
            for place, value in zip(places, sums, strict=True):
                v.store(builder.load(value), place)

        for n, sizes in _TAPS_A_TILE.items():
            with builder.if_then(builder.icmp_signed("==", outputs, INTP(n))):
                each_tile(builder, sizes, taps, partial(tile, n))
        return context.get_dummy_value()

    return types.void(
        x, x_at, x_row, offsets, taps, g, g_at, g_row, g_step, rows, length, total, total_at, total_step, outputs
    ), code
