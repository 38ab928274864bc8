"""Writes the table of steps that program.py runs: one method per kind of layers."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import types

from nnscratch.kernels import choice
from nnscratch.kernels.channel_vectors import direct, winograd
from nnscratch.kernels.channel_vectors.forward_tiles import CHANNEL_VECTORS
from nnscratch.kernels.channel_vectors.winograd_tiles import WINDOWS_TOGETHER
from nnscratch.kernels.image_vectors.chain import chain_forward
from nnscratch.kernels.memory import empty
from nnscratch.kernels.normalization import forward_rows
from nnscratch.kernels.one_call import blocks
from nnscratch.kernels.one_call import program as p
from nnscratch.kernels.one_call.calls import address_of
from nnscratch.kernels.products.choice import tiles_kernel
from nnscratch.kernels.products.gemm import gemm, packed_size
from nnscratch.kernels.products.gemm_panels import multiply_by_panels
from nnscratch.kernels.products.gemm_unpacked import multiply_unpacked
from nnscratch.kernels.products.gemv import row_by_matrix
from nnscratch.kernels.products.matmul import row_block, rows_block

_F = np.dtype(np.float32)
_PRODUCTS_PER_BLOCK = 120_000  # 3 to 10 us of one core
_WORK_FOR_THREADS = 500_000  # multiply-adds
_COMPARED_PER_BLOCK = 1 << 14
_SUMMED_PER_BLOCK = 1 << 15
_CHANNELS_OF_VECTORS = 8  # of the output, from which vectors of channels are faster for one image
_IMAGES_ONE_BY_ONE = 4  # of few channels; more fill vectors of images
_SMALL = 1 << 18  # bytes of weights that stay in the second-level cache from block to block


def _array(dtype: types.Type, ndim: int) -> types.Array:
    return types.Array(dtype, ndim, "C")


_F1, _F2, _F3, _F4 = (_array(types.float32, ndim) for ndim in range(1, 5))
_INT = types.int64


class Place(NamedTuple):
    """Where an array is, and its shape; address 0 is the caller's own."""

    address: int
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return math.prod(self.shape)


