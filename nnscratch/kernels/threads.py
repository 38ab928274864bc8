"""One pool of threads that takes blocks of work in turn, while BLAS is held to one thread.

Why not BLAS's own threads: a convolution spends its time moving memory, not on arithmetic. Two
threads that each carry a block of images through all steps in their own cache beat two threads that
wait for each other after every step; and two pools at once (ours and BLAS's) compete for the cores.

The blocks depend on the shapes alone, and every sum over blocks is taken in block order. So the
same seed gives the same bits on any number of threads. The caller takes the first blocks, the pool's
threads the last ones: of two, each finds in its own caches what it read or wrote in the last pass.

How many threads: what `set_threads` was last given (the examples' --threads is that); otherwise
NNSCRATCH_NUM_THREADS; otherwise the cores that this process may use, or fewer if OMP_NUM_THREADS or
its like say so (thread_limits.py). Trainings side by side share them (thread_shares.py).

A fork copies a process with one thread only. The child starts with a pool of its own, BLAS as it was
before this module held it, and no lock held; no block of the parent's goes on there.
"""

from __future__ import annotations

import os
import sys
import threading
from _thread import start_new_thread
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, copy_context
from queue import SimpleQueue
from typing import Protocol

import numpy as np
from numba.core.compiler_lock import global_compiler_lock
from threadpoolctl import LibController, ThreadpoolController

from nnscratch.kernels.cores import available_cores, current_core, leave_core
from nnscratch.kernels.thread_limits import default_threads
from nnscratch.kernels.thread_shares import share_of

_lock = threading.Lock()
_threads: int | None = None  # None until it is set or first needed
# Its threads end with the process. A Ctrl-C may leave locks of concurrent.futures' pool held.
# What is in the queue comes with its caller's core.
_pool: SimpleQueue[tuple[Context, Lendable, int] | None] = SimpleQueue()
_pool_threads = 0
_blas: list[LibController] | None = None  # the BLAS libraries of this process, looked up once
# Loads a second one, whenever somebody imports SciPy: Numba does, and scikit-learn.
_SCIPYS_BLAS = "scipy.linalg._fblas"
_knows_scipys = False
_blas_threads: list[int] = []  # threads of each library before it was held to one
_blas_users = 0
lookouts: list[Lookout] = []  # what threads of the pool do before they go to sleep
waits: list[Callable[[np.ndarray], bool]] = []  # and their caller; whether a flag became 1: waiting.py
_forks = 0  # between the first process and this one: who holds BLAS across a fork does not hold it any more


def set_threads(threads: int | None) -> None:
    """Sets the number of threads that kernels use in this process; None means the default.

    The default is NNSCRATCH_NUM_THREADS if that is set; otherwise all available cores, or the least
    of OMP_NUM_THREADS, OPENBLAS_NUM_THREADS, MKL_NUM_THREADS, NUMBA_NUM_THREADS and their like.
    Work that is under way in other threads ends on the threads that it began with.

    Raises
        ValueError : fewer than one thread

    >>> set_threads(2)
    >>> get_threads()
    2
    >>> set_threads(None)
    """
    global _threads, _pool, _pool_threads
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or threads < 1):
        raise ValueError(f"set_threads: got {threads!r}, expected a whole number from 1 up, or None for the default")
    with _lock:
        _threads = threads
        for _ in range(_pool_threads):
            _pool.put(None)  # behind what is in the queue, which is still done
        _pool, _pool_threads = SimpleQueue(), 0


