"""Threads that help with a call of program.py, and linger for the next one.

To wake a thread that sleeps takes tens of microseconds, as long as a small network takes. So one that
has helped looks out for the next call, without the GIL, for one or two milliseconds, before
it goes back to sleep. Nobody waits for a thread that does not come. Other work of the pool calls it
back at once; after that it looks out again, if there was a call a moment ago.

So long because the backward pass of dense layers lies between the calls of a training step. Measured
(two threads, AVX-512; 10,000 rounds -> 50,000): a step of the report's MLP with 100 rows 2.82 -> 2.70
ms: the optimizer's step has its second thread at once, 50 to 100 us earlier than by waking it.
"""

from __future__ import annotations

import os
import threading
import time

import numpy as np

from nnscratch.kernels.compiled import CHECKED
from nnscratch.kernels.cores import current_core, leave_core
from nnscratch.kernels.one_call.program import COLUMNS, HELPERS, LINE, POSTED, counters, run
from nnscratch.kernels.threads import lend, lookouts

_ROUNDS = 50_000  # of looking out, each 15 to 50 ns
_A_MOMENT = 1e-3  # seconds
_NO_STEPS, _NOTHING = np.zeros((0, COLUMNS), np.int64), np.zeros(1, np.float32)
_board = np.zeros(2 * LINE, np.int64)
_latest: _Call | None = None
_ended = 0.0  # when the last call with helpers ended
_lock = threading.Lock()
_invited = 0  # threads that were called to help, and have not come yet


class _Call:
    """A call that other threads may help with."""

    def __init__(self, steps: np.ndarray, x: np.ndarray, y: np.ndarray, helpers: int) -> None:
        self.steps, self.x, self.y, self.helpers = steps, x, y, helpers
        self.counters = counters(len(steps))
        self.core = current_core()

    def lend(self) -> None:
        """Helps with this call."""
        global _invited
        with _lock:
            _invited -= 1
        self.help(0)

    def help(self, rounds: int) -> bool:
        """As `program.run` for a thread that helps; whether another call came while it lingered."""
        leave_core(self.core)
        return bool(run(self.steps, self.x, self.y, self.counters, _board, self.helpers, rounds))


class _Lookout:
    """What threads of the pool do after other work: see `threads.Lookout`."""

    def linger(self) -> bool:
        call: _Call | None = _no_call
        if _latest is None and time.perf_counter() - _ended > _A_MOMENT:
            return False
        while call is not None:  # each helps and then lingers without the GIL in between
            if not call.help(_ROUNDS):
                return False
            call = _latest
        return True

    def interrupt(self) -> None:
        _board[POSTED] += 1  # there is no call: who looks for it ends


def run_together(steps: np.ndarray, x: np.ndarray, y: np.ndarray, threads: int) -> bool:
    """Runs the table on up to so many threads; whether x and y are finite.

    steps, x, y : as `program.run` takes them; scratch for so many threads
    """
    global _latest, _ended
    if threads == 1 or CHECKED:  # a thread that ended by an IndexError would leave its block undone
        return not run(steps, x, y, counters(len(steps)), _board, 0, 0)
    call = _latest = _Call(steps, x, y, threads - 1)
    if _invited + int(_board[HELPERS]) < threads - 1:
        _invite(call)
    try:
        return not run(steps, x, y, call.counters, _board, 0, 0)
    finally:
        _ended = time.perf_counter()  # first: who finds no call looks when the last one ended
        _latest = None


def _invite(call: _Call) -> None:
    global _invited
    if _lookout not in lookouts:
        lookouts.append(_lookout)
    with _lock:
        _invited += lend(call, call.helpers - _invited - int(_board[HELPERS]))


_lookout, _no_call = _Lookout(), _Call(_NO_STEPS, _NOTHING, _NOTHING, 1)
_no_call.core = -1  # which nobody leaves


def _forget_after_fork() -> None:
    global _lock, _latest, _invited
    _lock, _latest, _invited = threading.Lock(), None, 0
    _board[:] = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
