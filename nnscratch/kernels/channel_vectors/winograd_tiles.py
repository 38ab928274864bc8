"""The three steps of winograd.py on whole vectors. The notation is that of vectors.py.

Positions within a transformed patch are 0 to 15, row by row. A chunk is as many input channels as a
vector has lanes.
"""

from __future__ import annotations

from itertools import product

from nnscratch.kernels.channel_vectors.forward_tiles import CHANNEL_VECTORS
from nnscratch.kernels.pool_tiles import store_largest
from nnscratch.kernels.values import Array, Index, Vector
from nnscratch.kernels.vectors import AVX512, writes_vectors
from nnscratch.kernels.writer import Vectors

PATCH = 16  # positions
# Windows in a tile, the most first. Each has a sum per vector of output channels in the registers.
WINDOWS_PER_TILE = (12, 6, 3, 1) if AVX512 else (6, 3, 1)


@writes_vectors
def transform_patches(
    v: Vectors, x: Array, x_at: Index, row_step: Index, pixel_step: Index, patches: Array, to: Index, step: Index,
    windows: Index,
) -> None:  # fmt: skip
    """patches[to + chunk*step + (w*16 + p)*lanes + c] = position p of B^T d B

    d : the 4x4 pixels of window w,
    d[i,j] = x[x_at + i*row_step + (2*w + j)*pixel_step + chunk*lanes + c]    for w in 0..windows
    x has pixel_step channels. Where the last chunk has more, they are 0.
    """
    x, patches = x + x_at, patches + to

    def times_b(four: list[Vector]) -> list[Vector]:
        """B^T times a column of four."""
        return [four[0] - four[2], four[1] + four[2], four[2] - four[1], four[1] - four[3]]

    def patch(part: Vectors, c: Index, w: Index) -> None:
        corner = x + (w * 2 * pixel_step + c)
        columns = []
        for j in range(4):
            column = corner + pixel_step * j
            columns.append(times_b([part.load(column + row_step * i) for i in range(4)]))
        target = patches + (c // v.lanes * step + w * (PATCH * v.lanes))
        for i in range(4):
            row = times_b([columns[j][i] for j in range(4)])
            for j in range(4):
                v.store(row[j], target + (4 * i + j) * v.lanes)

    with v.loop(windows) as w:
        v.each_vector(pixel_step, lambda part, c: patch(part, c, w))


@writes_vectors
def multiply_patches(
    v: Vectors, patches: Array, at: Index, step: Index, chunks: Index, weight: Array, w_at: Index, products: Array,
    windows: Index,
) -> None:  # fmt: skip
    """products[(w*16 + p)*K + o] = sum over chunk, c of
        patches[at + chunk*step + (w*16 + p)*lanes + c]
        * weight[w_at + ((p*chunks + chunk)*lanes + c)*K + o]

    for w in 0..windows, at most WINDOWS_PER_TILE[0]; p in 0..16; o in 0..K = CHANNEL_VECTORS*lanes
    """
    n, K = v.lanes, CHANNEL_VECTORS * v.lanes
    patches, weight = patches + at, weight + w_at

    def tile(size: int, first: Index) -> None:
        with v.loop(PATCH) as p:
            sums = [v.sums([v.zero()] * CHANNEL_VECTORS) for _ in range(size)]
            here = first * (PATCH * n) + p * n
            with v.loop(chunks) as chunk:
                numbers = patches + (here + chunk * step)
                rows = weight + (p * chunks + chunk) * (n * K)
                with v.loop(n) as c:
                    row, places = rows + c * K, numbers + c
                    weights = [v.load(row + q * n) for q in range(CHANNEL_VECTORS)]
                    for w in range(size):
                        number = v.splat(places[w * PATCH * n])
                        for q in range(CHANNEL_VECTORS):
                            sums[w][q].add_product(number, weights[q])
            to = products + (first * (PATCH * K) + p * K)
            for w, q in product(range(size), range(CHANNEL_VECTORS)):
                v.store(sums[w][q], to + (w * PATCH * K + q * n))

    v.each_tile(WINDOWS_PER_TILE, windows, tile)


@writes_vectors
def pool_patches(
    v: Vectors, products: Array, bias: Array, b_at: Index, y: Array, argmax: Array | None, to: Index, channels: Index,
    vectors: Index, windows: Index, count: Index,
) -> None:  # fmt: skip
    """y[to + w*channels + o] = max(0, the four numbers of bias[b_at + o] + A^T m A)
    argmax[to + w*channels + o] = which of them, the first on a tie; NO_WINNER if none is above 0.
    With argmax = None nobody asks.

    m = products[(w*16 + p)*K + o], p in 0..16, as multiply_patches made them
    for w in 0..windows; o in 0..vectors*lanes, `vectors` being 1 or 2
    Only the first `count` numbers of the last vector are written.
    """
    n, last = v.lanes, v.first(count)
    bias, y, argmax = bias + b_at, y + to, None if argmax is None else argmax + to

    def times_a(four: list[Vector]) -> list[Vector]:
        """A^T times a column of four."""
        return [four[0] + four[1] + four[2], four[1] - four[2] - four[3]]

    def window(q: int, result: Vectors, w: Index) -> None:
        place = products + (w * (PATCH * CHANNEL_VECTORS * n) + q * n)
        m = [v.load(place + p * CHANNEL_VECTORS * n) for p in range(PATCH)]
        rows = [times_a(m[4 * i : 4 * i + 4]) for i in range(4)]  # m A, row by row
        columns = [times_a([rows[i][b] for i in range(4)]) for b in range(2)]
        begin = v.load(bias + q * n)
        four, at = [columns[b][a] + begin for a in range(2) for b in range(2)], w * channels + q * n
        store_largest(v, result, four, y + at, None if argmax is None else argmax + at)

    for many in range(1, CHANNEL_VECTORS + 1):
        with v.loop(v.choose(vectors.equals(many), windows, 0)) as w:
            for q in range(many):
                window(q, last if q == many - 1 else v, w)
