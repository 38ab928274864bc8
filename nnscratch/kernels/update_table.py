"""All arrays of an optimizer's step in one call without the GIL: a table of addresses.

A network has some 20 arrays, most of them small: an update of one takes a microsecond, and to call
its kernel from Python five more. Here one call walks a table, a row for each array or block of a
large one, and calls the same compiled rule for each, by its address. The table is written once, and
again when an array is another one.

A gradient may be a product that is not computed yet (products/deferred.py): then its rows are
computed in the cache, and used there at once; update_tiles.py does so if it has several terms. Each
rule runs in the machine code that Python would call, so that the bits are the same.

Threads share the rows of large arrays as they share a step of one_call/program.py: the thread that has
helped with the forward pass still looks out, or need not wait for the GIL block by block.

Measured with AVX-512: a step of the report's CNN, 14 arrays, takes 17 us instead of 24; shared as a
step, one of the report's MLP from one image 260 us instead of 390, of kfkd net2 1.59 ms instead of 1.69.
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
from nnscratch.kernels.memory import Scratch
from nnscratch.kernels.one_call import program as p
from nnscratch.kernels.one_call.calls import address_of
from nnscratch.kernels.one_call.team import run_together
from nnscratch.kernels.products.deferred import DeferredProduct
from nnscratch.kernels.products.gemm_tiles import STRIP, TILE
from nnscratch.kernels.products.gemv import column_by_row
from nnscratch.kernels.products.packed_factors import PackedFactor, numbers_of
from nnscratch.kernels.threads import get_threads
from nnscratch.kernels.update_rows import (
    DW,
    FIRST,
    SIZE,
    TERMS,
    call_adam,
    call_momentum,
    call_sgd,
    double_block,
    single_block,
    update_rows,
)
from nnscratch.kernels.update_tiles import update_by_tiles

# Numbers per row of a large array, and numbers of all arrays from which a second thread pays.
# Measured (two threads, AVX-512; 1 << 17, 18, 19): MLP 401, 364, 422 us; alone 575. The large CNN's
# 600,000 numbers take 73 us alone, 81 together.
BLOCK = 1 << 18
LEAST_TO_SHARE = 1 << 20
# Bytes of a gradient that are computed at once, and stay in the second-level cache until they are
# used; for one row it is indifferent.
TOGETHER = 1 << 18
TERMS_AS_LONG = 8  # terms of a gradient take as long as its update
_NOTHING = np.zeros(1, np.float32)
_scratch = Scratch()
_address_of = functools.cache(address_of)


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
    return Update(updates.sgd, call_sgd, 0, scalars)


def sgd_momentum(*scalars: Any) -> Update:
    """`updates.sgd_momentum` with these scalars."""
    return Update(updates.sgd_momentum, call_momentum, 1, scalars)


def adam(*scalars: Any) -> Update:
    """`updates.adam` with these scalars."""
    return Update(updates.adam, call_adam, 2, scalars)


class Moved(NamedTuple):
    """What a step does with one parameter; all arrays contiguous, of one shape and dtype.

    dw   : a product not computed yet is to be as `fits` asks
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
        self._starts = np.array([0, *taken.tolist(), len(self._table)], np.int64)
        self._scalars = np.zeros((1 + max(each.kind for each in parameters), len(update.scalars)), self._dtype)
        self._scratch: np.ndarray | None = None  # a row for each thread
        self._steps = np.zeros((1, p.COLUMNS), np.int64)  # which threads share
        if len(self._starts) > 2:
            self._share(flat, matrix)

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
        self._scalars[...] = scalars
        threads = get_threads()
        scratch = _scratch.get("dw", (threads, self._together), self._dtype)
        if scratch is not self._scratch:  # the first step, or another table has asked for more since the last one
            self._scratch = scratch
            self._steps[0, [p.SCRATCH, p.SCRATCH_STEP]] = scratch.ctypes.data, scratch.strides[0]
        if len(self._starts) > 2:
            run_together(self._steps, _NOTHING, _NOTHING, threads)
        else:
            update_rows(self._table, *self._kernels, self._scalars, scratch[0], 0, len(self._table))

    def _share(self, flat: types.Array, matrix: types.Array) -> None:
        """Writes the step of one_call/program.py whose blocks are those of the rows."""
        whole, numbers = types.int64, types.Array(types.int64, 1, "C")
        rows = types.Array(whole, 2, "C"), *(whole,) * 4, matrix, flat, whole, whole
        block = double_block if self._dtype == np.float64 else single_block
        compute = _address_of(block, (numbers, *(whole,) * 4, numbers))
        step = self._steps[0]
        step[[p.COMPUTE, p.KERNEL, p.BLOCKS]] = compute, _address_of(update_rows, rows), len(self._starts) - 1
        step[[p.X, p.Y, p.OTHER]] = [each.ctypes.data for each in (self._table, self._scalars, self._starts)]
        sizes = len(self._table), *self._scalars.shape, self._together, *self._kernels
        step[p.A : p.A + len(sizes)] = sizes

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
    another's gradient: tied weights get one update after the other. A row of a product
    that is not computed yet must fit TOGETHER; if it has several terms, STRIP rows must, and its
    factors must be packed.
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
