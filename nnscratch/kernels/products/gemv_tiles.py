"""The innermost loops of a product with one row, in which each weight is used once.

The notation is that of vectors.py. `add_rows` is the shortest of all intrinsics: read it first.
"""

from __future__ import annotations

from nnscratch.kernels.values import Array, Index
from nnscratch.kernels.vectors import writes_vectors
from nnscratch.kernels.writer import Vectors

ROW_VECTORS = 16  # of a row whose sums stay in registers, with AVX-512


@writes_vectors
def add_rows(
    v: Vectors, x: Array, x_at: Index, w: Array, w_at: Index, w_row: Index, y: Array, y_at: Index, length: Index,
    rows: int,
) -> None:  # fmt: skip
    """y[y_at + k] += sum over r of x[x_at + r] * w[w_at + r*w_row + k]

    for r in 0..rows, a literal; k in 0..length
    """
    x, w, y = x + x_at, w + w_at, y + y_at
    xs = [v.splat(x[r]) for r in range(rows)]
    ws = [w + r * w_row for r in range(rows)]

    def step(v: Vectors, k: Index) -> None:
        total = v.load(y + k)
        for r in range(rows):
            total = v.add_product(xs[r], v.load(ws[r] + k), total)
        v.store(total, y + k)

    v.each_vector(length, step)


@writes_vectors
def multiply_columns(
    v: Vectors, x: Array, x_at: Index, w: Array, w_at: Index, w_row: Index, terms: Index, y: Array, y_at: Index
) -> None:
    """y[y_at + l] = sum over k in 0..terms of x[x_at + k] * w[w_at + k*w_row + l]

    l in 0..ROW_VECTORS vectors: all sums stay in registers, and w is read from front to back
    """
    x, w, y = x + x_at, w + w_at, y + y_at
    sums = v.sums([v.zero()] * ROW_VECTORS)

    def add_term(k: Index) -> None:
        number, row = v.splat(x[k]), w + k * w_row
        for p in range(ROW_VECTORS):
            sums[p].add_product(number, v.load(row + p * v.lanes))

    pairs = terms // 2
    with v.loop(pairs) as pair:
        add_term(pair * 2)
        add_term(pair * 2 + 1)
    with v.loop(pairs * 2, terms) as k:
        add_term(k)
    for p in range(ROW_VECTORS):
        v.store(sums[p], y + p * v.lanes)


@writes_vectors
def multiply_by_rows(
    v: Vectors, x: Array, w: Array, w_at: Index, w_row: Index, length: Index, y: Array, y_at: Index, rows: Index
) -> None:
    """y[y_at + r] = sum over k of x[k] * w[w_at + r*w_row + k]

    for k in 0..length; r in 0..rows, at most lanes
    """
    w, last = w + w_at, rows - 1
    # The last row stands in for rows that do not exist.
    numbers = [v.smaller(v.index(r), last) for r in range(v.lanes)]
    ws = [w + r * w_row for r in numbers]
    sums = v.sums([v.zero()] * v.lanes)

    def step(v: Vectors, k: Index) -> None:
        xs = v.load(x + k)
        for r in range(v.lanes):
            sums[r].add_product(xs, v.load(ws[r] + k))

    v.each_vector(length, step)
    result = v.add_lanes([total.value for total in sums])
    v.first(rows).store(result, y + y_at)
