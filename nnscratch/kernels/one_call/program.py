"""A whole network, forward, in one call without the GIL: a table of steps, which threads share.

Layer by layer, an image that takes 100 microseconds of kernels takes another 100 of Python, and a
second thread would have to be woken, and wait for the GIL, in each layer. Here Python is left once:

    for each step of the table:
        wait until all steps before are done, if the step says so
        take the next block of the step that nobody has taken, and compute it, until none is left

Every thread that runs this does the same, so one that comes late, or never, is not waited for. The
thread whose call it is takes a step's first blocks and those that help its last ones, so that mostly
each finds in its own caches what it read or wrote in the step before, or in the last call. The
blocks follow from the shapes alone, and each sum over blocks is taken in their order, so the bits
are the same whoever computes what, and the same as layer by layer.

A step is a row of numbers: addresses of arrays and kernels (calls.py), sizes, and how many blocks
there are. steps.py writes the rows, blocks.py computes the blocks. float32 only.
"""

from __future__ import annotations

import numpy as np

from nnscratch.kernels.compiled import njit
from nnscratch.kernels.one_call.calls import add, address, call_kernel, look, rest

# The columns. COMPUTE: the function of blocks.py. BLOCK: of what a block has several. WAITS: whether
# the step needs what steps before it wrote.
COMPUTE, BLOCKS, BLOCK, WAITS = range(4)
X, Y, KERNEL, WEIGHT, BIAS, ARGMAX, OTHER = range(4, 11)  # addresses; of x and y 0 is the caller's
SCRATCH, SCRATCH_STEP = 11, 12  # the address for the first thread, and from one thread's to the next
SIZES = A, B, C, D, E, F, G, H, I, J, K, L = tuple(range(13, 25))  # noqa: E741  blocks.py says of what
COLUMNS = 25
# The counters; each has a line of the cache to itself, so that threads do not take others' away.
LINE = 8
THREADS, NOT_FINITE = 0, LINE  # how many threads have come; whether an x or a y is not finite
# Per step: its blocks that are taken, of these from the end, and done; whether weights are others.
TAKEN, FROM_END, DONE, CHANGED = 2 * LINE, 3 * LINE, 4 * LINE, 5 * LINE
PER_STEP = 4 * LINE
POSTED, HELPERS = 0, LINE  # on the board, of all calls


def counters(steps: int) -> np.ndarray:
    """What one call counts in, for so many steps."""
    return np.zeros(2 * LINE + steps * PER_STEP, np.int64)


@njit(nogil=True)
def _wait(steps: np.ndarray, first: int, stop: int, counters: np.ndarray) -> None:
    """Until all blocks of the steps from `first` to `stop` are done."""
    for s in range(first, stop):
        rounds = 0
        while look(counters, DONE + s * PER_STEP) < steps[s, BLOCKS]:
            rounds += 1
            rest(rounds)


@njit(nogil=True)
def _compute(steps: np.ndarray, x: np.ndarray, y: np.ndarray, counters: np.ndarray, me: int) -> None:
    """All blocks that no other thread computes; returns when all are done. me : the thread's number"""
    waited = 0
    for s in range(len(steps)):
        step = steps[s]
        if step[WAITS]:
            _wait(steps, waited, s, counters)
            waited = s
        x_at = step[X] if step[X] else address(x)
        y_at = step[Y] if step[Y] else address(y)
        scratch = step[SCRATCH] + me * step[SCRATCH_STEP]
        first = 0
        while add(counters, TAKEN + s * PER_STEP, 1) < step[BLOCKS]:
            if me == 0:
                block = first
                first += 1
            else:
                block = step[BLOCKS] - 1 - add(counters, FROM_END + s * PER_STEP, 1)
            call_kernel(step[COMPUTE], (step, block, x_at, y_at, scratch, counters))
            add(counters, DONE + s * PER_STEP, 1)
    _wait(steps, waited, len(steps), counters)


@njit(nogil=True, cache=True)
def run(
    steps: np.ndarray, x: np.ndarray, y: np.ndarray, counters: np.ndarray, board: np.ndarray, helps: int, rounds: int
) -> int:
    """y from x, together with all threads that run the same; when all is done, 0 if both are finite.

    steps    : (S, COLUMNS) int64
    x, y     : float32, contiguous, of the shapes that the steps were written for; y is overwritten
    counters : zeros at first, for all threads of this call and no other
    board    : (2 * LINE,) int64, of all calls: how many there were, and the threads that help or linger
    helps    : 0 for the thread whose call it is; for another, how many may help at most
    rounds   : how long one that helps lingers for the next call; it returns 1 if that came, otherwise 0
    """
    if helps == 0:
        add(board, POSTED, 1)
        _compute(steps, x, y, counters, 0)
        return look(counters, NOT_FINITE)
    add(board, HELPERS, 1)
    seen = look(board, POSTED)
    me = 1 + add(counters, THREADS, 1)
    if me <= helps:
        _compute(steps, x, y, counters, me)
    for r in range(rounds):
        if look(board, POSTED) != seen:
            add(board, HELPERS, -1)
            return 1
        rest(r)
    add(board, HELPERS, -1)
    return 0
