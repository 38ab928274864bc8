"""Writes the table of steps that program.py runs: one method per kind of layers."""

from __future__ import annotations

import math

import numpy as np
from numba import types

from nnscratch.kernels import choice
from nnscratch.kernels.channel_vectors import direct, winograd
from nnscratch.kernels.channel_vectors.forward_tiles import CHANNEL_VECTORS
from nnscratch.kernels.channel_vectors.winograd_tiles import WINDOWS_TOGETHER
from nnscratch.kernels.image_vectors.chain import (
    BIAS_AT,
    C_OUT,
    H_POOLED,
    W_POOLED,
    WEIGHT_AT,
    Y_AT,
    chain_forward,
)
from nnscratch.kernels.normalization import forward_rows
from nnscratch.kernels.one_call import blocks, dense_blocks
from nnscratch.kernels.one_call import program as p
from nnscratch.kernels.one_call.calls import address_of
from nnscratch.kernels.one_call.table import F1, F2, F3, F4, INT, Place, Table, array
from nnscratch.kernels.products.choice import tiles_kernel
from nnscratch.kernels.products.gemm import packed_size
from nnscratch.kernels.products.gemm_panels import multiply_by_panels
from nnscratch.kernels.products.gemm_rows import multiply_by_rows
from nnscratch.kernels.products.gemm_unpacked import multiply_unpacked
from nnscratch.kernels.products.gemv import row_by_matrix
from nnscratch.kernels.products.matmul import row_block, rows_block

_F = np.dtype(np.float32)
_PRODUCTS_PER_BLOCK = 120_000  # 3 to 10 us of one core
_SUMMED_PER_BLOCK = 1 << 14
_CHANNELS_OF_VECTORS = 8  # of the output, from which vectors of channels are faster for one image
_IMAGES_ONE_BY_ONE = 4  # of few channels; more fill vectors of images
_SMALL = 1 << 18  # bytes of weights that stay in the second-level cache from block to block