class Steps:
    """The table, and the memory that its addresses point to.

    x_shape : of the caller's x, with N
    threads : that may run the table at the same time
    """

    def __init__(self, x_shape: tuple[int, ...], threads: int) -> None:
        self.threads = threads
        self.memory: list[np.ndarray] = []
        self._compare: list[dict[int, int]] = []
        self._pack: list[dict[int, int]] = []
        self._rest: list[dict[int, int]] = []
        self.x = Place(0, x_shape)
        self._work = 0  # multiply-adds
        self._checks_x = False  # whether a step does

    @property
    def is_worth_threads(self) -> bool:
        """Whether a second thread saves more than it costs to call it."""
        return self._work >= _WORK_FOR_THREADS

    def table(self, y: Place) -> np.ndarray:
        """The finished table; y is what the last step gave: the caller's."""
        finite = {p.COMPUTE: _block(blocks.check_finite), p.BLOCKS: 1}
        before = [] if self._checks_x else [finite | {p.A: self.x.size}]
        after = finite | {p.A: y.size, p.B: 1, p.WAITS: 1}
        rows = [*before, *self._compare, *self._pack, *self._rest, after]
        rows[len(before) + len(self._compare)][p.WAITS] = 1
        table = np.zeros((len(rows), p.COLUMNS), np.int64)
        for row, columns in zip(table, rows, strict=True):
            row[list(columns)] = list(columns.values())
        return table

    def normalize(self, x: Place, spread: float, floor: float, last: bool) -> Place:
        """Contrast normalization."""
        y = self._result(x.shape, last)
        numbers = np.array([spread, floor], np.float64)
        kernel = address_of(forward_rows, (_F2, types.float64, types.float64, _F2, _array(types.float64, 2)))
        sizes = (x.size // x.shape[0],)
        self._add(blocks.normalize, x.shape[0], 1, x, y, sizes, kernel, scratch=16, other=numbers)
        return y

    def channel_vectors(
        self, x: Place, weight: np.ndarray, bias: np.ndarray | None, padding: tuple[int, int], last: bool,
        winograd_fits: bool = True,
    ) -> Place:  # fmt: skip
        """Convolution, ReLU, 2x2 pooling, as kernels/channel_vectors/forward.py computes them.

        winograd_fits : False for the sums as they stand, whose bits are those of image vectors
        """
        k_h, k_w, c_in, c_out = weight.shape
        images, height, width, _ = x.shape
        if padding != (0, 0):
            x = self._framed(x, padding)
            height, width = x.shape[1:3]
        y = self._result((images, (height - k_h + 1) // 2, (width - k_w + 1) // 2, c_out), last)
        rows, windows = images * y.shape[1], y.size // c_out
        products = windows * 4 * weight.size
        self._work += products
        n, size = blocks.LANES, CHANNEL_VECTORS * blocks.LANES
        groups = -(-c_out // size)
        shapes = *x.shape, *y.shape[1:]
        if winograd_fits and choice.winograd(weight.shape, windows, _F, kept=True):
            chunks, positions = -(-c_in // n), winograd.positions(k_h)
            packed = (groups, positions * chunks * n + 1, size)
            bytes_packed = 4 * math.prod(packed)
            count = max(1, windows * positions * c_in * c_out // _PRODUCTS_PER_BLOCK)
            block = -(-windows // (count if bytes_packed <= _SMALL else max(2, count // 8)))
            block = -(-block // WINDOWS_TOGETHER) * WINDOWS_TOGETHER
            scratch = 4 * positions * WINDOWS_TOGETHER * (chunks * n + size)
            kernel = address_of(winograd.transform_weight, (_F4, _F1, _F3))
            at = self._packed(blocks.pack_winograd, weight, bias, packed, kernel, (k_h, c_in, c_out))
            kernel = address_of(winograd.pooled_windows, (_F4, _F3, _INT, _INT, _F4, types.none, _F4, _F3))
            sizes = *shapes, *packed, positions
            self._add(blocks.winograd_windows, -(-windows // block), block, x, y, sizes, kernel, at, scratch)
        else:
            packed = (groups, k_h * k_w * c_in + 1, size)
            block = -(-rows // min(rows, max(1, products // _PRODUCTS_PER_BLOCK)))
            kernel = address_of(direct.pack_weight, (_F2, _F1, _F3))
            at = self._packed(blocks.pack_flat, weight, bias, packed, kernel, (weight.size // c_out, c_out))
            kernel = address_of(direct.pooled_rows, (_F4, types.UniTuple(_INT, 2), _F3, _INT, _INT, _F4, types.none))
            sizes = *shapes, *packed, k_h, k_w
            self._add(blocks.direct_rows, -(-rows // block), block, x, y, sizes, kernel, at)
        return y

    def image_vectors(self, x: Place, convs: list[tuple[np.ndarray, np.ndarray | None]], last: bool) -> Place:
        """Convolutions, each with ReLU and 2x2 pooling, as kernels/image_vectors/ computes one image."""
        while convs and convs[0][0].shape[3] >= _CHANNELS_OF_VECTORS:
            x = self.channel_vectors(x, *convs[0], (0, 0), last and len(convs) == 1, winograd_fits=False)
            convs = convs[1:]
        if not convs:
            return x
        if convs[-1][0].shape[3] >= _CHANNELS_OF_VECTORS:
            few = next(i for i, (weight, _) in enumerate(convs) if weight.shape[3] >= _CHANNELS_OF_VECTORS)
            return self.image_vectors(self.image_vectors(x, convs[:few], False), convs[few:], last)
        images, height, width, channels = x.shape
        if images > _IMAGES_ONE_BY_ONE:
            raise ValueError(f"Steps: got {images} images, expected fewer; a vector of images is faster for these")
        shapes = [(height, width, channels)]
        for weight, _ in convs:
            height, width, _ = shapes[-1]
            shapes.append(((height - weight.shape[0] + 1) // 2, (width - weight.shape[1] + 1) // 2, weight.shape[3]))
        begins = [0]
        for shape in shapes:  # each map on a cache line
            begins.append(begins[-1] + -(-math.prod(shape) // 16) * 16)
        total = begins[-1]
        maps = self._place((images, total))
        self._transpose(x, Place(maps.address, maps.shape), shapes[0], total, packs=True)
        for k, (weight, bias) in enumerate(convs):
            k_h, k_w, c_in, c_out = weight.shape
            parts = 2 if c_out % 2 == 0 else 1  # half of the output channels each: work for two threads
            size = (weight.size // c_out + 1) * (c_out // parts)
            taps = weight.size // c_out
            kernel = address_of(direct.pack_weight, (_F2, _F1, _F3))
            packed = parts, taps + 1, c_out // parts
            at = self._packed(blocks.pack_flat, weight, bias, packed, kernel, (taps, c_out))
            (height, width, _), (h_pooled, w_pooled, _) = shapes[k], shapes[k + 1]
            y_step = h_pooled * w_pooled * c_out // parts
            self._work += images * h_pooled * w_pooled * 4 * weight.size
            geometry = np.array([
                (height, width, c_in, k_h, k_w, c_out // parts, h_pooled, w_pooled, begins[k],
                 begins[k + 1] + part * y_step, part * size, (part + 1) * size - c_out // parts)
                for part in range(parts)
            ], np.int64)  # fmt: skip
            kernel = address_of(chain_forward, (_INT, _array(_INT, 2), _F1, _F1, _array(types.uint8, 1)))
            sizes = parts, geometry.shape[1], parts * size, total
            self._add(blocks.chain, images * parts, 1, maps, maps, sizes, kernel, at, total, geometry)
        y = self._result((images, *shapes[-1]), last)
        self._transpose(Place(maps.address + 4 * begins[len(convs)], maps.shape), y, shapes[-1], total, packs=False)
        return y

    def dense(self, x: Place, weight: np.ndarray, bias: np.ndarray | None, relu: bool, last: bool) -> Place:
        """y = x W + b, and ReLU."""
        (n_in, n_out), rows = weight.shape, x.shape[0]
        self._work += rows * weight.size
        y = self._result((rows, n_out), last)
        at, backwards = weight.ctypes.data, np.zeros(1, np.int64)
        if rows == 1:
            block = row_block(n_in, n_out)
            parts = -(-n_in // block)
            sums = self._place((parts, rows, n_out))
            kernel = address_of(row_by_matrix, (_F2, _F2, _F2, _INT, _INT))
            sizes: tuple[int, ...] = n_in, n_out
            self._add(blocks.multiply_row, parts, block, x, sums, sizes, kernel, at, other=backwards)
        else:
            axis, block = rows_block(rows, n_in, n_out)
            count = -(-{"m": rows, "k": n_in, "n": n_out}[axis] // block)
            parts = count if axis == "k" else 1
            sums = self._place((parts, rows, n_out))
            flag, part, scratch = types.boolean, (_INT,) * 6, packed_size(_F)
            kind = tiles_kernel(rows, transposed=False)
            if kind == "gemm_unpacked":
                kernel, scratch = address_of(multiply_unpacked, (_F2, _F2, _F2, *part)), 0
            elif kind == "gemm_panels":
                kernel = address_of(multiply_by_panels, (_F2, _F2, _F2, *part, _F1))
            else:
                kernel = address_of(gemm, (_F2, flag, _F2, flag, _F2, *part, _F1))
            sizes = n_in, n_out, rows, scratch, axis == "k", axis == "m", blocks.TILES.index(kind)
            self._add(blocks.multiply_rows, count, block, x, sums, sizes, kernel, at, 4 * scratch, backwards)
        block = max(1, -(-rows * _SUMMED_PER_BLOCK // (parts * y.size)))
        is_first = x.address == self.x.address
        self._checks_x |= is_first
        of_sum = parts, rows, n_out, bias is not None, relu, is_first
        self._add(blocks.add_bias_relu, -(-rows // block), block, sums, y, of_sum, other=backwards)
        if bias is not None:
            self._rest[-1][p.BIAS] = bias.ctypes.data
        return y

    def _framed(self, x: Place, padding: tuple[int, int]) -> Place:
        (images, height, width, channels), (p_h, p_w) = x.shape, padding
        framed = self._place((images, height + 2 * p_h, width + 2 * p_w, channels))
        rows = images * height
        block = -(-rows // max(1, min(rows, x.size // (1 << 14))))
        sizes = rows, height, width * channels, p_w * channels, p_h
        self._add(blocks.frame, -(-rows // block), block, x, framed, sizes)
        return framed

    def _transpose(self, x: Place, y: Place, shape: tuple[int, ...], total: int, packs: bool) -> None:
        """Images (H, W, C) into maps (C, H, W), or back."""
        pixels, channels = shape[0] * shape[1], shape[2]
        size = pixels * channels
        sizes = (pixels, channels, size, total) if packs else (channels, pixels, total, size)
        self._add(blocks.transpose, x.shape[0], 1, x, y, sizes)

    def _packed(
        self, compute: Any, weight: np.ndarray, bias: np.ndarray | None, shape: tuple[int, ...], kernel: int,
        sizes: tuple[int, ...],
    ) -> int:  # fmt: skip
        """Where the packed weights lie; `shape` is theirs."""
        kept, packed = np.zeros(weight.size + weight.shape[3], np.float32), empty(shape, np.float32)
        self.memory += [kept, packed]
        for array, at in ((weight, 0), (bias, weight.size)):
            if array is None:
                continue
            bits = kept[at : at + array.size].view(np.uint32)
            np.invert(array.reshape(-1).view(np.uint32), out=bits)  # so the first call packs
            self._compare.append({
                p.COMPUTE: _block(blocks.compare), p.BLOCKS: -(-array.size // _COMPARED_PER_BLOCK),
                p.BLOCK: _COMPARED_PER_BLOCK, p.X: array.ctypes.data, p.Y: bits.ctypes.data,
                p.A: array.size, p.B: len(self._pack),
            })  # fmt: skip
        row = {p.COMPUTE: _block(compute), p.BLOCKS: 1, p.X: kept.ctypes.data, p.Y: packed.ctypes.data}
        row |= {p.KERNEL: kernel, p.L: len(self._pack)} | {p.A + i: size for i, size in enumerate((*sizes, *shape))}
        self._pack.append(row)
        return int(packed.ctypes.data)

    def _result(self, shape: tuple[int, ...], last: bool) -> Place:
        if min(shape) < 1:
            raise ValueError(f"Steps: got images that become {shape}, expected at least one number; use larger ones")
        return Place(0, shape) if last else self._place(shape)

    def _place(self, shape: tuple[int, ...]) -> Place:
        memory = empty(shape, np.float32)
        memory[...] = 0
        self.memory.append(memory)
        return Place(memory.ctypes.data, shape)

    def _add(
        self, compute: Any, count: int, block: int, x: Place, y: Place, sizes: tuple[int, ...], kernel: int = 0,
        weight: int = 0, scratch: int = 0, other: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        """A step of `count` blocks; scratch : bytes that each thread needs"""
        row = {p.COMPUTE: _block(compute), p.BLOCKS: count, p.BLOCK: block, p.WAITS: 1, p.X: x.address, p.Y: y.address}
        row |= {p.KERNEL: kernel, p.WEIGHT: weight} | {p.A + i: int(size) for i, size in enumerate(sizes)}
        if scratch:
            memory = empty((self.threads, -(-scratch // 64) * 64), np.uint8)
            self.memory.append(memory)
            row |= {p.SCRATCH: memory.ctypes.data, p.SCRATCH_STEP: memory.shape[1]}
        if other is not None:
            self.memory.append(other)
            row[p.OTHER] = other.ctypes.data
        self._rest.append(row)


def _block(compute: Any) -> int:
    """The address of a function of blocks.py."""
    return address_of(compute, (_array(_INT, 1), _INT, _INT, _INT, _INT, _array(_INT, 1)))
