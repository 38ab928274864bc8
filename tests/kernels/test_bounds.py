"""The check of a load or a store, in functions that are compiled with it and without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import njit

from nnscratch.kernels import vectors
from nnscratch.kernels.values import Array, Index
from nnscratch.kernels.vectors import lanes, writes_vectors
from nnscratch.kernels.writer import Vectors


@writes_vectors
def copy_whole(v: Vectors, x: Array, at: Index, y: Array, to: Index) -> None:
    """y[to:] = x[at:], a whole vector"""
    v.store(v.load(x + at), y + to)


@writes_vectors
def copy_first(v: Vectors, x: Array, at: Index, y: Array, to: Index, count: Index) -> None:
    """y[to:] = x[at:], as many lanes"""
    part = v.first(count)
    part.store(part.load(x + at), y + to)


@writes_vectors
def copy_last(v: Vectors, x: Array, at: Index, y: Array, to: Index) -> None:
    """y[to:] = x[at:], the last lane alone"""
    last = v.mask_of_first(v.index(v.lanes - 1))
    part = v.masked(last.equals(0))
    part.store(part.load(x + at), y + to)


@writes_vectors
def copy_number(v: Vectors, x: Array, at: Index, y: Array, to: Index) -> None:
    """y[to] = x[at]"""
    y[to] = x[at]


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Any]:
    """A function that calls an intrinsic and is compiled with checks."""
    monkeypatch.setattr(vectors, "CHECKED", True)

    def make(intrinsic: Any) -> Any:
        if intrinsic is copy_first:
            return njit(lambda x, at, y, to, count: intrinsic(x, at, y, to, count))
        return njit(lambda x, at, y, to: intrinsic(x, at, y, to))

    return make


@njit
def lanes_of(x: np.ndarray) -> int:
    return lanes(x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_vector_up_to_the_end_and_one_number_further(dtype: type, kernel: Callable[[Any], Any]) -> None:
    x, y = np.arange(40, dtype=dtype), np.zeros(40, dtype)
    n, copy = lanes_of(x), kernel(copy_whole)
    for at, to in [(0, 0), (40 - n, 0), (0, 40 - n)]:
        copy(x, at, y, to)
        np.testing.assert_array_equal(y[to : to + n], x[at : at + n])
    for at, to, name in [(41 - n, 0, "x"), (-1, 0, "x"), (0, 41 - n, "y"), (0, -1, "y"), (2**40, 0, "x")]:
        y[:] = 0
        with pytest.raises(IndexError, match=f"copy_whole: {name} is read or written outside of its array"):
            copy(x, at, y, to)
        assert not y.any()


def test_only_the_lanes_that_are_read_must_lie_inside(kernel: Callable[[Any], Any]) -> None:
    x, y = np.arange(40.0), np.zeros(40)
    n, copy = lanes_of(x), kernel(copy_first)
    for count in range(n + 1):
        copy(x, 40 - count, y, 40 - count, count)
        np.testing.assert_array_equal(y[40 - count :], x[40 - count :])
        if count:
            with pytest.raises(IndexError, match="copy_first: x"):
                copy(x, 41 - count, y, 0, count)
    copy(x, 10**6, y, -(10**6), 0)  # no lane: the place may be anywhere


def test_the_first_lane_that_is_read_counts(kernel: Callable[[Any], Any]) -> None:
    x, y = np.arange(40.0), np.zeros(40)
    n, copy = lanes_of(x), kernel(copy_last)
    copy(x, 1 - n, y, 1 - n)
    assert y[0] == x[0]
    with pytest.raises(IndexError, match="copy_last: x"):
        copy(x, -n, y, 0)
    with pytest.raises(IndexError, match="copy_last: y"):
        copy(x, 0, y, -n)


def test_single_numbers(kernel: Callable[[Any], Any]) -> None:
    x, y, copy = np.arange(5.0), np.zeros(4), kernel(copy_number)
    copy(x, 4, y, 3)
    assert y[3] == 4
    for at, to in [(5, 0), (-1, 0), (0, 4), (0, -1)]:
        with pytest.raises(IndexError):
            copy(x, at, y, to)


def test_a_view_ends_where_it_ends(kernel: Callable[[Any], Any]) -> None:
    memory = np.arange(100.0)
    with pytest.raises(IndexError):
        kernel(copy_number)(memory[10:20], 10, memory, 0)