def get_threads() -> int:
    """The number of threads that kernels use; fewer inside a `share_of_threads`."""
    global _threads
    if _threads is None:
        _threads = default_threads(available_cores())
    return share_of(_threads)


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Holds BLAS to one thread inside the block; the last of nested or concurrent users restores it."""
    global _blas_users
    holds, forks = False, _forks
    try:
        with _lock:
            # Counted before anything is held: a Ctrl-C from here on gives back what it finds held.
            _blas_users += 1
            holds = True
            if _blas_users == 1:
                _hold_blas()
        yield
    finally:
        if holds and forks == _forks:
            with _lock:
                _blas_users -= 1
                if _blas_users == 0:
                    _restore_blas()


def _hold_blas() -> None:
    global _blas, _blas_threads, _knows_scipys
    # Library by library, because threadpoolctl's own `limit` takes as long as a small product.
    if _blas is None or (not _knows_scipys and _SCIPYS_BLAS in sys.modules):
        _knows_scipys = _SCIPYS_BLAS in sys.modules
        _blas = ThreadpoolController().select(user_api="blas").lib_controllers
    _blas_threads = [library.get_num_threads() for library in _blas]
    for library in _blas:
        library.set_num_threads(1)


def _restore_blas() -> None:
    global _blas_threads
    for library, threads in zip(_blas or [], _blas_threads, strict=False):
        library.set_num_threads(threads)
    _blas_threads = []


class _Blocks:
    """The blocks of one call of `in_blocks`, which its caller and lent threads take in turn."""

    def __init__(self, work: Callable[[int, int], None], total: int, block: int) -> None:
        self.work, self.total, self.block = work, total, block
        self.starts = deque(range(0, total, block))
        if total % block:  # the short one comes last, so that all end at about the same time
            self.starts.insert(len(self.starts) // 2, self.starts.pop())
        self.failure: BaseException | None = None  # the first one in a lent thread
        self.lent = 0  # threads that are taking blocks, besides the caller's
        self.lock = threading.Lock()  # of the three above
        # Free when `lent` has become 0. A Condition, written in Python, may stay held after a Ctrl-C.
        self.idle = threading.Lock()
        self.idle.acquire()
        self.over = np.zeros(1, np.int64)  # 1 when `lent` has become 0, for who waits awake
        self.forks = _forks

    def take(self, first: bool) -> None:
        """Takes blocks until none is left: the first ones, or the last."""
        while (start := self._next_start(first)) is not None:
            self.work(start, min(start + self.block, self.total))

    def _next_start(self, first: bool) -> int | None:
        if self.forks != _forks:
            raise RuntimeError(
                "in_blocks: got a fork inside a block, expected none; the other threads are not there, so end the "
                "child by os._exit or exec, or fork outside"
            )
        with self.lock:
            if not self.starts:
                return None
            return self.starts.popleft() if first else self.starts.pop()

    def lend(self) -> None:
        """What a thread of the pool does; if it begins late, nothing."""
        with self.lock:
            self.lent += 1
        failure = None
        try:
            self.take(first=False)
        except BaseException as error:  # raised in the caller's thread
            failure = error
        if self.forks != _forks:
            os._exit(1)  # this thread is all that the child has, and nobody waits for it
        with self.lock:
            if failure is not None:
                self.starts.clear()
                self.failure = self.failure or failure
            self.lent -= 1
            if not self.lent and self.idle.locked():
                self.idle.release()
            self.over[0] = not self.lent

    def end(self) -> None:
        """No block begins any more; returns when those under way are done."""
        left = iter(waits)  # each waits once
        while self.forks == _forks:
            with self.lock:
                self.starts.clear()
                if not self.lent:
                    return
            if not any(wait(self.over) for wait in left):
                self.idle.acquire()


def in_blocks(work: Callable[[int, int], None], total: int, block: int) -> None:
    """Calls work(start, stop) for every block of 0..total, several at a time; returns when all are done.

    work  : releases the GIL for most of its time (NumPy on large arrays, nogil kernels); writes
        only its own block
    total : number of items, such as images
    block : items per call; the last call may get fewer

    BLAS is held to one thread meanwhile, unless there is only one block. An exception in any block
    is raised here, when the blocks under way are done; no other begins. The same holds for Ctrl-C.

    >>> done = []
    >>> in_blocks(lambda start, stop: done.append((start, stop)), total=5, block=2)
    >>> sorted(done)
    [(0, 2), (2, 4), (4, 5)]
    """
    if total <= block:
        if total > 0:
            work(0, total)
        return
    blocks = _Blocks(work, total, block)
    with single_threaded_blas():
        interrupt: BaseException | None = None
        try:
            # This thread works too, so the pool lends one thread fewer, and a busy pool cannot
            # block the work.
            lend(blocks, min(get_threads(), -(-total // block)) - 1)
            blocks.take(first=True)
        except BaseException as error:
            interrupt = error
        # Nobody may go on while a lent thread still writes, least of all after a second Ctrl-C.
        waits = True
        while waits:
            try:
                blocks.end()
                waits = False
            except BaseException as error:
                interrupt = error
    del blocks.work  # with its arrays: a lent thread may hold the blocks a moment longer
    failure = interrupt or blocks.failure
    if failure is not None:
        raise failure


class Lendable(Protocol):
    """What a thread of the pool can help with: `lend` does so, or nothing if it begins late."""

    def lend(self) -> None: ...


class Lookout(Protocol):
    """What threads of the pool wait for, awake, after each work that they were lent for."""

    def linger(self) -> bool: ...  # for a moment; whether the thread shall do so again
    def interrupt(self) -> None: ...  # sends all that linger back to the pool: there is other work


def lend(work: Lendable, threads: int) -> int:
    """Lets so many threads of the pool help, or fewer if the system gives no more; how many."""
    global _pool_threads
    with _lock:  # `set_threads` in another thread does not take the pool away in between
        try:
            while _pool_threads < threads:
                start_new_thread(_serve, (_pool,))
                _pool_threads += 1
        except RuntimeError:  # no more threads in this system, or Python is about to end
            pass
        lent = max(0, min(threads, _pool_threads))
        core = current_core()
        for _ in range(lent):
            _pool.put((copy_context(), work, core))  # so that the caller's np.errstate holds there too
        for lookout in lookouts if lent else ():
            lookout.interrupt()
        return lent


def _serve(pool: SimpleQueue[tuple[Context, Lendable, int] | None]) -> None:
    """What a thread of the pool does all its life."""
    while (lent := pool.get()) is not None:
        context, work, core = lent
        leave_core(core)
        context.run(work.lend)
        del lent, context, work  # whose arrays would otherwise stay until the next call
        while pool.empty() and any(lookout.linger() for lookout in lookouts):
            pass


def _wait_before_fork() -> None:
    # A kernel that another thread is compiling: the child could neither end nor repeat that.
    global_compiler_lock.acquire()


def _forget_after_fork() -> None:
    # Threads and held locks do not survive a fork: a child starts without any.
    global _lock, _pool, _pool_threads, _blas_users, _forks
    global_compiler_lock.release()
    _forks += 1
    _lock = threading.Lock()
    _pool, _pool_threads = SimpleQueue(), 0
    _restore_blas()  # which another thread of the parent held, or was giving back: nobody would do it here
    _blas_users = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_wait_before_fork, after_in_parent=global_compiler_lock.release, after_in_child=_forget_after_fork
    )
