"""All arrays of an optimizer's step in one call without the GIL: a table of addresses.

A network has some 20 arrays, most of them small: an update of one takes a microsecond, and to call
its kernel from Python five more. Here one call walks a table, a row for each array or block of a
large one, and calls the same compiled rule for each, by its address. The table is written once, and
again when an array is another one.

A gradient may be a product that is not computed yet (products/deferred.py): then its rows are
computed in the cache, and used there at once; update_tiles.py does so if it has several terms. Each
rule runs in the machine code that Python would call, so that the bits are the same.

Measured with AVX-512: a step of the report's CNN, 14 arrays, takes 17 us instead of 24.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.core.dispatcher import Dispatcher

from nnscratch.kernels import updates
from nnscratch.kernels.compiled import njit
from nnscratch.kernels.memory import Scratch
from nnscratch.kernels.one_call.calls import address, address_of, array_at, call_kernel
from nnscratch.kernels.products.deferred import DeferredProduct
from nnscratch.kernels.products.gemm_tiles import PANEL, STRIP, TILE
from nnscratch.kernels.products.gemv import column_by_row
from nnscratch.kernels.products.packed_factors import PackedFactor, numbers_of
from nnscratch.kernels.products.packing import parts
from nnscratch.kernels.threads import in_blocks
from nnscratch.kernels.update_tiles import update_by_tiles
from nnscratch.kernels.vectors import lanes

# Numbers per row of a large array, and numbers of all arrays from which a second thread pays.
# Measured (two threads, AVX-512; 1 << 17, 18, 19): MLP 401, 364, 422 us; alone 575. The large CNN's
# 600,000 numbers take 73 us alone, 81 together.
BLOCK = 1 << 18
LEAST_TO_SHARE = 1 << 20
# Bytes of a gradient that are computed at once, and stay in the second-level cache until they are
# used; one row is indifferent.
TOGETHER = 1 << 18
TERMS_AS_LONG = 8  # terms of a gradient take as long as its update
_scratch = Scratch()
_address_of = functools.cache(address_of)
# The columns of the table: how many numbers; addresses of the first one of each array; which row of
# the rules' scalars. Of a gradient that is not computed yet, X.T DZ: its sizes and first row here.
SIZE, W, DW, MEAN, SECOND_MEAN, SCALARS, X, DZ, TERMS, ROWS, WIDTH, FIRST = range(12)


@njit(nogil=True, cache=True)
def _sgd(kernel: int, w: np.ndarray, dw: np.ndarray, v: np.ndarray, unused: np.ndarray, s: np.ndarray) -> None:
    call_kernel(kernel, (w, dw, s[0], s[1]))


@njit(nogil=True, cache=True)
def _momentum(kernel: int, w: np.ndarray, dw: np.ndarray, v: np.ndarray, unused: np.ndarray, s: np.ndarray) -> None:
    call_kernel(kernel, (w, dw, v, s[0], s[1], s[2], s[3], s[4], s[5]))


@njit(nogil=True, cache=True)
def _adam(kernel: int, w: np.ndarray, dw: np.ndarray, m: np.ndarray, v: np.ndarray, s: np.ndarray) -> None:
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
    call    : the address of _sgd, _momentum or _adam;  kernel : that of the kernel it calls
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

    dw   : if it is a product not computed yet, STRIP of its rows must not be longer than TOGETHER
    kind : which scalars hold for it
    """

    w: np.ndarray
    dw: np.ndarray | DeferredProduct
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
        self._dtype = parameters[0].w.dtype
        number = types.float64 if self._dtype == np.float64 else types.float32
        flat, matrix = types.Array(number, 1, "C"), types.Array(number, 2, "C")
        scalars = (number,) * len(update.scalars)
        self._kernels = (
            _address_of(update.call, (types.int64, *(flat,) * 5)),
            _address_of(update.kernel, (flat,) * (2 + update.means) + scalars),
            *self._products(matrix, flat, parameters),
        )
        rows = [_rows(parameter) for parameter in parameters]
        self._table = np.array([row for each in rows for row in each], np.int64).reshape(-1, FIRST + 1)
        self._waits = [isinstance(each.dw, DeferredProduct) for each in parameters]
        self._firsts = [0, *itertools.accumulate(map(len, rows))]  # of each parameter's rows
        # Threads take several small rows, or one block, at a time.
        work = self._table[:, SIZE] * (self._table[:, TERMS] + TERMS_AS_LONG) // TERMS_AS_LONG
        taken = np.flatnonzero(np.diff(np.cumsum(work) // BLOCK)) + 1 if work.sum() >= LEAST_TO_SHARE else work[:0]
        self._starts = [0, *taken.tolist(), len(self._table)]

    def replace(self, gradients: Mapping[int, np.ndarray | DeferredProduct]) -> bool:
        """Puts other gradients, by the parameter's number, into a small table; whether that can be.

        Backward passes that make new arrays do so in every step, and a new table takes 200 us.
        """
        if len(self._starts) > 2:
            return False  # threads move the parameters in any order, so that all must be looked at
        for k, dw in gradients.items():
            first, stop = self._firsts[k : k + 2]
            if self._waits[k] or isinstance(dw, DeferredProduct) or not dw.flags.aligned:
                return False
            at = dw.ctypes.data
            for r in range(first, stop):
                self._table[r, DW] = at + (r - first) * BLOCK * dw.itemsize
        return True

    def step(self, scalars: np.ndarray) -> None:
        """Moves all parameters. scalars : (kinds, S), of their dtype"""
        table, kernels, starts, dtype = self._table, self._kernels, self._starts, self._dtype

        def update(first: int, stop: int) -> None:
            dw = _scratch.get("dw", (self._together,), dtype)
            update_rows(table, *kernels, scalars, dw, starts[first], starts[stop])

        in_blocks(update, len(starts) - 1, 1)

    def _products(self, matrix: types.Array, flat: types.Array, parameters: Sequence[Moved]) -> tuple[int, int]:
        """The addresses of the kernels of products, where one is needed; the size of their scratch."""
        terms = {each.dw.x.shape[0] for each in parameters if isinstance(each.dw, DeferredProduct)}
        outer = tiles = 0
        self._together = TOGETHER // self._dtype.itemsize if terms else 0
        if 1 in terms:
            outer = _address_of(column_by_row, (*(matrix,) * 3, *(types.int64,) * 2))
        if terms - {1}:
            number = types.int64
            tiles = _address_of(update_by_tiles, (flat, flat, *(number,) * 2, *(flat,) * 4, *(number,) * 4, flat))
        return outer, tiles


def fits(parameters: Sequence[Moved]) -> bool:
    """Whether the arrays can be updated in any order, by address.

    They must be of one dtype and aligned, and no parameter's memory may be another's as well, or
    another's gradient: tied weights get one update after the other.
    """
    dtype = parameters[0].w.dtype
    ranges = []
    for k, (w, dw, _, _) in enumerate(parameters):
        if isinstance(dw, DeferredProduct) and not _product_fits(dw):
            return False
        for array in (w,) if isinstance(dw, DeferredProduct) else (w, dw):
            if array.dtype != dtype or not array.flags.aligned:
                return False
            ranges.append((array.ctypes.data, array.nbytes, k))
    end, owner = 0, -1
    for begin, size, k in sorted(ranges):
        if begin < end and k != owner:
            return False
        end, owner = max(end, begin + size), k
    return True


def _product_fits(product: DeferredProduct) -> bool:
    """Whether several terms are packed, as tiles read them, and rows of a tile fit the scratch."""
    if product.x.shape[0] == 1:
        return product.shape[1] * product.dtype.itemsize <= TOGETHER
    return isinstance(product.x, PackedFactor) and STRIP * product.shape[1] * product.dtype.itemsize <= TOGETHER


def _rows(parameter: Moved) -> list[tuple[int, ...]]:
    """A row for each block of a parameter."""
    w, dw, means, kind = parameter
    block, at = BLOCK, 0
    product: tuple[int, ...] = 0, 0, 0, 0, 0
    if isinstance(dw, DeferredProduct):
        terms, (rows, width) = dw.x.shape[0], dw.shape
        block = BLOCK // width * width
        if terms > 1:  # an even number of blocks, of whole tiles
            block = -(-rows // (2 * -(-w.size // (2 * BLOCK)) * TILE)) * TILE * width
        product = *(numbers_of(factor).ctypes.data for factor in (dw.x, dw.dz)), terms, rows, width
    else:
        at = dw.ctypes.data
    addresses = [array.ctypes.data for array in (w, means[0], means[-1])]
    table = []
    for start in range(0, w.size, block):
        w_at, mean, second = (each + start * w.itemsize for each in addresses)
        first = start // product[-1] if product[-1] else 0
        row = min(block, w.size - start), w_at, at + start * w.itemsize, mean, second, kind, *product, first
        table.append(row)
    return table
