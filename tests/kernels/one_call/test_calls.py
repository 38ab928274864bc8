"""Arrays and kernels by address, and counters that threads share."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from numba import njit, types

from nnscratch.kernels.one_call import calls
from nnscratch.kernels.one_call.calls import add, address, address_of, array_at, call_kernel, look, pause

_ROW = types.Array(types.float32, 1, "C")


@njit(nogil=True)
def scale(x, factor, y):
    for i in range(len(x)):
        y[i] = factor * x[i]


@njit
def call(kernel, x, y_at):
    call_kernel(kernel, (x, np.int64(3), array_at(np.float32, y_at, (len(x),))))


@njit
def view(at, rows, columns):
    return array_at(np.float32, at, (rows, columns))[rows - 1, columns - 1]


@njit
def begin(x):
    return address(x)


@njit(nogil=True)
def count(counters, rounds):
    for _ in range(rounds):
        add(counters, 1, 2)
        pause()
    return look(counters, 1)


def test_a_kernel_is_called_by_its_address() -> None:
    kernel = address_of(scale, (_ROW, types.int64, _ROW))
    assert kernel == address_of(scale, (_ROW, types.int64, _ROW))
    x, y = np.arange(4, dtype=np.float32), np.zeros(4, np.float32)
    call(kernel, x, y.ctypes.data)
    np.testing.assert_array_equal(y, 3 * x)


def test_a_function_that_is_not_compiled_has_none() -> None:
    with pytest.raises(ValueError, match="expected a compiled kernel"):
        address_of(scale.py_func, (_ROW, types.int64, _ROW))


def test_an_array_is_seen_by_its_address() -> None:
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert begin(x) == x.ctypes.data
    assert view(x.ctypes.data, 3, 4) == 11
    assert view(x.ctypes.data, 2, 3) == 5


def test_no_addition_is_lost() -> None:
    counters = np.zeros(3, np.int64)
    threads = [threading.Thread(target=count, args=(counters, 20_000)) for _ in range(2)]
    count(counters, 1)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counters.tolist() == [0, 80_002, 0]


@pytest.mark.parametrize("name", ["sched_yield", "no_such_function_in_any_system"])
def test_give_way_does_nothing_else(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "_GIVE_WAY", name)

    @njit
    def twice(x: int) -> int:
        calls.give_way()
        return 2 * x

    assert twice(21) == 42
