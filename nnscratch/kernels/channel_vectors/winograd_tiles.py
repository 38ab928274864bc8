"""The steps of winograd.py on whole vectors. The notation is that of vectors.py.

A patch is 4x4 positions for a 3x3 kernel, and 3x3 for a 2x2 one: side*side, counted row by row; it
gives a pooling window. A large one, for a 3x3 kernel, is 6x6 and gives 2x2 windows. A chunk is as
many input channels as a vector has lanes. Patches and products lie position by position,

    patches[((chunk*positions + p)*T + w)*lanes + c]      p position, w patch, T = WINDOWS_TOGETHER
    products[(p*T + w)*K + o]                             K = CHANNEL_VECTORS*lanes

so that a matrix product finds all patches of one position side by side, and so that the distance
between two positions is a constant: a distance in a register each would be more than there are.
"""

from __future__ import annotations

from functools import partial
from itertools import product

from nnscratch.kernels.channel_vectors.forward_tiles import CHANNEL_VECTORS
from nnscratch.kernels.pool_tiles import store_largest
from nnscratch.kernels.values import Array, Index, Vector
from nnscratch.kernels.vectors import AVX512, writes_vectors
from nnscratch.kernels.writer import Vectors

# Patches in a tile, the most first. Each has a sum per vector of output channels in the registers.
# Fewer than 3 would take as long as 3: a sum waits four cycles for its last multiply-add.
WINDOWS_PER_TILE = (12, 6, 3) if AVX512 else (6, 3)
WINDOWS_TOGETHER = 12  # a multiple of the largest tile
PIXELS = {4: 2, 3: 2, 6: 4}  # by the side of a patch, from one to the next

# Where the polynomials of large patches are evaluated, besides 0 and infinity: at +-_A and +-_B. These
# round least among points whose powers are exact in binary (winograd.py).
_A, _B = 5 / 8, 5 / 4


def _times_b(v: Vectors, line: list[Vector]) -> list[Vector]:
    """B^T times a column of the patch."""
    if len(line) == 3:
        return [line[0] - line[1], line[1], line[2] - line[1]]
    if len(line) == 4:
        return [line[0] - line[2], line[1] + line[2], line[2] - line[1], line[1] - line[3]]

    def plus(a: Vector, factor: float, b: Vector) -> Vector:
        return v.add_product(b, v.constant(factor), a)

    ends = [plus(plus(line[k + 4], -(_A**2) - _B**2, line[k + 2]), (_A * _B) ** 2, line[k]) for k in range(2)]
    middle = []
    for point, other in ((_A, _B), (_B, _A)):
        even, odd = (plus(line[k + 2], -(other**2), line[k]) for k in (2, 1))
        middle += [plus(even, point, odd), plus(even, -point, odd)]
    return [ends[0], *middle, ends[1]]


def _times_a(v: Vectors, line: list[Vector]) -> list[Vector]:
    """A^T times a column of the products."""
    if len(line) == 3:
        return [line[0] + line[1], line[1] + line[2]]
    if len(line) == 4:
        return [line[0] + line[1] + line[2], line[1] - line[2] - line[3]]
    (even_a, odd_a), (even_b, odd_b) = ((line[k] + line[k + 1], line[k] - line[k + 1]) for k in (1, 3))

    def powers(n: int, a: Vector, b: Vector) -> Vector:
        return v.add_product(b, v.constant(_B**n), a * v.constant(_A**n))

    return [
        line[0] + even_a + even_b, powers(1, odd_a, odd_b), powers(2, even_a, even_b), powers(3, odd_a, odd_b) + line[5]
    ]  # fmt: skip


