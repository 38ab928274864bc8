"""One pool of threads that takes blocks of work in turn, while BLAS is held to one thread.

Why not BLAS's own threads: a convolution spends its time moving memory, not on arithmetic. Two
threads that each carry a block of images through all steps in their own cache beat two threads that
wait for each other after every step; and two pools at once (ours and BLAS's) compete for the cores.

The blocks depend on the shapes alone, and every sum over blocks is taken in block order. So the
same seed gives the same bits on any number of threads.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path

from threadpoolctl import LibController, ThreadpoolController

_lock = threading.Lock()
_threads: int | None = None  # None until it is set or first needed; then the cores that this process may use
_pool: ThreadPoolExecutor | None = None
_blas: list[LibController] | None = None  # the BLAS libraries of this process, looked up once
_blas_threads: list[int] = []  # threads of each library before it was held to one
_blas_users = 0


def available_cores() -> int:
    """The cores that this process may use: its CPU affinity, limited by its cgroup's share."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):  # no cgroup (version 2), or no limit: "max 100000"
        return cores


def set_threads(threads: int | None) -> None:
    """Sets the number of threads that kernels use in this process; None means all available cores.

    Raises
        ValueError : fewer than one thread

    >>> set_threads(2)
    >>> get_threads()
    2
    >>> set_threads(None)
    """
    global _threads, _pool
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or threads < 1):
        raise ValueError(f"set_threads: got {threads!r}, expected a whole number from 1 up, or None for all cores")
    with _lock:
        _threads = threads
        old, _pool = _pool, None
    if old is not None:
        old.shutdown(wait=False)


def get_threads() -> int:
    """The number of threads that kernels use."""
    global _threads
    if _threads is None:
        _threads = available_cores()
    return _threads


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Holds BLAS to one thread inside the block; the last of nested or concurrent users restores it."""
    global _blas, _blas_threads, _blas_users
    with _lock:
        if _blas_users == 0:
            # Library by library, because threadpoolctl's own `limit` takes as long as a small
            # product.
            if _blas is None:
                _blas = ThreadpoolController().select(user_api="blas").lib_controllers
            _blas_threads = [library.get_num_threads() for library in _blas]
            for library in _blas:
                library.set_num_threads(1)
        _blas_users += 1
    try:
        yield
    finally:
        with _lock:
            _blas_users -= 1
            if _blas_users == 0:
                _restore_blas()


def _restore_blas() -> None:
    for library, threads in zip(_blas or [], _blas_threads, strict=True):
        library.set_num_threads(threads)


def in_blocks(work: Callable[[int, int], None], total: int, block: int) -> None:
    """Calls work(start, stop) for every block of 0..total, several at a time; returns when all are done.

    work  : releases the GIL for most of its time (NumPy on large arrays, nogil kernels); writes
        only its own block; must not call in_blocks itself
    total : number of items, such as images
    block : items per call; the last call may get fewer

    BLAS is held to one thread meanwhile, unless there is only one block. An exception in any block
    is raised here.

    >>> done = []
    >>> in_blocks(lambda start, stop: done.append((start, stop)), total=5, block=2)
    >>> sorted(done)
    [(0, 2), (2, 4), (4, 5)]
    """
    if total <= block:
        if total > 0:
            work(0, total)
        return
    starts = iter(range(0, total, block))
    take = threading.Lock()

    def next_start() -> int | None:
        with take:
            return next(starts, None)

    def take_blocks() -> None:
        while (start := next_start()) is not None:
            work(start, min(start + block, total))

    blocks = -(-total // block)
    with single_threaded_blas():
        # This thread works too, so the pool lends one thread fewer, and a busy pool cannot block
        # the work. A lent thread works in a copy of the caller's context, so that np.errstate holds
        # there too.
        others = range(min(get_threads(), blocks) - 1)
        lent = [_get_pool().submit(copy_context().run, take_blocks) for _ in others]
        try:
            take_blocks()
        finally:
            # A thread that has not begun yet would find nothing to do. Not waiting for it makes
            # short work cheap.
            failures = [error for future in lent if not future.cancel() and (error := future.exception())]
    if failures:
        raise failures[0]


def _get_pool() -> ThreadPoolExecutor:
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(max_workers=max(1, get_threads() - 1), thread_name_prefix="nnscratch")
        return _pool


def _forget_after_fork() -> None:
    # Threads and held locks do not survive a fork: a child starts without any.
    global _lock, _pool, _blas_users
    _lock = threading.Lock()
    _pool = None
    if _blas_users:  # another thread of the parent held BLAS; nobody would restore it in the child
        _restore_blas()
    _blas_users = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
