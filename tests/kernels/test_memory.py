from __future__ import annotations

import threading

import numpy as np

from nnscratch.kernels.memory import Buffers, Scratch, aligned, empty


def test_every_array_starts_on_a_cache_line() -> None:
    buffers = Buffers()
    arrays = [empty((n,), np.float64) for n in range(1, 30)]
    arrays += [buffers.get(str(n), (n, 3), np.uint8) for n in range(1, 9)]
    assert all(array.ctypes.data % 64 == 0 for array in arrays)


def test_an_aligned_copy_is_made_where_it_is_needed_only() -> None:
    lies_on_a_line = empty((5, 4), np.float32)
    lies_on_a_line[...] = np.arange(20).reshape(5, 4)
    assert aligned(lies_on_a_line) is lies_on_a_line
    for other in (lies_on_a_line[1:], lies_on_a_line[:, 1:], lies_on_a_line.T):
        copy = aligned(other)
        assert copy.flags.c_contiguous
        assert copy.ctypes.data % 64 == 0
        np.testing.assert_array_equal(copy, other)
    assert aligned(lies_on_a_line, np.float64).dtype == np.float64


def test_memory_is_used_again_and_grows() -> None:
    buffers = Buffers()
    first = buffers.get("x", (10,), np.float32)
    assert np.shares_memory(first, buffers.get("x", (2, 5), np.float32))
    assert np.shares_memory(first, buffers.get("x", (5,), np.float64))
    assert not np.shares_memory(first, buffers.get("y", (10,), np.float32))
    larger = buffers.get("x", (11,), np.float32)
    assert larger.shape == (11,)
    assert np.shares_memory(larger, buffers.get("x", (10,), np.float32))


def test_each_thread_has_its_own_scratch() -> None:
    scratch = Scratch()
    arrays = [scratch.get("x", (4,), np.float32)]
    thread = threading.Thread(target=lambda: arrays.append(scratch.get("x", (4,), np.float32)))
    thread.start()
    thread.join()
    assert not np.shares_memory(*arrays)
    assert np.shares_memory(arrays[0], scratch.get("x", (4,), np.float32))


def test_the_same_shape_in_another_dtype_is_another_array() -> None:
    buffers = Buffers()
    single = buffers.get("y", (3, 4), np.float32)
    double = buffers.get("y", (3, 4), np.float64)
    assert (single.dtype, double.dtype) == (np.float32, np.float64)
    assert double.shape == (3, 4)


def test_the_memory_of_buffers_is_one_array_per_name() -> None:
    buffers = Buffers()
    buffers.get("y", (3, 4), np.float32)
    buffers.get("y", (2, 4), np.float32)
    buffers.get("argmax", (3,), np.uint8)
    assert sorted(array.nbytes for array in buffers.arrays()) == [3, 48]


def test_allocations_tell_whether_arrays_stay_where_they_are() -> None:
    buffers = Buffers()
    first = buffers.get("x", (10,), np.float32)
    taken = buffers.allocations
    assert buffers.get("x", (2, 5), np.float32).ctypes.data == first.ctypes.data
    assert buffers.get("x", (3,), np.float64).ctypes.data == first.ctypes.data
    assert buffers.allocations == taken
    buffers.get("x", (11,), np.float32)
    assert buffers.allocations == taken + 1
    buffers.get("y", (1,), np.float32)
    assert buffers.allocations == taken + 2
