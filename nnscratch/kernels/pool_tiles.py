"""ReLU and 2x2 max pooling of whole vectors, forward and backward. The notation: vectors.py.

argmax holds a byte per window: the place of its maximum, counted in reading order, 0 1 / 2 3; or
NO_WINNER if no place is above 0. Then the ReLU lets nothing through, and no gradient goes back.
"""

from __future__ import annotations

from nnscratch.kernels.values import Array, Index, Vector
from nnscratch.kernels.vectors import writes_vectors
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
    v: Vectors, rows: Array, at: Index, row_step: Index, right: Index | None, y: Array, argmax: Array, to: Index,
    count: Index | None,
) -> None:  # fmt: skip
    """y[to + k] = max(0, the largest of four);  argmax[to + k] = which one, NO_WINNER if none is above 0

    The four are rows[at + k], rows[at + right + k], and both again at + row_step;
    with right = None they are rows[at + 2*k], rows[at + 2*k + 1], and both again at + row_step.
    k in 0..count, or in 0..lanes if count is None. It reads whole vectors, whatever the count.
    """

    def two(place: Array) -> tuple[Vector, Vector]:
        if right is not None:
            return v.load(place), v.load(place + right)
        a, b = v.load(place), v.load(place + v.lanes)
        return v.shuffle(a, b, range(0, 2 * v.lanes, 2)), v.shuffle(a, b, range(1, 2 * v.lanes, 2))

    upper = rows + at
    value, winner = largest_of_four(v, [*two(upper), *two(upper + row_step)])
    result = v if count is None else v.first(count)
    result.store(value, y + to)
    result.store(winner, argmax + to)


@writes_vectors
def unpool_vector(
    v: Vectors, dy: Array, argmax: Array, at: Index, rows: Array, to: Index, row_step: Index, right: Index | None,
    count: Index | None,
) -> None:  # fmt: skip
    """pool_vector backward: the place argmax[at + k] gets dy[at + k], the other three get 0.

    The four places lie in rows as in pool_vector, from `to` on. With right = None it writes whole
    vectors, whatever the count: zeros after the last.
    """
    existing = v if count is None else v.first(count)
    gradient, winner = existing.load(dy + at), existing.load(argmax + at)
    four = [v.choose(winner.equals(place), gradient, 0) for place in range(4)]
    upper = rows + to
    for (a, b), row in ((four[:2], upper), (four[2:], upper + row_step)):
        if right is not None:
            existing.store(a, row)
            existing.store(b, row + right)
        else:
            v.store(v.interleave(a, b, 0), row)
            v.store(v.interleave(a, b, 1), row + v.lanes)


@writes_vectors
def add_winners(v: Vectors, dy: Array, argmax: Array, at: Index, length: Index, total: Array, total_at: Index) -> None:
    """total[total_at + k % lanes] += dy[at + k] where argmax[at + k] is a place, k in 0..length"""
    total = total + total_at
    (totals,) = v.sums([v.load(total)])
    v.each_vector(length, lambda v, k: add_gradient(v, dy, argmax, at + k, totals))
    v.store(totals, total)
