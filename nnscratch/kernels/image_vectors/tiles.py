"""The inner loops for vectors of images. The notation is that of vectors.py.

The products of a convolution come in tiles of sums that stay in registers from the first term to
the last. Almost every instruction then is a multiply-add: this is how a GEMM is fast, and it is
where all the time of forward.py and backward.py goes.

Source: Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008).
"""

from __future__ import annotations

from functools import partial
from itertools import product

from nnscratch.kernels.pool_tiles import NO_WINNER, largest_of_four, units
from nnscratch.kernels.values import Array, Index
from nnscratch.kernels.vectors import AVX512, writes_vectors
from nnscratch.kernels.writer import Vectors

# A tile of sums, and what is multiplied for it, must fit the registers: 32 with AVX-512, 16 with
# AVX. For 4, 2 or 1 outputs: the vectors per output in multiply_rows, and the taps in add_products
# (the most first, then those for the rest).
_VECTORS_PER_TILE = {4: (6, 2, 1), 2: (8, 1), 1: (8, 1)} if AVX512 else {4: (2, 1), 2: (4, 1), 1: (4, 1)}
_TAPS_PER_TILE = {4: (4, 1), 2: (5, 1), 1: (5, 1)} if AVX512 else {4: (2, 1), 2: (4, 1), 1: (8, 1)}
# The windows in pool_products, of 4 vectors per output. Without AVX-512 4 outputs would not fit.
_WINDOWS_PER_TILE = {4: (1,), 2: (2, 1), 1: (4, 1)} if AVX512 else {2: (1,), 1: (2, 1)}
POOLED_OUTPUTS = max(_WINDOWS_PER_TILE)
# The outputs, and the kernel's rows and columns, in add_products_of_winners, which holds x of one row
# and one column more.
_WINNERS_OUTPUTS, _WINNERS_ROWS, _WINNERS_COLUMNS = (4, 2, 1) if AVX512 else (1,), (2, 1), (3, 2, 1)
WINNERS_OUTPUTS = max(_WINNERS_OUTPUTS)


@writes_vectors
def multiply_rows(
    v: Vectors, x: Array, x_at: Index, offsets: Array, first: Index, last: Index, weight: Array, w_step: Index,
    bias: Array, o: Index, outputs: Index, y: Array, y_at: Index, y_step: Index, length: Index,
) -> None:  # fmt: skip
    """y[y_at + q*y_step + k] = bias[o + q] + sum over t of weight[t*w_step + o + q] * x[x_at + offsets[t] + k]

    for q in 0..outputs, which is 4, 2 or 1; k in 0..length; t in first..last.
    """
    x, y, weight, bias = x + x_at, y + y_at, weight + o, bias + o

    def tile(outputs: int, v: Vectors, vectors: int, k: Index) -> None:
        begin = [v.splat(bias[q]) for q in range(outputs)]
        sums = [v.sums([begin[q]] * vectors) for q in range(outputs)]
        with v.loop(first, last) as t:
            xs, tap = x + (k + offsets[t]), weight + t * w_step
            ws = [v.splat(tap[q]) for q in range(outputs)]
            for p in range(vectors):
                x_now = v.load(xs + p * v.lanes)
                for q in range(outputs):
                    sums[q][p].add_product(x_now, ws[q])
        for q in range(outputs):
            row = y + (k + q * y_step)
            for p in range(vectors):
                v.store(sums[q][p], row + p * v.lanes)

    for n, sizes in _VECTORS_PER_TILE.items():
        with v.when(outputs.equals(n)):
            v.each_tile_of_vectors(sizes, length, partial(tile, n))


