"""How many cores there are, and that a thread leaves the core of its caller."""

from __future__ import annotations

import ctypes
import os
import threading
from pathlib import Path

import pytest

from nnscratch.kernels import cores as cores_module
from nnscratch.kernels import threads as threads_module
from nnscratch.kernels.cores import available_cores, current_core, leave_core
from nnscratch.kernels.threads import in_blocks, set_threads


@pytest.mark.parametrize(("limit", "cores"), [("max 100000", 8), ("150000 100000", 1), ("300000 100000", 3), ("?", 8)])
def test_the_share_of_a_container_is_respected(limit: str, cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(Path, "read_text", lambda path: limit)
    assert available_cores() == cores


@pytest.mark.parametrize(("count", "cores"), [(3, 3), (None, 1)])
def test_a_system_without_affinity_is_asked_for_its_cores(
    monkeypatch: pytest.MonkeyPatch, count: int | None, cores: int
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: count)
    monkeypatch.setattr(Path, "read_text", lambda self: "max 100000")  # no limit by a cgroup
    assert available_cores() == cores


class System:
    """Stands in for the system's calls: a thread on `core`, which may use the cores `allowed`."""

    def __init__(self, patch: pytest.MonkeyPatch, core: int, allowed: set[int], fails: bool = False) -> None:
        self.asked: list[set[int]] = []
        self.fails = fails
        patch.setattr(cores_module, "current_core", lambda: core)
        patch.setattr(os, "sched_getaffinity", lambda process: set(allowed), raising=False)
        patch.setattr(os, "sched_setaffinity", self.set_affinity, raising=False)

    def set_affinity(self, process: int, cores: set[int]) -> None:
        assert process == 0
        self.asked.append(set(cores))
        if self.fails:
            raise OSError("not allowed")


def test_a_thread_on_that_core_moves_and_is_bound_to_none(monkeypatch: pytest.MonkeyPatch) -> None:
    system = System(monkeypatch, 1, {0, 1, 3})
    leave_core(1)
    assert system.asked == [{0, 3}, {0, 1, 3}]


@pytest.mark.parametrize(("own", "core", "allowed"), [(0, 1, {0, 1}), (1, 1, {1}), (-1, -1, {0, 1})])
def test_other_threads_stay(own: int, core: int, allowed: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    system = System(monkeypatch, own, allowed)
    leave_core(core)
    assert system.asked == []


def test_a_system_that_moves_no_thread_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    system = System(monkeypatch, 1, {0, 1}, fails=True)
    leave_core(1)
    assert system.asked == [{0}]


def test_a_system_that_tells_no_core(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(name: None) -> None:
        raise TypeError("no such library")

    monkeypatch.setattr(ctypes, "PyDLL", fails)
    assert cores_module._systems_own()() == -1


@pytest.mark.skipif(current_core() < 0, reason="the system tells no core")
def test_a_thread_knows_its_core() -> None:
    seen: list[int] = []

    def look() -> None:  # in a thread of its own, because the affinity is the thread's
        for core in sorted(os.sched_getaffinity(0)):
            allowed = os.sched_getaffinity(0)
            os.sched_setaffinity(0, {core})
            seen.append(current_core())
            os.sched_setaffinity(0, allowed)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == sorted(os.sched_getaffinity(0))


def test_lent_threads_leave_their_callers_core(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[int] = []
    monkeypatch.setattr(threads_module, "current_core", lambda: 17)
    monkeypatch.setattr(threads_module, "leave_core", left.append)
    set_threads(2)
    try:
        meeting = threading.Barrier(2)

        def work(start: int, stop: int) -> None:
            meeting.wait(30)

        in_blocks(work, 2, 1)
    finally:
        set_threads(None)
    assert left == [17]
