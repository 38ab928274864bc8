"""Writes the table of steps of a backward pass through convolutions: what is needed first comes first.

The gradient of a layer's x is what the layer before waits for, and one image is little work to share:
so it is cut into parts of its rows. Whoever finds no part left takes output channels of dweight.
Partial sums are added at the end, when all are there.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from nnscratch.kernels import choice
from nnscratch.kernels.channel_vectors import input_gradient
from nnscratch.kernels.channel_vectors.backward import add_weight_gradient
from nnscratch.kernels.channel_vectors.backward_tiles import PATCH_VECTORS
from nnscratch.kernels.channel_vectors.parts import parts_of
from nnscratch.kernels.image_vectors.chain import (
    BIAS_AT,
    C_OUT,
    H_POOLED,
    HEIGHT,
    WEIGHT_AT,
    Y_AT,
    map_gradient,
    weight_gradient,
)
from nnscratch.kernels.image_vectors.layout import pack
from nnscratch.kernels.one_call import blocks, dense_blocks, gradient_blocks
from nnscratch.kernels.one_call import program as p
from nnscratch.kernels.one_call.calls import address_of
from nnscratch.kernels.one_call.table import F1, F2, F3, F4, INT, Place, Table, array

_F = np.dtype(np.float32)
_PRODUCTS_PER_BLOCK = 300_000  # zeros counted: 3 to 10 us of one core
_SUMMED_PER_BLOCK = 1 << 15
_U1, _U4, _PAIR = array(types.uint8, 1), array(types.uint8, 4), types.UniTuple(INT, 2)


class GradientSteps(Table):
    """A table for backward; its caller's x is that of forward."""

    def __init__(self, x_shape: tuple[int, ...], threads: int) -> None:
        super().__init__(x_shape, threads)
        self._turns_first: list[dict[int, int]] = []
        self._groups: list[dict[int, int]] = []
        self._sums: list[dict[int, int]] = []
        self._turns: list[dict[int, int]] = []

    def channel_vectors(
        self, x: Place, dy: Place, argmax: np.ndarray, weight: np.ndarray, padding: tuple[int, int],
        dweight: np.ndarray, dbias: np.ndarray, sums: tuple[np.ndarray, np.ndarray, np.ndarray], dx: Place | None,
    ) -> None:  # fmt: skip
        """As kernels/channel_vectors/backward.py computes it.

        x    : as forward read it, with its padding
        sums : (parts, ...) of dweight, (parts, O) of dbias, and (O, k_h*k_w*C): see `partial_sums`
        dx   : where it goes, which must not be x; None if not wanted
        """
        (k_h, k_w, c_in, c_out), (_, h_pooled, w_pooled, _) = weight.shape, dy.shape
        images, taps = x.shape[0], k_h * k_w * c_in
        products, winners = h_pooled * w_pooled * weight.size, argmax.ctypes.data  # of an image
        self.work += 2 * images * products
        if dx is not None:
            kernel, size, at = self._weights_of_input(weight)
            parts = max(1, min(h_pooled, products // _PRODUCTS_PER_BLOCK))
            _, height, width, _ = dx.shape
            rows = 2 * -(-h_pooled // parts) + 2 * k_h + 2
            framed = rows * (width + 2 * padding[1]) * c_in
            scratch = 4 * (framed + 1) + 32 * w_pooled * (-(-h_pooled // parts) + k_h)
            sizes = height, width, c_in, *padding, h_pooled, w_pooled, c_out, k_h, k_w, size, parts
            self._add(
                gradient_blocks.input_gradient, images * parts, 1, dy, dx, sizes, kernel, at, scratch, None, winners
            )
        weight_sums, bias_sums, total = sums
        by_channel = choice.weight_gradient_by_channel(weight.shape, _F)
        several = len(weight_sums) > 1
        target = weight_sums if several or not by_channel else dweight
        bias_target = bias_sums if several else dbias
        count = max(1, min(-(-c_out // blocks.LANES), products // _PRODUCTS_PER_BLOCK))
        block = -(-c_out // (count * blocks.LANES)) * blocks.LANES
        count = -(-c_out // block)
        kernel = address_of(add_weight_gradient, (F4, F4, _U4, _PAIR, types.boolean, F2, F1, INT, INT))
        per_part = len(parts_of(images)[0])
        sizes = *x.shape, h_pooled, w_pooled, c_out, k_h, k_w, by_channel, per_part, count
        place = Place.of(target)
        compute, count = gradient_blocks.weight_gradient, len(weight_sums) * count
        self._add(compute, count, block, x, place, sizes, kernel, argmax=winners)
        self._rest[-1] |= {p.OTHER: dy.address, p.BIAS: bias_target.ctypes.data, p.WAITS: int(dx is None)}
        if several:
            self._sum(bias_sums, dbias)
            self._sum(weight_sums, dweight if by_channel else total)
        if not by_channel:
            self._turn(total if several else weight_sums, dweight, c_out, taps, self._turns)

    def chains(
        self, convs: list[np.ndarray], geometry: np.ndarray, block: int, maps: np.ndarray, argmax: np.ndarray,
        gradients: np.ndarray, sums: np.ndarray, total: np.ndarray, dy: Place, dx: Place | None,
    ) -> None:  # fmt: skip
        """As kernels/image_vectors/chain.py computes it, `block` images to a vector.

        convs : the weights;  maps, argmax, gradients : (blocks, numbers)
        sums  : (blocks, numbers of parameters);  total : their sum, as chain_backward gives it
        """
        images, numbers, winners = dy.shape[0], maps.shape[1], argmax.ctypes.data
        last = Place(gradients.ctypes.data + 4 * int(geometry[-1, Y_AT]), gradients.shape)
        self._repack(dy, last, dy.shape, block, numbers)
        several = len(maps) > 1
        target = sums if several else total
        kernel = address_of(weight_gradient, (INT, array(INT, 1), F1, _U1, F1, F1, INT, INT))
        map_kernel = address_of(map_gradient, (INT, array(INT, 1), F1, _U1, F1, INT, INT))
        x, gradient = Place.of(maps), Place.of(gradients)
        for k in range(len(geometry) - 1, -1, -1):
            conv, weight = geometry[k], convs[k]
            products = min(block, images) * int(conv[H_POOLED] * conv[H_POOLED + 1]) * 4 * weight.size
            self.work += 2 * len(maps) * products
            wanted = k > 0 or dx is not None
            if wanted:
                alone = conv.copy()
                alone[[WEIGHT_AT, BIAS_AT]] = 0, weight.size
                parts = max(1, min(int(conv[HEIGHT] + 1) // 2, products // _PRODUCTS_PER_BLOCK))
                sizes = images, parts, weight.size, numbers
                self._add(
                    gradient_blocks.chain_map, len(maps) * parts, block, Place.of(weight), gradient, sizes, map_kernel,
                    other=alone, argmax=winners,
                )  # fmt: skip
            c_out = int(conv[C_OUT])
            parts = 1 if products < _PRODUCTS_PER_BLOCK else max(min(2, c_out), c_out // 4)
            sizes = images, parts, total.size, numbers
            self._add(
                gradient_blocks.chain_weight, len(maps) * parts, block, x, Place.of(target), sizes, kernel,
                gradient.address, other=conv.copy(), argmax=winners,
            )  # fmt: skip
            self._rest[-1][p.WAITS] = int(not wanted)
        if several:
            self._sum(sums, total)
        if dx is not None:
            self._repack(gradient, dx, dx.shape, block, numbers, back=True)

    def written(self) -> np.ndarray:
        """The finished table."""
        for rows in (self._groups, self._sums, self._turns):
            if rows:
                rows[0][p.WAITS] = 1
        return self._as_numbers([*self._turns_first, *self._groups, *self._rest, *self._sums, *self._turns])

    def _weights_of_input(self, weight: np.ndarray) -> tuple[int, int, int]:
        """The kernel for dx, how many input channels there are in a group, and where the weights lie for it."""
        k_h, k_w, c_in, c_out = weight.shape
        by_output = self._place((c_out, k_h * k_w * c_in))
        self._turn(weight, by_output, weight.size // c_out, c_out, self._turns_first)
        if not choice.input_gradient_by_patch(weight.shape, _F):
            kernel = address_of(input_gradient.add_by_place, (F2, F4, _U4, _PAIR, array(types.uint64, 1), F4))
            return kernel, 0, by_output.address
        size = PATCH_VECTORS[k_h] * blocks.LANES
        groups = -(-c_in // size)
        runs = self._place((groups, c_out, k_h * k_w, size))
        kernel = address_of(input_gradient.by_channels, (F2, INT, F4))
        sizes = c_out, k_h * k_w, c_in, groups, size
        self._add(gradient_blocks.group_weights, 1, 1, by_output, runs, sizes, kernel, to=self._groups)
        return (
            address_of(input_gradient.add_by_patch, (F4, F4, _U4, _PAIR, array(types.uint64, 1), F4)),
            size,
            runs.address,
        )

    def _sum(self, sums: np.ndarray, total: np.ndarray) -> None:
        """total = sum over parts of sums[part], in their order."""
        rows = math.prod(total.shape[:-1])
        block = max(1, rows * _SUMMED_PER_BLOCK // sums.size)
        x, y, sizes = Place.of(sums), Place.of(total), (len(sums), rows, total.shape[-1])
        self._add(dense_blocks.add_bias_relu, -(-rows // block), block, x, y, sizes, to=self._sums)

    def _turn(
        self, source: np.ndarray, target: np.ndarray | Place, rows: int, columns: int, to: list[dict[int, int]]
    ) -> None:
        """target[c,r] = source[r,c]"""
        place = target if isinstance(target, Place) else Place.of(target)
        kernel = address_of(pack, (F4, INT, F3))
        self._add(blocks.repack, 1, rows, Place.of(source), place, (rows, 1, 1, columns, 0), kernel, to=to)


def partial_sums(
    weight_shape: tuple[int, ...], images: int
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """The shapes of what `GradientSteps.channel_vectors` sums in."""
    c_out, parts = weight_shape[3], len(parts_of(images))
    taps = math.prod(weight_shape[:3])
    return (parts, c_out, taps), (parts, c_out), (c_out, taps)