@writes_vectors
def pool_products(
    v: Vectors, x: Array, x_at: Index, row_step: Index, offsets: Array, weight: Array, w_step: Index, bias: Array,
    o: Index, outputs: Index, y: Array, y_at: Index, y_step: Index, argmax: Array, windows: Index,
) -> None:  # fmt: skip
    """multiply_rows at the four places of pooling windows, and their maximum: all in registers.

    y[y_at + q*y_step + w*lanes + k] = max(0, the four sums of window w);  argmax likewise: which one,
    as in pool_vector

    sum of place (a,b) = bias[o + q] + sum over t of weight[t*w_step + o + q] *
        x[x_at + a*row_step + (2*w + b)*lanes + offsets[t] + k]

    for q in 0..outputs, which is 4, 2 or 1 and at most POOLED_OUTPUTS; w in 0..windows; k in
    0..lanes; t over all offsets. A place is one vector: that many images.
    """
    x, y, argmax, weight, bias = x + x_at, y + y_at, argmax + y_at, weight + o, bias + o

    def tile(outputs: int, windows: int, w: Index) -> None:
        places = list(product(range(windows), range(2), range(2)))  # window, row, column
        begin = [v.splat(bias[q]) for q in range(outputs)]
        sums = [dict(zip(places, v.sums([begin[q]] * len(places)), strict=True)) for q in range(outputs)]
        at = w * v.lanes
        corner = x + (at + at)
        with v.loop(offsets.length) as t:
            # Two addresses and constant distances: an address per vector would need too many
            # registers.
            upper = corner + offsets[t]
            rows, tap = [upper, upper + row_step], weight + t * w_step
            ws = [v.splat(tap[q]) for q in range(outputs)]
            for k, a, b in places:
                x_now = v.load(rows[a] + (2 * k + b) * v.lanes)
                for q in range(outputs):
                    sums[q][k, a, b].add_product(x_now, ws[q])
        for q, k in product(range(outputs), range(windows)):
            value, winner = largest_of_four(v, [sums[q][k, a, b].value for a in range(2) for b in range(2)])
            to = q * y_step + (at + k * v.lanes)
            v.store(value, y + to)
            v.store(winner, argmax + to)

    for n, sizes in _WINDOWS_PER_TILE.items():
        with v.when(outputs.equals(n)):
            v.each_tile(sizes, windows, partial(tile, n))


@writes_vectors
def add_products(
    v: Vectors, x: Array, x_at: Index, x_row: Index, offsets: Array, taps: Index, g: Array, g_at: Index, g_row: Index,
    g_step: Index, rows: Index, length: Index, total: Array, total_at: Index, total_step: Index, outputs: Index,
) -> None:  # fmt: skip
    """total[t,q] += sum over r, k of x[x_at + offsets[t] + r*x_row + k] * g[g_at + q*g_step + r*g_row + k]

    for t in 0..taps; q in 0..outputs, which is 4, 2 or 1; r in 0..rows; k in 0..length
    total[t,q] : the `lanes` numbers from total_at + (t*total_step + q)*lanes on, whose sum is the
    total; sum_lanes adds them up at the very end
    """
    x, g, total = x + x_at, g + g_at, total + total_at
    whole = length // v.lanes * v.lanes
    rest = length - whole

    def tile(outputs: int, taps: int, t: Index) -> None:
        starts = [offsets[t + s] for s in range(taps)]
        xs = [x + start for start in starts]
        gs = [g + q * g_step for q in range(outputs)]
        steps = [(t + s) * total_step for s in range(taps)]
        numbers = [step + q for step in steps for q in range(outputs)]
        places = [total + number * v.lanes for number in numbers]
        sums = v.sums([v.load(place) for place in places])

        def add(v: Vectors, x_index: Index, g_index: Index) -> None:
            gs_now = [v.load(g + g_index) for g in gs]
            for s in range(taps):
                x_now = v.load(xs[s] + x_index)
                for q in range(outputs):
                    sums[s * outputs + q].add_product(x_now, gs_now[q])

        with v.loop(rows) as r:
            x_begin, g_begin = r * x_row, r * g_row
            with v.loop(0, whole, v.lanes) as k:
                add(v, x_begin + k, g_begin + k)
            with v.when(rest > 0):
                add(v.first(rest), x_begin + whole, g_begin + whole)
        for place, value in zip(places, sums, strict=True):
            v.store(value, place)

    for n, sizes in _TAPS_PER_TILE.items():
        with v.when(outputs.equals(n)):
            v.each_tile(sizes, taps, partial(tile, n))