def _times_g(v: Vectors, line: list[Vector], side: int) -> list[Vector]:
    """G times a column of the kernel."""
    if side == 3:
        return [line[0], line[0] + line[1], line[1]]
    if side == 4:
        even, odd = (line[0] + line[2]) * v.constant(0.5), line[1] * v.constant(0.5)
        return [line[0], even + odd, even - odd, line[2]]
    middle = []
    for point, other in ((_A, _B), (_B, _A)):
        scale = 1 / (2 * point**2 * (point**2 - other**2))
        even = v.add_product(line[2], v.constant(point**2), line[0]) * v.constant(scale)
        odd = line[1] * v.constant(point * scale)
        middle += [even + odd, even - odd]
    return [line[0] * v.constant(1 / (_A * _B) ** 2), *middle, line[2]]


@writes_vectors
def transform_kernels(
    v: Vectors, weight: Array, at: Index, channels: Index, step: Index, transformed: Array, to: Index,
    position_step: Index, count: Index, size: int, side: int,
) -> None:  # fmt: skip
    """transformed[to + p*position_step + c*K + o] = position p of G w G^T

    w[i,j] = weight[at + ((size*i + j)*channels + c)*step + o], of size*size numbers
    for p in 0..side*side; c in 0..channels; o in 0..count, and on to a whole vector: 0 there
    """
    weight, transformed, tap_step = weight + at, transformed + to, channels * step

    def line(i: int, c: Index, part: Vectors, o: Index) -> None:
        taps, place = weight + (c * step + o), transformed + (c * (CHANNEL_VECTORS * v.lanes) + o)
        columns = [[part.load(taps + tap_step * (size * k + j)) for k in range(size)] for j in range(size)]
        for j, value in enumerate(_times_g(v, [_times_g(v, column, side)[i] for column in columns], side)):
            v.store(value, place + position_step * (side * i + j))

    # Line by line: the positions lie at distances that share lines of the first-level cache, which
    # would not hold all of them. Loads are repeated: 0.07 instead of 0.19 ms for 96 to 192 channels.
    for i in range(side):
        with v.loop(channels) as c:
            v.each_vector(count, partial(line, i, c))


@writes_vectors
def transform_patches(
    v: Vectors, x: Array, x_at: Index, row_step: Index, pixel_step: Index, patches: Array, first: Index,
    windows: Index, side: int,
) -> None:  # fmt: skip
    """patches[((chunk*positions + p)*T + first + w)*lanes + c] = position p of B^T d B

    d : the side*side pixels of patch w,
    d[i,j] = x[x_at + i*row_step + (PIXELS[side]*w + j)*pixel_step + chunk*lanes + c]    for w in 0..windows
    x has pixel_step channels, in so many chunks. Where the last chunk has more, they are 0.
    """
    x, patches, position_step = x + x_at, patches + first * v.lanes, WINDOWS_TOGETHER * v.lanes
    step = PIXELS[side]

    def patch(part: Vectors, c: Index, w: Index) -> None:
        corner = x + (w * step * pixel_step + c)
        columns = []
        for j in range(side):
            column = corner + pixel_step * j
            for i in range(step if AVX512 and j < step else 0):  # what the next row of patches needs besides
                v.prefetch(column + row_step * (side + i))
            columns.append(_times_b(v, [part.load(column + row_step * i) for i in range(side)]))
        target = patches + (c * (side * side * WINDOWS_TOGETHER) + w * v.lanes)
        for i in range(side):
            for j, value in enumerate(_times_b(v, [column[i] for column in columns])):
                v.store(value, target + (side * i + j) * position_step)

    with v.loop(windows) as w:
        v.each_vector(pixel_step, lambda part, c: patch(part, c, w))


