"""The table of steps that program.py runs, and the memory that its addresses point to."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import types

from nnscratch.kernels.image_vectors.layout import pack, unpack
from nnscratch.kernels.memory import empty
from nnscratch.kernels.one_call import blocks
from nnscratch.kernels.one_call import program as p
from nnscratch.kernels.one_call.calls import address_of

_WORK_FOR_THREADS = 500_000  # multiply-adds
_COMPARED_PER_BLOCK = 1 << 14


def array(dtype: types.Type, ndim: int) -> types.Array:
    """Numba's type of a contiguous array."""
    return types.Array(dtype, ndim, "C")


F1, F2, F3, F4 = (array(types.float32, ndim) for ndim in range(1, 5))
INT = types.int64


class Place(NamedTuple):
    """Where an array is, and its shape; address 0 is the caller's own."""

    address: int
    shape: tuple[int, ...]

    @classmethod
    def of(cls, array: np.ndarray) -> Place:
        """Where an array lies, which somebody else must keep."""
        return cls(array.ctypes.data, array.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)


class Table:
    """Rows of steps, in their order, and the memory that their addresses point to.

    x_shape : of the caller's x, with N
    threads : that may run the table at the same time
    """

    def __init__(self, x_shape: tuple[int, ...], threads: int) -> None:
        self.threads = threads
        self.memory: list[np.ndarray] = []
        self._compare: list[dict[int, int]] = []
        self._pack: list[dict[int, int]] = []
        self._rest: list[dict[int, int]] = []
        self._weights = 0  # that are compared
        self.y: Place | None = None  # where the next layer's y goes, if that is decided
        self.x = self.read = Place(0, x_shape)  # read: x as the last convolution read it, with its padding
        self.work = 0  # multiply-adds
        self._checks_x = False  # whether a step does

    @property
    def is_worth_threads(self) -> bool:
        """Whether a second thread saves more than it costs to call it."""
        return self.work >= _WORK_FOR_THREADS

    def table(self, y: Place) -> np.ndarray:
        """The finished table; y is what the last step gave: the caller's."""
        finite = {p.COMPUTE: _block(blocks.check_finite), p.BLOCKS: 1}
        before = [] if self._checks_x else [finite | {p.A: self.x.size}]
        after = finite | {p.A: y.size, p.B: 1, p.WAITS: 1, p.Y: y.address}
        rows = [*before, *self._compare, *self._pack, *self._rest, after]
        rows[len(before) + len(self._compare)][p.WAITS] = 1
        return self._as_numbers(rows)

    @staticmethod
    def _as_numbers(rows: list[dict[int, int]]) -> np.ndarray:
        table = np.zeros((len(rows), p.COLUMNS), np.int64)
        for row, columns in zip(table, rows, strict=True):
            row[list(columns)] = list(columns.values())
        return table

    def _packed(self, kernel: Any, weight: np.ndarray, bias: np.ndarray | None, shape: tuple[int, ...]) -> int:
        """Where the weights lie that the kernel packs; `shape` is theirs."""
        (kept, number), packed = self._kept(weight, bias), empty(shape, np.float32)
        self.memory.append(packed)
        row = {p.COMPUTE: _block(blocks.pack_weight), p.BLOCKS: 1, p.X: kept, p.Y: packed.ctypes.data, p.L: number}
        row |= {p.KERNEL: address_of(kernel, (F4, F1, F3))}
        self._pack.append(row | {p.A + i: size for i, size in enumerate((*weight.shape, *shape))})
        return int(packed.ctypes.data)

    def _kept(self, weight: np.ndarray, bias: np.ndarray | None) -> tuple[int, int]:
        """Where a copy of the weight, and of the bias or zeros behind it, lies; its number."""
        kept, number = np.zeros(weight.size + weight.shape[3], np.float32), self._weights
        self.memory.append(kept)
        self._weights += 1
        for array, at in ((weight, 0), (bias, weight.size)):
            if array is None:
                continue
            bits = kept[at : at + array.size].view(np.uint32)
            np.invert(array.reshape(-1).view(np.uint32), out=bits)  # so the first call packs
            self._compare.append({
                p.COMPUTE: _block(blocks.compare), p.BLOCKS: -(-array.size // _COMPARED_PER_BLOCK),
                p.BLOCK: _COMPARED_PER_BLOCK, p.X: array.ctypes.data, p.Y: bits.ctypes.data,
                p.A: array.size, p.B: number,
            })  # fmt: skip
        return int(kept.ctypes.data), number

    def _result(self, shape: tuple[int, ...], last: bool) -> Place:
        if min(shape) < 1:
            raise ValueError(f"Steps: got images that become {shape}, expected at least one number; use larger ones")
        given, self.y = self.y, None
        return given or (Place(0, shape) if last else self._place(shape))

    def _place(self, shape: tuple[int, ...]) -> Place:
        memory = empty(shape, np.float32)
        memory[...] = 0
        self.memory.append(memory)
        return Place.of(memory)

    def _add(
        self, compute: Any, count: int, block: int, x: Place, y: Place, sizes: tuple[int, ...], kernel: int = 0,
        weight: int = 0, scratch: int = 0, other: np.ndarray | None = None, argmax: int = 0,
        to: list[dict[int, int]] | None = None,
    ) -> None:  # fmt: skip
        """A step of `count` blocks.

        scratch : bytes that each thread needs
        to      : other rows, in which it does not wait
        """
        row = {p.COMPUTE: _block(compute), p.BLOCKS: count, p.BLOCK: block, p.X: x.address, p.Y: y.address}
        row |= {p.KERNEL: kernel, p.WEIGHT: weight, p.ARGMAX: argmax, p.WAITS: int(to is None)}
        row |= {p.A + i: int(size) for i, size in enumerate(sizes)}
        if scratch:
            memory = empty((self.threads, -(-scratch // 64) * 64), np.uint8)
            self.memory.append(memory)
            row |= {p.SCRATCH: memory.ctypes.data, p.SCRATCH_STEP: memory.shape[1]}
        if other is not None:
            self.memory.append(other)
            row[p.OTHER] = other.ctypes.data
        (self._rest if to is None else to).append(row)

    def _repack(
        self, x: Place, y: Place, shape: tuple[int, ...], block: int, numbers: int, back: bool = False
    ) -> None:  # fmt: skip
        """x (N, H, W, C) into maps of `numbers` numbers for each block, or back; shape is that of the images."""
        kernel = address_of(unpack, (F3, INT, F4)) if back else address_of(pack, (F4, INT, F3))
        sizes = *shape, numbers, 0, 0, 0, back
        self._add(blocks.repack, -(-shape[0] // block), block, x, y, sizes, kernel)


def _block(compute: Any) -> int:
    """The address of a function of blocks.py."""
    return address_of(compute, (array(INT, 1), INT, INT, INT, INT, array(INT, 1)))