@writes_vectors
def add_products_of_winners(
    v: Vectors, x: Array, x_at: Index, x_row: Index, dy: Array, argmax: Array, at: Index, step: Index, rows: Index,
    windows: Index, k_h: Index, k_w: Index, total: Array, total_at: Index, total_step: Index, outputs: Index,
) -> None:  # fmt: skip
    """total[t,q] += sum over l, k of dy[at + q*step + l*lanes + k] *
        x[x_at + (2*h + a + i)*x_row + (2*w + b + j)*lanes + k]

    l : a window, h*windows + w;  (a,b) : its place that won in this lane, argmax[at + q*step + l*lanes
    + k] = 2*a + b; no term if that is NO_WINNER
    for t = i*k_w + j, i in 0..k_h, j in 0..k_w; q in 0..outputs, which is 4, 2 or 1 and at most
    WINNERS_OUTPUTS; h in 0..rows; w in 0..windows; k in 0..lanes: a place is one vector
    total[t,q] : `lanes` numbers, as in add_products

    Each lane takes from the window's four places the x that its winner needs: first of two rows, then
    of two columns. So there is one product where add_products has four, three of them with zeros.
    """
    x, dy, argmax, total = x + x_at, dy + at, argmax + at, total + total_at

    def tile(outputs: int, k_rows: int, k_columns: int, i: Index, j: Index) -> None:
        taps = [(i + r) * k_w + (j + c) for r, c in product(range(k_rows), range(k_columns))]
        places = [[total + (t * total_step + q) * v.lanes for t in taps] for q in range(outputs)]
        sums = [v.sums([v.load(place) for place in places[q]]) for q in range(outputs)]
        with v.loop(rows) as h, v.loop(windows) as w:
            window, corner = (h * windows + w) * v.lanes, x + ((i + h + h) * x_row + (j + w + w) * v.lanes)
            lines = [corner + x_row * r for r in range(k_rows + 1)]
            xs = [[v.load(line + c * v.lanes) for c in range(k_columns + 1)] for line in lines]
            for q in range(outputs):
                winner = v.load(argmax + (q * step + window))
                gradient = v.choose(winner < NO_WINNER, v.load(dy + (q * step + window)), 0)
                below, right = ((winner & v.splat(v.byte(bit))) > 0 for bit in (2, 1))
                for r in range(k_rows):
                    row = [v.choose(below, *pair) for pair in zip(xs[r + 1], xs[r], strict=True)]
                    for c in range(k_columns):
                        sums[q][r * k_columns + c].add_product(v.choose(right, row[c + 1], row[c]), gradient)
        for q in range(outputs):
            for place, value in zip(places[q], sums[q], strict=True):
                v.store(value, place)

    def tiles(outputs: int, k_rows: int, i: Index) -> None:
        v.each_tile(_WINNERS_COLUMNS, k_w, lambda k_columns, j: tile(outputs, k_rows, k_columns, i, j))

    for n in _WINNERS_OUTPUTS:
        with v.when(outputs.equals(n)):
            v.each_tile(_WINNERS_ROWS, k_h, partial(tiles, n))


@writes_vectors
def sum_lanes(v: Vectors, total: Array, at: Index, sums: Array, to: Index, count: Index) -> None:
    """sums[to + k] = sum of total[at + k*lanes:][:lanes]    for k in 0..count, at most lanes

    It reads `lanes` vectors, whatever the count.
    """
    vectors = [v.load(total + (at + k * v.lanes)) for k in range(v.lanes)]
    v.first(count).store(v.add_lanes(vectors), sums + to)


@writes_vectors
def transpose_square(
    v: Vectors, source: Array, source_at: Index, source_rows: Array, target: Array, target_at: Index, target_rows: Array
) -> None:
    """target[target_at + target_rows[c] + r] = source[source_at + source_rows[r] + c] for r, c in 0..lanes

    A round interleaves the first half of the rows with the second. That rotates the bits of a
    number's (row, column) by one: after log2(lanes) rounds row and column have changed places,
    without memory.
    """
    n = v.lanes
    square = [v.load(source + (source_at + source_rows[r])) for r in range(n)]
    for _ in range(n.bit_length() - 1):
        square = [v.interleave(square[r // 2], square[r // 2 + n // 2], r % 2) for r in range(n)]
    for r in range(n):
        v.store(square[r], target + (target_at + target_rows[r]))


@writes_vectors
def interleave_rows(v: Vectors, source: Array, source_step: Index, rows: Index, length: Index, target: Array) -> None:
    """target[k*rows + r] = source[r*source_step + k]    for r in 0..rows; k in 0..length

    rows   : one of `units` (pool_tiles.py), fewer than lanes
    length : a multiple of lanes

    The rounds are those of transpose_square, with as many vectors as there are rows.
    """
    for n in units(v.lanes)[:-1]:
        with v.when(rows.equals(n)), v.loop(0, length, v.lanes) as k:
            vectors = [v.load(source + (r * source_step + k)) for r in map(v.index, range(n))]
            for _ in range(n.bit_length() - 1):
                vectors = [v.interleave(vectors[r // 2], vectors[r // 2 + n // 2], r % 2) for r in range(n)]
            for r in range(n):
                v.store(vectors[r], target + (k * n + r * v.lanes))


@writes_vectors
def copy_number(v: Vectors, source: Array, source_at: Index, target: Array, target_at: Index) -> None:
    """target[target_at] = source[source_at], in arrays of any shape

    Numba's own indexing of flat views makes the loops of layout.py a tenth longer, in instructions.
    """
    target[target_at] = source[source_at]
