"""The cores of this process: how many there are, and how a thread leaves that of another.

A thread that is woken is to run beside the one that woke it, on another core. But where the system
does not see that a core idles, as in a virtual machine, it puts both on one core, and leaves them
there for seconds. So a thread that finds itself on its caller's core moves to another one. It is
bound to none: both may be moved again.

Measured (two cores of a virtual machine; a training step of kfkd net2, one image): 5.9 ms where both
threads are on one core, which 2 of 8 processes began with; otherwise 3.7.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from pathlib import Path


def available_cores() -> int:
    """The cores that this process may use: its CPU affinity, limited by its cgroup's share."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):  # no cgroup (version 2), or no limit: "max 100000"
        return cores


def _unknown() -> int:
    return -1


def _systems_own() -> Callable[[], int]:
    try:
        return ctypes.PyDLL(None).sched_getcpu  # which keeps the GIL: it takes less time than giving it back
    except (AttributeError, OSError, TypeError):  # no Linux
        return _unknown


current_core = _systems_own()  # the number of the core that this thread is on; -1: not known


def leave_core(core: int) -> None:
    """Moves this thread to another core, if it is on that one and may use another."""
    if core < 0 or current_core() != core or not hasattr(os, "sched_setaffinity"):
        return
    allowed = os.sched_getaffinity(0)
    others = allowed - {core}
    if others:
        try:
            os.sched_setaffinity(0, others)
            os.sched_setaffinity(0, allowed)
        except OSError:  # not allowed here, or the cores have changed meanwhile
            return
