"""Python's operators on values of the program that is being written."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from nnscratch.kernels.values import Array, Index, Number, Value
from nnscratch.kernels.vectors import VECTOR_BYTES, writes_vectors
from nnscratch.kernels.writer import Vectors


@writes_vectors
def write_whole_numbers(v: Vectors, like: Array, out: Array, a: Index, b: Index) -> None:
    results = [a + b, a + 2, 2 + a, a - b, a - 2, a * b, 2 * a, a // b, a // 3, a % b, a % 3, 2 * a + b * 3]
    for k, result in enumerate(results):
        out[k] = result


@njit
def whole_numbers(like, out, a, b):
    write_whole_numbers(like, out, a, b)


@pytest.mark.parametrize(("a", "b"), [(17, 5), (0, 1), (5, 17)])
def test_whole_numbers(a, b) -> None:
    out = np.zeros(12, np.int64)
    whole_numbers(np.zeros(1), out, a, b)
    expected = [a + b, a + 2, 2 + a, a - b, a - 2, a * b, 2 * a, a // b, a // 3, a % b, a % 3, 2 * a + b * 3]
    assert out.tolist() == expected


def conditions(a: Value, b: Value) -> list[Value]:
    return [a < b, a <= b, a > b, a >= b, a.equals(b), (a < b) | (a > b), (a <= b) & (a >= b)]


@writes_vectors
def write_conditions(v: Vectors, like: Array, out: Array, a: Number, b: Number) -> None:
    for k, condition in enumerate(conditions(a, b)):
        out[k] = v.choose(condition, 1, 0)


@njit
def compare(like, out, a, b):
    write_conditions(like, out, a, b)


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.float32, np.float64])
@pytest.mark.parametrize(("a", "b"), [(3, 5), (5, 3), (4, 4), (200, 100)])
def test_conditions_of_whole_numbers_bytes_and_floats(kind, a, b) -> None:
    out = np.full(7, 9, np.int64)
    compare(np.zeros(1), out, kind(a), kind(b))
    assert out.tolist() == [a < b, a <= b, a > b, a >= b, a == b, a != b, a == b]


def test_a_whole_number_has_a_sign() -> None:
    out = np.full(7, 9, np.int64)
    compare(np.zeros(1), out, -3, 5)
    assert out[0] == 1


def test_no_comparison_with_nan_holds() -> None:
    out = np.full(7, 9, np.int64)
    compare(np.zeros(1), out, np.nan, 1.0)
    assert not out.any()


@writes_vectors
def write_vectors_of_floats(v: Vectors, x: Array, y: Array, out: Array) -> None:
    a, b = v.load(x), v.load(y)
    for k, result in enumerate([a + b, a - b, a * b, v.choose(a > b, a, 0), v.choose(a.is_nan(), 1 * b, b + b)]):
        v.store(result, out + k * v.lanes)


@njit
def vectors_of_floats(x, y, out):
    write_vectors_of_floats(x, y, out)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_vectors_of_floats(dtype) -> None:
    rng = np.random.default_rng(1)
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    x, y = (rng.standard_normal(lanes).astype(dtype) for _ in range(2))
    x[1] = np.nan
    out = np.zeros((5, lanes), dtype)
    vectors_of_floats(x, y, out)
    expected = [x + y, x - y, x * y, np.where(x > y, x, 0), np.where(np.isnan(x), y, y + y)]
    np.testing.assert_array_equal(out, expected)


@writes_vectors
def write_places(v: Vectors, like: Array, x: Array, out: Array, at: Index) -> None:
    out[0], out[1], out[2], out[3] = x[at], (x + at)[2], (x + at + 1)[at], x.length
    out[4] = v.byte(7).to_index()


@njit
def read_places(like, x, out, at):
    write_places(like, x, out, at)


def test_places_in_an_array_count_its_numbers_whatever_its_shape() -> None:
    x, out = np.arange(24).reshape(3, 8), np.zeros(5, np.int64)
    read_places(np.zeros(1), x, out, 9)
    assert out.tolist() == [9, 11, 19, 3, 7]
