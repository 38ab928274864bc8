"""ReLU and 2x2 max pooling of whole vectors, forward and backward. The notation: vectors.py.

argmax holds a byte per window: the place of its maximum, counted in reading order, 0 1 / 2 3; or
NO_WINNER if no place is above 0. Then the ReLU lets nothing through, and no gradient goes back.
"""

from __future__ import annotations

from functools import partial

from nnscratch.kernels.values import Array, Index, Vector
from nnscratch.kernels.vectors import AVX512, writes_vectors
from nnscratch.kernels.writer import Sum, Vectors

NO_WINNER = 4


def largest_of_four(v: Vectors, four: list[Vector]) -> tuple[Vector, Vector]:
    """max(0, the largest of four vectors), and its place as bytes: 0 to 3, or NO_WINNER.

    The first wins on a tie, and NaN wins over numbers.
    """

    def larger(a: tuple[Vector, Vector], b: tuple[Vector, Vector]) -> tuple[Vector, Vector]:
        # A comparison with NaN is false, so that a NaN in b would lose: it is looked for by itself.
        is_nan = b[0].is_nan()
        wins = (b[0] > a[0]) | is_nan
        return v.choose(wins, b[0], a[0]), v.choose(wins, b[1], a[1])

    a, b, c, d = ((value, v.splat(v.byte(place))) for place, value in enumerate(four))
    value, place = larger(larger(a, b), larger(c, d))
    alive = (value > 0) | value.is_nan()
    return v.choose(alive, value, 0), v.choose(alive, place, NO_WINNER)


def largest_or_zero(v: Vectors, four: list[Vector]) -> Vector:
    """max(0, the largest of four vectors), `largest_of_four` without its place.

    NaN wins. Infinity beside -infinity gives NaN, too, where `largest_of_four` gives infinity.
    """
    a, b, c, d = four
    first, second = v.choose(a > b, a, b), v.choose(c > d, c, d)
    largest = v.choose(first > second, first, second)
    alive = v.choose(largest > 0, largest, 0)
    return v.choose((a + b + c + d).is_nan(), a + b + c + d, alive)


def store_largest(v: Vectors, result: Vectors, four: list[Vector], y: Array, argmax: Array | None) -> None:
    """Writes what `largest_of_four` gives, by `result`; its place only if there is an argmax."""
    if argmax is None:
        result.store(largest_or_zero(v, four), y)
        return
    value, winner = largest_of_four(v, four)
    result.store(value, y)
    result.store(winner, argmax)


def add_gradient(v: Vectors, dy: Array, argmax: Array, at: Index, total: Sum) -> None:
    """total += dy[at] where argmax[at] is a place, and not NO_WINNER"""
    won = v.load(argmax + at) < NO_WINNER
    total.add(v.choose(won, v.load(dy + at), 0))


@writes_vectors
def pool_vector(
    v: Vectors, rows: Array, at: Index, row_step: Index, right: Index, y: Array, argmax: Array, to: Index,
    count: Index | None,
) -> None:  # fmt: skip
    """y[to + k] = max(0, the largest of four);  argmax[to + k] = which one, NO_WINNER if none is above 0

    The four are rows[at + k], rows[at + right + k], and both again at + row_step.
    k in 0..count, or in 0..lanes if count is None. It reads whole vectors, whatever the count.
    """
    places = [row + shift for row in (rows + at, rows + at + row_step) for shift in (0, right)]
    value, winner = largest_of_four(v, [v.load(place) for place in places])
    result = v if count is None else v.first(count)
    result.store(value, y + to)
    result.store(winner, argmax + to)


def units(lanes: int) -> list[int]:
    """How many images, or numbers of another kind, fill a vector without a rest: 1, 2, 4, ..., lanes."""
    return [1 << k for k in range(lanes.bit_length())]


@writes_vectors
def pool_windows(
    v: Vectors, rows: Array, at: Index, row_step: Index, unit: Index, windows: Index, y: Array, argmax: Array, to: Index
) -> None:
    """pool_vector for windows side by side, whose places have `unit` numbers each: one of `units`.

    A window's are rows[at + 2*w*unit:][:unit], the next `unit`, and both again at + row_step; its
    results y[to + w*unit:][:unit]. It reads whole vectors.
    """
    upper, y, argmax = rows + at, y + to, argmax + to

    def pool(n: int, result: Vectors, k: Index) -> None:
        four = []
        for row in (upper, upper + row_step):
            left = row + (k + k)
            a, b = v.load(left), v.load(left + v.lanes)
            four += [v.every_second(a, b, 0, n), v.every_second(a, b, 1, n)]
        value, winner = largest_of_four(v, four)
        result.store(value, y + k)
        result.store(winner, argmax + k)

    for n in units(v.lanes):
        with v.when(unit.equals(n)):
            v.each_vector(windows * n, partial(pool, n))


@writes_vectors
def unpool_vector(
    v: Vectors, dy: Array, argmax: Array, at: Index, rows: Array, to: Index, row_step: Index, right: Index,
    count: Index | None,
) -> None:  # fmt: skip
    """pool_vector backward: the place argmax[at + k] gets dy[at + k], the other three get 0.

    The four places lie in rows as in pool_vector, from `to` on.
    """
    existing = v if count is None else v.first(count)
    gradient, winner = existing.load(dy + at), existing.load(argmax + at)
    for place in range(4):
        row = rows + to + row_step if place > 1 else rows + to
        gradient_or_0 = v.choose(winner.equals(place), gradient, 0)
        existing.store(gradient_or_0, row + right if place % 2 else row)


@writes_vectors
def unpool_windows(
    v: Vectors, dy: Array, argmax: Array, at: Index, windows: Index, rows: Array, to: Index, row_step: Index,
    unit: Index,
) -> None:  # fmt: skip
    """pool_windows backward, from dy[at:] and argmax[at:] to rows[to:] and rows[to + row_step:].

    It writes whole vectors: zeros after the last window. With AVX-512, where a unit fills a vector,
    it calls as much of dy and argmax, behind these, into the second-level cache: the next windows
    of this channel.
    """
    dy, argmax, upper = dy + at, argmax + at, rows + to
    length = windows * unit

    def unpool(n: int, existing: Vectors, k: Index) -> None:
        if AVX512 and n == v.lanes:
            v.prefetch(dy + (k + length))
            v.prefetch(argmax + (k + length))
        gradient, winner = existing.load(dy + k), existing.load(argmax + k)
        four = [v.choose(winner.equals(place), gradient, 0) for place in range(4)]
        for (a, b), row in ((four[:2], upper), (four[2:], upper + row_step)):
            left = row + (k + k)
            v.store(v.interleave(a, b, 0, n), left)
            v.store(v.interleave(a, b, 1, n), left + v.lanes)

    for n in units(v.lanes):
        with v.when(unit.equals(n)):
            v.each_vector(length, partial(unpool, n))


@writes_vectors
def add_winners(v: Vectors, dy: Array, argmax: Array, at: Index, length: Index, total: Array, total_at: Index) -> None:
    """total[total_at + k % lanes] += dy[at + k] where argmax[at + k] is a place, k in 0..length"""
    total = total + total_at
    (totals,) = v.sums([v.load(total)])
    v.each_vector(length, lambda v, k: add_gradient(v, dy, argmax, at + k, totals))
    v.store(totals, total)
