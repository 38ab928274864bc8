"""Waiting for other threads without sleeping: to be woken takes 20 us or more, as long as a small block."""

from __future__ import annotations

import numpy as np
from numba.core.dispatcher import Dispatcher

from nnscratch.kernels import threads
from nnscratch.kernels.compiled import njit
from nnscratch.kernels.one_call.calls import look, pause, rest

_ROUNDS = 5_000  # each 15 to 50 ns
_ROUNDS_AFTER = 100  # until the other thread has given the GIL back: who asks before that sleeps


def callers_wait_awake() -> None:
    """From now on `threads.in_blocks` waits a moment for the other threads' last blocks like this.

    Whoever runs short blocks says so. Before, it would compile a kernel, which loads libraries, while
    others wait.
    """
    if wait_awake not in threads.waits:
        wait_awake(np.ones(1, np.int64))
        threads.waits.append(wait_awake)


def wait_awake(flag: np.ndarray) -> bool:
    """Whether flag[0] becomes other than 0 within about a fifth of a millisecond; without the GIL.

    flag : (1,) int64, which another thread writes
    """
    return isinstance(_wait, Dispatcher) and bool(_wait(flag))  # not with NUMBA_DISABLE_JIT=1


@njit(nogil=True, cache=True)
def _wait(flag: np.ndarray) -> int:
    for r in range(_ROUNDS):
        if look(flag, 0) != 0:
            for _ in range(_ROUNDS_AFTER):
                pause()
            return 1
        rest(r)
    return 0
