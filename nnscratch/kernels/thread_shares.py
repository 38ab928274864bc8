"""How the threads of a process are shared by trainings that run side by side in it.

joblib's threading backend, Dask's workers and a ThreadPoolExecutor run several trainings in one
process. If each took all threads, they would wait for one another's. `set_threads` cannot help,
since it holds for the whole process. (In processes of their own, the environment tells each how
many threads it has: thread_limits.py.)
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_lock = threading.Lock()
_sharers = 0  # outermost blocks of `share_of_threads` in this process
_forks = 0  # between the first process and this one: who shares in the parent does not share in the child
# The number that the block was given, 0 for a share, None outside. Each Python thread has its own,
# and a thread that is lent has its caller's.
_limit: ContextVar[int | None] = ContextVar("nnscratch_threads", default=None)


@contextmanager
def share_of_threads(threads: int | None = None) -> Iterator[None]:
    """Holds kernels that are called inside the block, by this Python thread, to so many threads.

    threads : a whole number from 1 up; None: an equal share of those that the process has, with all
        who are in such a block at that moment. It grows when another one ends: the bits of no
        result depend on it

    >>> from nnscratch.kernels.threads import get_threads, set_threads
    >>> set_threads(4)
    >>> with share_of_threads(3):
    ...     get_threads()
    3
    >>> with share_of_threads():  # a second block in another thread would leave 2 for each
    ...     get_threads()
    4
    >>> set_threads(None)
    """
    global _sharers
    outermost, counts, forks = _limit.get() is None, False, _forks
    token = _limit.set(threads or 0)
    try:
        if outermost:
            with _lock:
                _sharers += 1
                counts = True
        yield
    finally:
        _limit.reset(token)
        if counts and forks == _forks:
            with _lock:
                _sharers -= 1


def share_of(threads: int) -> int:
    """How many of the process's threads whoever asks may use."""
    limit = _limit.get()
    if limit is None:
        return threads
    return limit or max(1, threads // max(1, _sharers))


def _forget_after_fork() -> None:
    global _lock, _sharers, _forks
    _lock = threading.Lock()
    _sharers = 0
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
