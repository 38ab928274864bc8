"""Waiting for a flag without sleeping: it is seen, and the wait ends without it too."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from nnscratch.kernels import threads
from nnscratch.kernels.waiting import callers_wait_awake, wait_awake


def test_a_flag_that_is_never_written_ends_the_wait() -> None:
    flag = np.zeros(1, np.int64)
    wait_awake(flag)  # compiled
    begin = time.perf_counter()
    assert not wait_awake(flag)
    assert time.perf_counter() - begin < 1


def test_another_threads_flag_is_seen() -> None:
    flag = np.zeros(1, np.int64)

    def write() -> None:
        flag[0] = 1

    thread = threading.Thread(target=write)
    thread.start()
    while not wait_awake(flag):  # which needs the GIL to be given to the thread
        pass
    thread.join()
    assert wait_awake(flag)


def test_blocks_are_done_whether_their_caller_waits_awake_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for waits in ([], [wait_awake]):
        monkeypatch.setattr(threads, "waits", waits)
        for seconds in (0, 0.001):  # the second is longer than anybody waits awake
            done: list[int] = []

            def work(start: int, stop: int, done: list[int] = done, seconds: float = seconds) -> None:
                time.sleep(seconds)
                done.append(start)

            threads.set_threads(3)
            try:
                threads.in_blocks(work, 7, 1)
            finally:
                threads.set_threads(None)
            assert sorted(done) == list(range(7))


def test_callers_wait_awake_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "waits", [])
    callers_wait_awake()
    callers_wait_awake()
    assert threads.waits == [wait_awake]