class Steps(Table):
    """A table of steps, with a method for each kind of layers."""

    def normalize(self, x: Place, spread: float, floor: float, last: bool, moments: int = 0) -> Place:
        """Contrast normalization.  moments : where they are written, for training; 0 for inference"""
        y = self._result(x.shape, last)
        numbers = np.array([spread, floor], np.float64)
        kernel = address_of(forward_rows, (F2, types.float64, types.float64, F2, array(types.float64, 2)))
        sizes = (x.size // x.shape[0],)
        self._add(blocks.normalize, x.shape[0], 1, x, y, sizes, kernel, moments, 16, numbers)
        return y

    def channel_vectors(
        self, x: Place, weight: np.ndarray, bias: np.ndarray | None, padding: tuple[int, int], last: bool,
        winograd_fits: bool = True, argmax: int = 0,
    ) -> Place:  # fmt: skip
        """Convolution, ReLU, 2x2 pooling, as kernels/channel_vectors/forward.py computes them.

        winograd_fits : False for the sums as they stand, whose bits are those of image vectors
        argmax        : where it is written, for training; 0 for inference
        """
        k_h, k_w, c_in, c_out = weight.shape
        images, height, width, _ = x.shape
        if padding != (0, 0):
            x = self._framed(x, padding)
            height, width = x.shape[1:3]
        self.read = x
        y = self._result((images, (height - k_h + 1) // 2, (width - k_w + 1) // 2, c_out), last)
        rows, windows = images * y.shape[1], y.size // c_out
        products = windows * 4 * weight.size
        self.work += products
        n, size = blocks.LANES, CHANNEL_VECTORS * blocks.LANES
        groups = -(-c_out // size)
        shapes = *x.shape, *y.shape[1:]
        winners: types.Type = array(types.uint8, 4) if argmax else types.none
        if winograd_fits and choice.winograd(weight.shape, windows, _F, kept=not argmax):
            chunks, positions = -(-c_in // n), winograd.positions(k_h)
            packed = (groups, positions * chunks * n + 1, size)
            bytes_packed = 4 * math.prod(packed)
            count = max(1, windows * positions * c_in * c_out // _PRODUCTS_PER_BLOCK)
            block = -(-windows // (count if bytes_packed <= _SMALL else max(2, count // 8)))
            block = -(-block // WINDOWS_TOGETHER) * WINDOWS_TOGETHER
            scratch = 4 * positions * WINDOWS_TOGETHER * (chunks * n + size)
            at = self._packed(winograd.transform_weight, weight, bias, packed)
            kernel = address_of(winograd.pooled_windows, (F4, F3, INT, INT, F4, winners, F4, F3))
            sizes = *shapes, *packed, positions
            self._add(
                blocks.winograd_windows, -(-windows // block), block, x, y, sizes, kernel, at, scratch, None, argmax
            )
        else:
            packed = (groups, k_h * k_w * c_in + 1, size)
            block = -(-rows // min(rows, max(1, products // _PRODUCTS_PER_BLOCK)))
            at = self._packed(direct.pack_weight, weight, bias, packed)
            kernel = address_of(direct.pooled_rows, (F4, types.UniTuple(INT, 2), F3, INT, INT, F4, winners))
            sizes = *shapes, *packed, k_h, k_w
            self._add(blocks.direct_rows, -(-rows // block), block, x, y, sizes, kernel, at, argmax=argmax)
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
        images, height, width, _ = x.shape
        if images > _IMAGES_ONE_BY_ONE:
            raise ValueError(f"Steps: got {images} images, expected fewer; a vector of images is faster for these")
        rows, x_at = [], 0
        for weight, _ in convs:
            k_h, k_w, c_in, c_out = weight.shape
            pooled = (height - k_h + 1) // 2, (width - k_w + 1) // 2
            y_at = x_at + -(-height * width * c_in // 16) * 16  # each map on a cache line
            rows.append((height, width, c_in, k_h, k_w, c_out, *pooled, x_at, y_at, 0, weight.size))
            (height, width), x_at = pooled, y_at
        maps = self._place((images, -(-(x_at + height * width * c_out) // 16) * 16))
        return self.chains(x, convs, np.array(rows, np.int64), 1, maps, last)

    def chains(
        self, x: Place, convs: list[tuple[np.ndarray, np.ndarray | None]], geometry: np.ndarray, block: int,
        maps: Place, last: bool, argmax: int = 0,
    ) -> Place:  # fmt: skip
        """Convolutions, each with ReLU and 2x2 pooling, `block` images to a vector.

        geometry : (L, COLUMNS), see kernels/image_vectors/chain.py
        maps     : (blocks, numbers), overwritten
        argmax   : where it is written, laid out as the maps, for training; 0 for inference
        """
        images, numbers = x.shape[0], maps.shape[1]
        self._repack(x, maps, x.shape, block, numbers)
        for (weight, bias), conv in zip(convs, geometry, strict=True):
            self._chain(maps, weight, bias, conv, images, block, argmax)
        y_at, *shape = geometry[-1, [Y_AT, H_POOLED, W_POOLED, C_OUT]].tolist()
        y = self._result((images, *shape), last)
        self._repack(Place(maps.address + 4 * y_at, maps.shape), y, y.shape, block, numbers, back=True)
        return y

    def _chain(
        self, maps: Place, weight: np.ndarray, bias: np.ndarray | None, conv: np.ndarray, images: int, block: int,
        argmax: int,
    ) -> None:  # fmt: skip
        """One of them, from one of the maps into another.  conv : its row of geometry"""
        h_pooled, w_pooled = conv[[H_POOLED, W_POOLED]].tolist()
        products = images * h_pooled * w_pooled * 4 * weight.size
        self.work += products
        kept, _ = self._kept(weight, bias)
        alone = conv.copy()
        alone[[WEIGHT_AT, BIAS_AT]] = 0, weight.size
        (blocks_of_images, numbers), scratch = maps.shape, 0 if argmax else maps.shape[1]
        parts = max(1, min(h_pooled, products // (blocks_of_images * _PRODUCTS_PER_BLOCK)))
        kernel = address_of(chain_forward, (INT, array(INT, 2), F1, F1, array(types.uint8, 1), INT, INT))
        sizes = images, parts, weight.size + weight.shape[3], numbers
        count = blocks_of_images * parts
        self._add(blocks.chain, count, block, maps, maps, sizes, kernel, kept, scratch, alone, argmax)

    def dense(
        self, x: Place, weight: np.ndarray, bias: np.ndarray | None, relu: bool, last: bool, moves: bool = False
    ) -> Place:
        """y = x W + b, and ReLU.  moves : whether W is another one in the next pass, as for `matmul`"""
        (n_in, n_out), rows = weight.shape, x.shape[0]
        self.work += rows * weight.size
        y = self._result((rows, n_out), last)
        is_first = x.address == self.x.address
        self._checks_x |= is_first
        if rows == 1:
            block = row_block(n_in, n_out)
            count = parts = -(-n_in // block)
            compute, scratch = dense_blocks.multiply_row, 0
            kernel = address_of(row_by_matrix, (F2, F2, F2, INT, INT))
            sizes: tuple[int, ...] = n_in, n_out, 0, 0, 0, 0
        else:
            axis, block = rows_block(rows, n_in, n_out, self.threads, moves)
            count = -(-{"m": rows, "k": n_in, "n": n_out}[axis] // block)
            parts = count if axis == "k" else 1
            compute, kind = dense_blocks.multiply_rows, tiles_kernel(rows, transposed=False)
            part = (INT,) * 6
            if kind == "gemm_unpacked":
                kernel, scratch = address_of(multiply_unpacked, (F2, F2, F2, *part, INT)), 0
            else:
                packing = multiply_by_panels if kind == "gemm_panels" else multiply_by_rows
                kernel, scratch = address_of(packing, (F2, F2, F2, *part, F1)), packed_size(_F)
            sizes = n_in, n_out, rows, scratch, axis == "k", axis == "m"
        # A block with all terms is finished at once; others' sums come together in a step of their own.
        sums = y if parts == 1 else self._place((parts, rows, n_out))
        finish, backwards = (parts == 1, relu, is_first), None if parts == 1 else np.zeros(1, np.int64)
        self._add(
            compute, count, block, x, sums, (*sizes, *finish), kernel, weight.ctypes.data, 4 * scratch, backwards
        )  # fmt: skip
        if parts > 1:
            block = max(1, -(-rows * _SUMMED_PER_BLOCK // sums.size))
            of_sum = parts, rows, n_out, bias is not None, relu, is_first
            self._add(dense_blocks.add_bias_relu, -(-rows // block), block, sums, y, of_sum, other=backwards)
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
