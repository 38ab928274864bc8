"""Threads that help with a call of program.py, and linger for the next one.

To wake a thread that sleeps takes tens of microseconds, as long as a small network takes. So one that
has helped looks out for the next call, without the GIL, for about a tenth of a millisecond, before
it goes back to sleep. Nobody waits for a thread that does not come.
"""

from __future__ import annotations

import os
import threading

import numpy as np

from nnscratch.kernels.compiled import CHECKED
from nnscratch.kernels.one_call.program import HELPERS, LINE, counters, run
from nnscratch.kernels.threads import lend

_ROUNDS = 4000  # of looking out, each 15 to 50 ns
_board = np.zeros(2 * LINE, np.int64)
_latest: _Call | None = None
_lock = threading.Lock()
_invited = 0  # threads that were called to help, and have not come yet


class _Call:
    """A call that other threads may help with."""

    def __init__(self, steps: np.ndarray, x: np.ndarray, y: np.ndarray, helpers: int) -> None:
        self.steps, self.x, self.y, self.helpers = steps, x, y, helpers
        self.counters = counters(len(steps))

    def lend(self) -> None:
        """Helps with this call, and with those that come while it lingers."""
        global _invited
        with _lock:
            _invited -= 1
        call: _Call | None = self
        while call is not None:
            came = run(call.steps, call.x, call.y, call.counters, _board, call.helpers, _ROUNDS)
            call = _latest if came else None


def run_together(steps: np.ndarray, x: np.ndarray, y: np.ndarray, threads: int) -> bool:
    """Runs the table on up to so many threads; whether x and y are finite.

    steps, x, y : as `program.run` takes them; scratch for so many threads
    """
    global _latest
    if threads == 1 or CHECKED:  # a thread that ended by an IndexError would leave its block undone
        return not run(steps, x, y, counters(len(steps)), _board, 0, 0)
    call = _latest = _Call(steps, x, y, threads - 1)
    if _invited + int(_board[HELPERS]) < threads - 1:
        _invite(call)
    try:
        return not run(steps, x, y, call.counters, _board, 0, 0)
    finally:
        _latest = None


def _invite(call: _Call) -> None:
    global _invited
    with _lock:
        _invited += lend(call, call.helpers - _invited - int(_board[HELPERS]))


def _forget_after_fork() -> None:
    global _lock, _latest, _invited
    _lock, _latest, _invited = threading.Lock(), None, 0
    _board[:] = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
