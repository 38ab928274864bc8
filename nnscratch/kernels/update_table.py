"""All arrays of an optimizer's step in one call without the GIL: a table of addresses.

A network has some 20 arrays, most of them small: an update of one takes a microsecond, and to call
its kernel from Python five more. Here one call walks a table, a row for each array or block of a
large one, and calls the same compiled rule for each, by its address. The table is written once, and
again when an array is another one.

Measured on two threads with AVX-512: the report's large CNN, 20 arrays, 124 -> 60 us.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.core.dispatcher import Dispatcher

from nnscratch.kernels import updates
from nnscratch.kernels.compiled import njit
from nnscratch.kernels.one_call.calls import address_of, array_at, call_kernel
from nnscratch.kernels.threads import in_blocks

# Numbers per row of a large array, and numbers of all arrays from which a second thread pays.
# Measured (two threads, AVX-512; 1 << 17, 18, 19): MLP 401, 364, 422 us; alone 575. The large CNN's
# 600,000 numbers take 73 us alone, 81 together.
BLOCK = 1 << 18
LEAST_TO_SHARE = 1 << 20
# The columns of the table: how many numbers; addresses of the first one of each array; which row of
# the rules' scalars.
SIZE, W, DW, MEAN, SECOND_MEAN, SCALARS = range(6)


@njit(nogil=True, cache=True)
def _sgd(kernel: int, w: np.ndarray, dw: np.ndarray, v: np.ndarray, unused: np.ndarray, s: np.ndarray) -> None:
    call_kernel(kernel, (w, dw, s[0], s[1]))


@njit(nogil=True, cache=True)
def _momentum(kernel: int, w: np.ndarray, dw: np.ndarray, v: np.ndarray, unused: np.ndarray, s: np.ndarray) -> None:
    call_kernel(kernel, (w, dw, v, s[0], s[1], s[2], s[3], s[4], s[5]))


@njit(nogil=True, cache=True)
def _adam(kernel: int, w: np.ndarray, dw: np.ndarray, m: np.ndarray, v: np.ndarray, s: np.ndarray) -> None:
    call_kernel(kernel, (w, dw, m, v, s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8]))


@njit(nogil=True, cache=True)
def update_rows(table: np.ndarray, call: int, kernel: int, scalars: np.ndarray, first: int, stop: int) -> None:
    """Moves the parameters of some rows of the table.

    table   : (R, 6) int64;  scalars : (kinds, S) of the arrays' dtype
    call    : the address of _sgd, _momentum or _adam;  kernel : that of the kernel it calls
    first, stop : of the rows
    """
    kind = scalars.dtype.type
    for r in range(first, stop):
        row = table[r]
        size = (row[SIZE],)
        w, dw = array_at(kind, row[W], size), array_at(kind, row[DW], size)
        mean, second_mean = array_at(kind, row[MEAN], size), array_at(kind, row[SECOND_MEAN], size)
        call_kernel(call, (kernel, w, dw, mean, second_mean, scalars[row[SCALARS]]))


class Update(NamedTuple):
    """One step's update of an array by a kernel of updates.py: called as update(w, dw, *means), all flat.

    kernel  : of updates.py
    call    : calls it for a row of a table
    means   : how many of them it takes
    scalars : of the arrays' dtype, as `updates.in_dtype` gives them
    """

    kernel: Callable[..., None]
    call: Callable[..., None]
    means: int
    scalars: tuple[Any, ...]

    def __call__(self, w: np.ndarray, dw: np.ndarray, *means: np.ndarray) -> None:
        self.kernel(w, dw, *means[: self.means], *self.scalars)

    @property
    def is_compiled(self) -> bool:
        """Whether a table can call it: not with NUMBA_DISABLE_JIT=1."""
        return isinstance(self.kernel, Dispatcher)


def sgd(*scalars: Any) -> Update:
    """`updates.sgd` with these scalars."""
    return Update(updates.sgd, _sgd, 0, scalars)


def sgd_momentum(*scalars: Any) -> Update:
    """`updates.sgd_momentum` with these scalars."""
    return Update(updates.sgd_momentum, _momentum, 1, scalars)


def adam(*scalars: Any) -> Update:
    """`updates.adam` with these scalars."""
    return Update(updates.adam, _adam, 2, scalars)


class Moved(NamedTuple):
    """What a step does with one parameter; all arrays contiguous, of one shape and dtype.

    kind : which scalars hold for it
    """

    w: np.ndarray
    dw: np.ndarray
    means: Sequence[np.ndarray]
    kind: int


class UpdateTable:
    """The parameters of a step, by address: whoever keeps the table keeps the arrays.

    update : any of the step's

    Raises
        ValueError : the arrays are not for a table (`fits`), or there is no compiled code
    """

    def __init__(self, update: Update, parameters: Sequence[Moved]) -> None:
        if not fits(parameters):
            raise ValueError("UpdateTable: got arrays that overlap, lie askew or differ in dtype; update each alone")
        number = types.float64 if parameters[0].w.dtype == np.float64 else types.float32
        flat = types.Array(number, 1, "C")
        scalars = (number,) * len(update.scalars)
        self._kernel = address_of(update.kernel, (flat,) * (2 + update.means) + scalars)
        self._call = address_of(update.call, (types.int64, *(flat,) * 5))
        rows = [row for parameter in parameters for row in _rows(parameter)]
        self._table = np.array(rows, np.int64)
        # Threads take several small rows, or one block, at a time.
        ends = np.cumsum(self._table[:, SIZE])
        taken = np.flatnonzero(np.diff(ends // BLOCK)) + 1 if ends[-1] >= LEAST_TO_SHARE else np.zeros(0, int)
        self._starts = [0, *taken.tolist(), len(rows)]

    def step(self, scalars: np.ndarray) -> None:
        """Moves all parameters. scalars : (kinds, S), of their dtype"""
        table, call, kernel, starts = self._table, self._call, self._kernel, self._starts
        if len(starts) == 2:
            update_rows(table, call, kernel, scalars, 0, len(table))
            return
        in_blocks(
            lambda first, stop: update_rows(table, call, kernel, scalars, starts[first], starts[stop]),
            len(starts) - 1, 1,
        )  # fmt: skip


def fits(parameters: Sequence[Moved]) -> bool:
    """Whether the arrays can be updated in any order, by address.

    They must be of one dtype and aligned, and no parameter's memory may be another's as well, or
    another's gradient: tied weights get one update after the other.
    """
    dtype = parameters[0].w.dtype
    ranges = []
    for k, (w, dw, _, _) in enumerate(parameters):
        if w.dtype != dtype or not w.flags.aligned or not dw.flags.aligned:
            return False
        ranges += [(array.ctypes.data, array.nbytes, k) for array in (w, dw)]
    end, owner = 0, -1
    for begin, size, k in sorted(ranges):
        if begin < end and k != owner:
            return False
        end, owner = max(end, begin + size), k
    return True


def _rows(parameter: Moved) -> list[tuple[int, ...]]:
    """A row for each block of a parameter."""
    w, dw, means, kind = parameter
    addresses = [array.ctypes.data for array in (w, dw, means[0], means[-1])]
    step = BLOCK * w.itemsize
    return [
        (min(BLOCK, w.size - start), *(at + start // BLOCK * step for at in addresses), kind)
        for start in range(0, w.size, BLOCK)
    ]
