"""What update_table.py calls for rows of its table: compiled rules and products, by address.

f(kernel, w, dw, mean, second, scalars) for a rule; f(step, block, x, y, scratch, counters) for a
block of rows that threads share, as in one_call/blocks.py
"""

from __future__ import annotations

import numpy as np

from nnscratch.kernels.compiled import njit
from nnscratch.kernels.one_call import program as p
from nnscratch.kernels.one_call.calls import address, array_at, call_kernel
from nnscratch.kernels.products.gemm_tiles import PANEL, STRIP
from nnscratch.kernels.products.packing import parts
from nnscratch.kernels.vectors import lanes

# The columns of the table: how many numbers; addresses of the first one of each array; which row of
# the rules' scalars. For a gradient that is not computed yet, X.T DZ: its sizes and first row here.
SIZE, W, DW, MEAN, SECOND_MEAN, SCALARS, X, DZ, TERMS, ROWS, WIDTH, FIRST = range(12)


@njit(nogil=True, cache=True)
def call_sgd(kernel: int, w: np.ndarray, dw: np.ndarray, v: np.ndarray, unused: np.ndarray, s: np.ndarray) -> None:
    call_kernel(kernel, (w, dw, s[0], s[1]))


@njit(nogil=True, cache=True)
def call_momentum(kernel: int, w: np.ndarray, dw: np.ndarray, v: np.ndarray, unused: np.ndarray, s: np.ndarray) -> None:
    call_kernel(kernel, (w, dw, v, s[0], s[1], s[2], s[3], s[4], s[5]))


@njit(nogil=True, cache=True)
def call_adam(kernel: int, w: np.ndarray, dw: np.ndarray, m: np.ndarray, v: np.ndarray, s: np.ndarray) -> None:
    call_kernel(kernel, (w, dw, m, v, s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8]))


@njit(nogil=True)
def _update(
    row: np.ndarray, start: int, size: int, dw_at: int, call: int, kernel: int, scalars: np.ndarray
) -> None:  # fmt: skip
    """Calls the rule for `size` numbers of a row, from number `start` on; dw_at : the address of theirs of dw."""
    kind, before = scalars.dtype.type, start * scalars.itemsize
    w, dw = array_at(kind, row[W] + before, (size,)), array_at(kind, dw_at, (size,))
    mean, second = array_at(kind, row[MEAN] + before, (size,)), array_at(kind, row[SECOND_MEAN] + before, (size,))
    call_kernel(call, (kernel, w, dw, mean, second, scalars[row[SCALARS]]))


@njit(nogil=True)
def _update_by_tiles(
    row: np.ndarray, call: int, kernel: int, tiles: int, scalars: np.ndarray, dw: np.ndarray
) -> None:  # fmt: skip
    """Calls update_tiles.py for a row whose gradient has several terms."""
    kind, size, terms, width, first = scalars.dtype.type, row[SIZE], row[TERMS], row[WIDTH], row[FIRST]
    w, mean = array_at(kind, row[W], (size,)), array_at(kind, row[MEAN], (size,))
    strips = array_at(kind, row[X], (parts(row[ROWS], STRIP) * parts(terms, STRIP) * STRIP * STRIP,))
    panel = PANEL * lanes(dw)
    panels = array_at(kind, row[DZ], (parts(width, panel) * panel * terms,))
    stop, rule = first + size // width, scalars[row[SCALARS]]
    second = array_at(kind, row[SECOND_MEAN], (size,))
    call_kernel(tiles, (strips, panels, terms, width, w, mean, second, rule, call, kernel, first, stop, dw))


@njit(nogil=True, cache=True)
def update_rows(
    table: np.ndarray, call: int, kernel: int, outer: int, tiles: int, scalars: np.ndarray, dw: np.ndarray,
    first: int, stop: int,
) -> None:  # fmt: skip
    """Moves the parameters of some rows of the table.

    table   : (R, 12) int64;  scalars : (kinds, S) of the arrays' dtype
    call    : the address of call_sgd, call_momentum or call_adam;  kernel : that of the kernel it calls
    outer, tiles : those of the kernels for gradients of one term and of more
    dw : scratch of TOGETHER bytes
    first, stop : of the rows
    """
    kind = scalars.dtype.type
    for r in range(first, stop):
        row = table[r]
        terms, width = row[TERMS], row[WIDTH]
        if terms == 0:
            _update(row, 0, row[SIZE], row[DW], call, kernel, scalars)
            continue
        if terms > 1:
            _update_by_tiles(row, call, kernel, tiles, scalars, dw)
            continue
        dz = array_at(kind, row[DZ], (terms, width))
        last, together = row[FIRST] + row[SIZE] // width, dw.size // width
        for m0 in range(row[FIRST], last, together):
            m1 = min(m0 + together, last)
            # The whole gradient would begin so far before the scratch that rows m0 to m1 lie in it.
            whole = array_at(kind, address(dw) - m0 * width * dw.itemsize, (row[ROWS], width))
            call_kernel(outer, (array_at(kind, row[X], (row[ROWS], 1)), dz, whole, m0, m1))
            start = (m0 - row[FIRST]) * width
            _update(row, start, (m1 - m0) * width, address(dw), call, kernel, scalars)


@njit(nogil=True)
def _update_block(kind: type, step: np.ndarray, block: int, scratch: int) -> None:
    starts = array_at(np.int64, step[p.OTHER], (step[p.BLOCKS] + 1,))
    call_kernel(
        step[p.KERNEL],
        (
            array_at(np.int64, step[p.X], (step[p.A], FIRST + 1)), step[p.E], step[p.F], step[p.G], step[p.H],
            array_at(kind, step[p.Y], (step[p.B], step[p.C])), array_at(kind, scratch, (step[p.D],)),
            starts[block], starts[block + 1],
        ),
    )  # fmt: skip


@njit(nogil=True, cache=True)
def single_block(step: np.ndarray, block: int, x: int, y: int, scratch: int, counters: np.ndarray) -> None:
    """`update_rows` of float32, as a step of one_call/program.py.

    X, A    : the table, and its rows;  OTHER : the first row of each block, and of none
    Y, B, C : the scalars, and their shape;  D : numbers of dw in scratch
    KERNEL, E to H : update_rows, and what it calls
    """
    _update_block(np.float32, step, block, scratch)


@njit(nogil=True, cache=True)
def double_block(step: np.ndarray, block: int, x: int, y: int, scratch: int, counters: np.ndarray) -> None:
    """`single_block` of float64."""
    _update_block(np.float64, step, block, scratch)