@writes_vectors
def multiply_patches(
    v: Vectors, patches: Array, positions: Index, channels: Index, weight: Array, w_at: Index, products: Array,
    windows: Index, vectors: Index,
) -> None:  # fmt: skip
    """products[(p*T + w)*K + o] = sum over chunk, c of
        patches[((chunk*positions + p)*T + w)*lanes + c]
        * weight[w_at + ((p*chunks + chunk)*lanes + c)*K + o]

    for p in 0..positions; chunk*lanes + c in 0..channels; o in 0..vectors*lanes, `vectors` being 1 or
    2; w in 0..windows, at most T, and on to a whole tile: what is there is multiplied, too, and
    nobody asks for it
    """
    n, K, smallest = v.lanes, CHANNEL_VECTORS * v.lanes, WINDOWS_PER_TILE[-1]
    weight, chunks = weight + w_at, (channels + (n - 1)) // n

    def tile(vectors: int, p: Index, size: int, first: Index) -> None:
        sums = [v.sums([v.zero()] * vectors) for _ in range(size)]
        with v.loop(chunks) as k:
            numbers = patches + ((k * positions + p) * WINDOWS_TOGETHER + first) * n
            rows = weight + (p * chunks + k) * (n * K)
            with v.loop(v.smaller(channels - k * n, n)) as c:
                row, places = rows + c * K, numbers + c
                weights = [v.load(row + q * n) for q in range(vectors)]
                for w in range(size):
                    number = v.splat(places[w * n])
                    for q in range(vectors):
                        sums[w][q].add_product(number, weights[q])
        to = products + (p * WINDOWS_TOGETHER + first) * K
        for w, q in product(range(size), range(vectors)):
            v.store(sums[w][q], to + (w * K + q * n))

    whole = (windows + (smallest - 1)) // smallest * smallest
    for many in range(1, CHANNEL_VECTORS + 1):
        with v.when(vectors.equals(many)), v.loop(positions) as p:
            v.each_tile(WINDOWS_PER_TILE, whole, partial(tile, many, p))


@writes_vectors
def pool_patches(
    v: Vectors, products: Array, first: Index, bias: Array, b_at: Index, y: Array, argmax: Array | None, to: Index,
    channels: Index, row_step: Index, vectors: Index, windows: Index, count: Index, side: int,
) -> None:  # fmt: skip
    """y[to + w*channels + o] = max(0, the four numbers of bias[b_at + o] + A^T m A)
    argmax[to + w*channels + o] = which of them, the first on a tie; NO_WINNER if none is above 0.
    With argmax = None nobody asks.

    m = products[(p*T + first + w)*K + o], p in 0..side*side, as multiply_patches made them
    for w in 0..windows; o in 0..vectors*lanes, `vectors` being 1 or 2
    Window (a,b) of a large patch, with 4x4 numbers, goes to a*row_step + (2*w + b)*channels.
    Only the first `count` numbers of the last vector are written.
    """
    n, last = v.lanes, v.first(count)
    last.tests_masks = True  # a store with a mask, even of a whole vector, takes longer to reach memory
    products, bias = products + first * (CHANNEL_VECTORS * n), bias + b_at
    y, argmax, step = y + to, None if argmax is None else argmax + to, PIXELS[side]

    def patch(q: int, result: Vectors, w: Index) -> None:
        place = products + (w * (CHANNEL_VECTORS * n) + q * n)
        m = [v.load(place + p * (WINDOWS_TOGETHER * CHANNEL_VECTORS * n)) for p in range(side * side)]
        rows = [_times_a(v, m[side * i : side * i + side]) for i in range(side)]  # m A, row by row
        columns = [_times_a(v, [row[b] for row in rows]) for b in range(step)]
        begin = v.load(bias + q * n)
        for h, k in product(range(0, step, 2), range(0, step, 2)):
            four = [columns[k + b][h + a] + begin for a in range(2) for b in range(2)]
            index = row_step * (h // 2) + (w * (step // 2) + k // 2) * channels + q * n
            store_largest(v, result, four, y + index, None if argmax is None else argmax + index)

    for many in range(1, CHANNEL_VECTORS + 1):
        with v.loop(v.choose(vectors.equals(many), windows, 0)) as w:
            for q in range(many):
                patch(q, last if q == many - 1 else v, w)
