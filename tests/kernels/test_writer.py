"""What writes instructions on vectors, a method at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit

from nnscratch.kernels.values import Array, Index
from nnscratch.kernels.vectors import AVX512, VECTOR_BYTES, writes_vectors
from nnscratch.kernels.writer import Vectors


def run(intrinsic: Any, *arguments: Any) -> None:
    @njit
    def kernel(arguments):
        intrinsic(*arguments)

    kernel(arguments)


def lanes_of(dtype: type) -> int:
    return VECTOR_BYTES // np.dtype(dtype).itemsize


both = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@writes_vectors
def copy_first(v: Vectors, x: Array, y: Array, z: Array, count: Index) -> None:
    v.first(count).store(v.load(x), y)
    v.store(v.masked(v.mask_of_first(count)).load(x), z)


@both
def test_lanes_that_do_not_exist_are_not_written_and_are_read_as_0(dtype) -> None:
    n = lanes_of(dtype)
    x = np.arange(1, n + 1, dtype=dtype)
    for count in (0, 1, n - 1, n, n + 3):
        y, z = np.full(n, -1, dtype), np.full(n, -1, dtype)
        run(copy_first, x, y, z, count)
        lane = np.arange(n)
        np.testing.assert_array_equal(y, np.where(lane < count, x, -1))
        np.testing.assert_array_equal(z, np.where(lane < count, x, 0))


@writes_vectors
def rearrange(v: Vectors, x: Array, y: Array) -> None:
    a, b = v.load(x), v.load(x + v.lanes)
    results = [v.shuffle(a, b, range(2 * v.lanes - 1, v.lanes - 1, -1))]
    results += [v.interleave(a, b, half, unit) for unit in (1, 2) for half in (0, 1)]
    results += [v.every_second(*results[1:3], second, 1) for second in (0, 1)]
    results += [v.every_second(*results[3:5], second, 2) for second in (0, 1)]
    for k, result in enumerate(results):
        v.store(result, y + k * v.lanes)


@both
def test_shuffle_and_interleave(dtype) -> None:
    n = lanes_of(dtype)
    x, y = np.arange(2 * n, dtype=dtype), np.zeros((9, n), dtype)
    run(rearrange, x, y)
    by_one = np.stack([x[:n], x[n:]], axis=1).reshape(2, n)
    by_two = np.stack([x[:n].reshape(-1, 2), x[n:].reshape(-1, 2)], axis=1).reshape(2, n)
    np.testing.assert_array_equal(y, [x[: n - 1 : -1], *by_one, *by_two, *x.reshape(2, n), *x.reshape(2, n)])


@writes_vectors
def look_up_in_pair(v: Vectors, x: Array, places: Array, y: Array) -> None:
    v.store(v.look_up(v.load_pair(x, x + 9), v.widen(v.load(places))), y)


@pytest.mark.skipif(not AVX512, reason="an instruction of AVX-512")
def test_look_up_in_a_pair() -> None:
    x, y = np.arange(20, dtype=np.float32), np.empty(16, np.float32)
    places = np.random.default_rng(0).integers(0, 8, 16).astype(np.uint8)
    run(look_up_in_pair, x, places, y)
    np.testing.assert_array_equal(y, np.r_[x[:4], x[9:13]][places])


@writes_vectors
def add_up(v: Vectors, x: Array, y: Array, rounds: Index) -> None:
    v.store(v.add_lanes([v.load(x + k * v.lanes) for k in range(v.lanes)]), y)
    total, product = v.sums([v.zero(), v.load(x)])
    with v.loop(rounds):
        total.add(v.load(x))
        product.add_product(v.load(x), v.load(x + v.lanes))
    v.store(total, y + v.lanes)
    v.store(product, y + 2 * v.lanes)


@both
def test_sums_of_lanes_and_sums_over_rounds(dtype) -> None:
    n = lanes_of(dtype)
    x, y = np.random.default_rng(1).standard_normal((n, n)).astype(dtype), np.zeros((3, n), dtype)
    run(add_up, x, y, 5)
    expected = [x.sum(axis=1), 5 * x[0], x[0] + 5 * x[0] * x[1]]
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


@writes_vectors
def write_loops(v: Vectors, like: Array, out: Array, first: Index, last: Index) -> None:
    """Counts: a place in out gets how often it was met, plus 100 per round of the steps before."""
    with v.loop(last) as k:
        out[k] = out[k] + 1
    with v.loop(first, last) as k:
        out[k] = out[k] + 10
    with v.steps(first, last, 3) as (k, number):
        out[k] = out[k] + v.opaque(number + 1) * 100


def test_loops_go_where_range_goes() -> None:
    for first, last in ((0, 10), (2, 9), (5, 5), (6, 2)):
        out, expected = np.zeros(20, np.int64), np.zeros(20, np.int64)
        expected[:last] += 1
        expected[range(first, last)] += 10
        for number, k in enumerate(range(first, last, 3)):
            expected[k] += (number + 1) * 100
        run(write_loops, np.zeros(1), out, first, last)
        np.testing.assert_array_equal(out, expected)


@writes_vectors
def write_tiles(v: Vectors, like: Array, out: Array, length: Index) -> None:
    def tile(size: int, at: Index) -> None:
        out[at] = v.index(size)

    out[length + 1] = v.each_tile([5, 2], length, tile)


def test_tiles_of_the_first_size_while_they_fit_and_then_of_the_next() -> None:
    out = np.zeros(20, np.int64)
    run(write_tiles, np.zeros(1), out, 13)
    assert out[:15].tolist() == [5, 0, 0, 0, 0, 5, 0, 0, 0, 0, 2, 0, 0, 0, 12]


@writes_vectors
def write_ones(v: Vectors, x: Array, length: Index) -> None:
    def tile(v: Vectors, vectors: int, at: Index) -> None:
        for k in range(vectors):
            v.store(v.load(x + at + k * v.lanes) + 1, x + at + k * v.lanes)

    v.each_tile_of_vectors([3, 1], length, tile)
    v.each_vector(length, lambda v, at: tile(v, 1, at))


@both
def test_tiles_of_vectors_and_vectors_meet_each_number_once(dtype) -> None:
    n = lanes_of(dtype)
    for length in (0, 1, n, 3 * n + 1, 8 * n - 1):
        x = np.zeros(9 * n, dtype)
        run(write_ones, x, length)
        np.testing.assert_array_equal(x, np.where(np.arange(x.size) < length, 2, 0))


@writes_vectors
def write_branches(v: Vectors, like: Array, out: Array, a: Index, b: Index) -> None:
    out[0] = v.smaller(a, b)
    out[1] = v.smaller(a, 4)
    with v.when(a < b):
        out[2] = v.index(1)
    with v.either(a < b) as (yes, no):
        with yes:
            out[3] = v.index(1)
        with no:
            out[3] = v.index(2)


@pytest.mark.parametrize(("a", "b"), [(3, 5), (5, 3), (-1, -1)])
def test_branches(a, b) -> None:
    out = np.zeros(4, np.int64)
    run(write_branches, np.zeros(1), out, a, b)
    assert out.tolist() == [min(a, b), min(a, 4), int(a < b), 1 if a < b else 2]


@writes_vectors
def find_bytes(v: Vectors, like: Array, numbers: Array, out: Array) -> None:
    many = v.of_bytes(64)
    out[0] = many.load(numbers).equals(3).to_bits()
    v.prefetch(numbers)


def test_which_of_64_bytes_are_3() -> None:
    numbers, out = np.random.default_rng(1).integers(0, 5, 64).astype(np.uint8), np.zeros(1, np.uint64)
    run(find_bytes, np.zeros(1), numbers, out)
    assert out[0] == sum(1 << m for m in range(64) if numbers[m] == 3)
