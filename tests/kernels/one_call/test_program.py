"""The table of steps: every block once, none before what it waits for, whoever takes it."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from numba import njit, types, uint64

from nnscratch.kernels.one_call import program as p
from nnscratch.kernels.one_call.calls import add, address_of, array_at, look

_INTS, _INT = types.Array(types.int64, 1, "C"), types.int64


@njit
def note(step, block, x, y, scratch, counters):
    """y[block] = 1 + the smallest of x, A numbers, after a while; counts that in scratch[0]"""
    before, after = array_at(np.int64, x, (step[p.A],)), array_at(np.int64, y, (step[p.BLOCKS],))
    least = before[0]
    for i in range(uint64(step[p.A])):
        least = min(least, before[i])
    for i in range(2000):  # so that others come in between
        add(array_at(np.int64, scratch, (2,)), 1, i)
    after[block] += 1 + least
    add(array_at(np.int64, scratch, (2,)), 0, 1)


STEPS = [1, 7, 2, 30, 1]  # blocks of each


def table(threads: int) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """Each step needs all that the step before wrote; the caller's x and y are not used."""
    compute = address_of(note, (_INTS, _INT, _INT, _INT, _INT, _INTS))
    written = [np.zeros(1, np.int64), *(np.zeros(blocks, np.int64) for blocks in STEPS)]
    scratch = np.zeros((threads, 8), np.int64)
    steps = np.zeros((len(STEPS), p.COLUMNS), np.int64)
    for step, before, after in zip(steps, written, written[1:], strict=False):
        step[[p.COMPUTE, p.BLOCKS, p.WAITS]] = compute, len(after), 1
        step[[p.X, p.Y, p.A]] = before.ctypes.data, after.ctypes.data, len(before)
        step[[p.SCRATCH, p.SCRATCH_STEP]] = scratch.ctypes.data, scratch.strides[0]
    return steps, written, scratch


@njit
def meet(step, block, x, y, scratch, counters):
    """y[block] = scratch[0], the thread's number; two blocks at a time, which x[0] counts"""
    array_at(np.int64, y, (step[p.BLOCKS],))[block] = array_at(np.int64, scratch, (1,))[0]
    begun = array_at(np.int64, x, (1,))
    together = (add(begun, 0, 1) // 2 + 1) * 2
    while look(begun, 0) < together:
        pass


def test_the_first_thread_takes_the_first_blocks_and_a_helper_the_last() -> None:
    x, board = np.zeros(1, np.float32), np.zeros(2 * p.LINE, np.int64)
    begun, who, scratch = np.zeros(1, np.int64), np.zeros(8, np.int64), np.zeros((2, 8), np.int64)
    scratch[:, 0] = 0, 1
    steps = np.zeros((1, p.COLUMNS), np.int64)
    steps[0, [p.COMPUTE, p.BLOCKS]] = address_of(meet, (_INTS, _INT, _INT, _INT, _INT, _INTS)), len(who)
    steps[0, [p.X, p.Y]] = begun.ctypes.data, who.ctypes.data
    steps[0, [p.SCRATCH, p.SCRATCH_STEP]] = scratch.ctypes.data, scratch.strides[0]
    arguments = steps, x, x, p.counters(1), board
    helper = threading.Thread(target=p.run, args=(*arguments, 1, 0))
    helper.start()
    p.run(*arguments, 0, 0)
    helper.join()
    assert who.tolist() == [0] * 4 + [1] * 4


@pytest.mark.parametrize("helpers", [0, 1, 3])
def test_every_block_once_and_in_order(helpers: int) -> None:
    x, board = np.zeros(1, np.float32), np.zeros(2 * p.LINE, np.int64)
    for _ in range(20):
        steps, written, scratch = table(1 + helpers)
        counters = p.counters(len(steps))
        arguments = steps, x, x, counters, board
        threads = [threading.Thread(target=p.run, args=(*arguments, helpers, 10)) for _ in range(helpers)]
        for thread in threads:
            thread.start()
        assert p.run(*arguments, 0, 0) == 0
        for k, numbers in enumerate(written):
            assert (numbers == k).all()
        for thread in threads:
            thread.join()
        assert scratch[:, 0].sum() == sum(STEPS)
    assert board[p.POSTED] == 20
    assert board[p.HELPERS] == 0


def test_one_that_comes_late_or_is_too_many_does_nothing() -> None:
    x, board = np.zeros(1, np.float32), np.zeros(2 * p.LINE, np.int64)
    steps, written, scratch = table(2)
    counters = p.counters(len(steps))
    counters[p.THREADS] = 1
    assert p.run(steps, x, x, counters, board, 1, 0) == 0  # one helps already
    assert not scratch.any()
    p.run(steps, x, x, counters, board, 0, 0)
    counters[p.THREADS] = 0
    assert p.run(steps, x, x, counters, board, 1, 5) == 0
    assert scratch[1, 0] == 0
    assert (written[-1] == len(STEPS)).all()


def test_one_that_lingers_is_told_of_the_next_call() -> None:
    x, board = np.zeros(1, np.float32), np.zeros(2 * p.LINE, np.int64)
    steps, _written, _scratch = table(2)  # held: the table knows their addresses alone
    counters, told = p.counters(len(steps)), []
    p.run(steps, x, x, counters, board, 0, 0)
    helper = threading.Thread(target=lambda: told.append(p.run(steps, x, x, counters, board, 1, 1 << 40)))
    helper.start()
    while not board[p.HELPERS]:
        pass
    empty, none = steps[:0], p.counters(0)
    while helper.is_alive():
        p.run(empty, x, x, none, board, 0, 0)
    assert told == [1]
