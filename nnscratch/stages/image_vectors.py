"""Convolutions, each with ReLU and 2x2 max pooling, as one stage: a vector = a pixel of 16 images.

A block of images, one per lane of a vector, goes through all of them on one thread before the next
block begins, image innermost, (C, H, W*B): its maps stay in the core's second-level cache from one
convolution to the next. The kernels are in kernels/image_vectors/; kernels/choice.py says which
convolutions take them.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np

from nnscratch.checks import check_finite
from nnscratch.kernels.choice import (
    FEW_IMAGES_BECAUSE,
    POOLS_BECAUSE,
    Chosen,
    few_channels_by_channels,
    places_are_vectors,
)
from nnscratch.kernels.finite import all_finite
from nnscratch.kernels.image_vectors.chain import COLUMNS, chain_backward, chain_forward, map_at, weight_and_bias
from nnscratch.kernels.image_vectors.layout import pack, unpack
from nnscratch.kernels.memory import Scratch
from nnscratch.kernels.threads import in_blocks
from nnscratch.kernels.vectors import VECTOR_BYTES
from nnscratch.layers import Conv2D, MaxPool2D, ReLU
from nnscratch.layers.base import check_gradient_shape, check_shape, take
from nnscratch.layers.parameters import Parameters
from nnscratch.stages.base import Stage, triple_sizes
from nnscratch.stages.channel_vectors import ChannelVectorsStage

_ALIGNED = 64  # each map begins at a multiple of this many numbers: on a cache line, even in bytes


def images_per_block(images: int, dtype: np.dtype[np.generic]) -> int:
    """As many images as a vector has lanes; of fewer images half, so that two threads have work."""
    lanes = VECTOR_BYTES // dtype.itemsize
    return lanes if images >= lanes else max(1, -(-images // 2))


def blocks_of(images: int, dtype: np.dtype[np.generic]) -> list[slice]:
    """The images of each block: at most `images_per_block`.

    Two threads take them from both ends. So beside an even number of whole blocks the rest is two,
    the first and the last: 100 images, a step of the report's CNN 1.03 times as fast, of its large
    one 1.01 (AVX-512, median of 14 processes).
    """
    block = images_per_block(images, dtype)
    whole, rest = divmod(images, block)
    first = rest // 2 if whole % 2 == 0 else 0
    begins = ([0] if first else []) + list(range(first, images, block))
    return [slice(start, stop) for start, stop in pairwise([*begins, images])]


class ImageVectorsStage(Stage):
    """One or more triples of convolution, ReLU, pooling, one after the other.

    Shapes
        x, dx : (N, H, W, c_in) of the first
        y, dy : (N, H_p, W_p, c_out) of the last
    """

    needs_y = False

    def __init__(self, *triples: tuple[Conv2D, ReLU, MaxPool2D]) -> None:
        super().__init__([layer for triple in triples for layer in triple])
        self.convs = [conv for conv, _, _ in triples]
        self.pools = [pool for _, _, pool in triples]
        self.parameters = [Parameters(conv, (*conv.kernel_size, conv.c_in, conv.c_out)) for conv in self.convs]
        self.scratch = Scratch()
        # Sometimes faster (kernels/choice.py): the same bits forward, so no Winograd.
        self.by_channels = [ChannelVectorsStage(*triple, winograd=False) for triple in triples]
        for stage in self.by_channels[1:]:
            stage.is_first, stage.may_overwrite_x = False, True
        self.block_shape: tuple[int, ...] = ()  # to which these four belong:
        self.geometry, self.map_size = np.empty((0, COLUMNS), np.int64), 0  # see kernels/image_vectors/chain.py
        self.y_shape: tuple[int, int, int] = (0, 0, 0)  # of the last map: H_p, W_p, O
        self.y_at = 0  # where it begins
        self.gradient = np.empty(0)  # of all parameters, in one piece
        self.gradients: list[tuple[np.ndarray, np.ndarray]] = []  # its parts, one pair per convolution

    def sizes(self) -> tuple[object, ...]:
        return tuple([triple_sizes(conv, pool) for conv, pool in zip(self.convs, self.pools, strict=True)])

    def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
        check_shape(self.convs[0], x, ndim=4, channels=self.convs[0].c_in)
        if self.goes_by_channels(len(x), training, x.dtype):
            self.by_channels[0].is_first, y = self.is_first, x
            for stage in self.by_channels:
                y = stage.forward(y, training)
            if training:
                self.kept = x.shape, y.shape, x.dtype
            return y
        blocks = blocks_of(len(x), x.dtype)
        self.lay_out((images_per_block(len(x), x.dtype), *x.shape[1:]))
        geometry, size, y_shape, y_at = self.geometry, self.map_size, self.y_shape, self.y_at
        y = self.result("y", training, (len(x), *y_shape), x.dtype)
        parameters = self._parameters(x.dtype)
        is_first = self.is_first
        if training:  # backward needs the maps of every block; inference only those of the blocks under way
            kept_maps, kept_argmax = self.kept_maps(len(blocks), x.dtype)

        def work(k: int, _: int) -> None:
            pictures = np.ascontiguousarray(x[blocks[k]])
            if is_first and not all_finite(pictures):  # this also brings them into the cache
                check_finite(self.layers[0], "x", x)  # the error counts in all of x
            if training:
                maps, argmax = kept_maps[k], kept_argmax[k]
            else:
                maps = self.scratch.get("maps", (size,), x.dtype)
                argmax = self.scratch.get("argmax", (size,), np.uint8)
            images = len(pictures)
            pack(pictures, images, map_at(maps, 0, x.shape[1:], images))
            chain_forward(images, geometry, parameters, maps, argmax, 0, 1)
            unpack(map_at(maps, y_at, y_shape, images), images, y[blocks[k]])

        in_blocks(work, len(blocks), 1)
        if training:
            self.kept = x.shape, y.shape, x.dtype
        return y

    def backward(self, dy: np.ndarray, input_gradient: bool) -> np.ndarray | None:
        x_shape, y_shape, dtype = take(self, "kept", self.convs[0])
        check_gradient_shape(self.pools[-1], dy, y_shape, dtype)
        if self.goes_by_channels(len(dy), True, dtype):
            first, *later = self.by_channels
            gradient: Any = dy
            for stage in reversed(later):
                gradient = stage.backward(gradient, input_gradient=True)
            return first.backward(gradient, input_gradient)
        blocks = blocks_of(len(dy), dtype)
        self.lay_out((images_per_block(len(dy), dtype), *x_shape[1:]))
        geometry, size = self.geometry, self.map_size
        maps, argmax = self.kept_maps(len(blocks), dtype)
        parameters = self._parameters(dtype)
        partial_sums = self.buffers.get("partial sums", (len(blocks), len(parameters)), dtype)
        dx = self.buffers.get("dx", x_shape, dtype) if input_gradient else None

        def work(k: int, _: int) -> None:
            block_dy, gradients = np.ascontiguousarray(dy[blocks[k]]), self.scratch.get("maps", (size,), dtype)
            images = len(block_dy)
            pack(block_dy, images, map_at(gradients, self.y_at, self.y_shape, images))
            chain_backward(images, geometry, parameters, maps[k], argmax[k], gradients, partial_sums[k], input_gradient)
            if dx is not None:
                unpack(map_at(gradients, 0, x_shape[1:], images), images, dx[blocks[k]])

        in_blocks(work, len(blocks), 1)
        # The sum is taken in block order, whichever thread computed which block.
        total = np.sum(partial_sums, axis=0, out=self.buffers.get("dparameters", parameters.shape, dtype))
        if total is not self.gradient:
            self.gradient, self.gradients = total, [weight_and_bias(total, conv) for conv in geometry]
        for conv, (weight, bias) in zip(self.convs, self.gradients, strict=True):
            conv.grads["weight"] = weight
            if conv.bias:
                conv.grads["bias"] = bias
        return dx

    def kernels(self, x_shape: tuple[int, ...], dtype: np.dtype[Any], input_gradient: bool) -> list[Chosen]:
        works = ["dweight", *(["dx"] if input_gradient or len(self.convs) > 1 else [])]
        if self.goes_by_channels(x_shape[0], True, dtype):
            forward = Chosen("forward", "channel_vectors/direct.py", FEW_IMAGES_BECAUSE)
            return [forward, *(Chosen(work, "channel_vectors/backward.py", FEW_IMAGES_BECAUSE) for work in works)]
        block, lanes = images_per_block(x_shape[0], dtype), VECTOR_BYTES // dtype.itemsize
        why = POOLS_BECAUSE[places_are_vectors(block, lanes)]
        several = f"all {len(self.convs)} maps of a block stay in its thread's cache"
        why_backward = several if len(self.convs) > 1 else "only the gradients that pooling leaves are met"
        chosen = [Chosen("forward", "image_vectors/forward.py", f"{why} ({block} images)")]
        return chosen + [Chosen(work, "image_vectors/backward.py", why_backward) for work in works]

    def kept_arrays(self) -> list[np.ndarray]:
        return super().kept_arrays() + [array for stage in self.by_channels for array in stage.kept_arrays()]

    def goes_by_channels(self, images: int, training: bool, dtype: np.dtype[Any]) -> bool:
        return few_channels_by_channels(images, training, [conv.c_out for conv in self.convs], dtype)

    def lay_out(self, block_shape: tuple[int, ...]) -> None:
        """Sets geometry, map_size, y_shape and y_at for blocks of (B, H, W, C)."""
        if self.block_shape == block_shape:
            return
        images, shape = block_shape[0], block_shape[1:]
        rows, x_at, weight_at = [], 0, 0
        for conv, pool in zip(self.convs, self.pools, strict=True):
            pooled, kernel = pool.output_shape(conv.output_shape(shape)), (*conv.kernel_size, conv.c_in, conv.c_out)
            y_at = x_at + -(-math.prod(shape) * images // _ALIGNED) * _ALIGNED
            bias_at = weight_at + math.prod(kernel)
            rows.append((*shape, *kernel[:2], conv.c_out, *pooled[:2], x_at, y_at, weight_at, bias_at))
            shape, x_at, weight_at = pooled, y_at, bias_at + conv.c_out
        self.geometry, self.map_size = np.array(rows, np.int64), x_at + math.prod(shape) * images
        self.y_shape, self.y_at = (shape[0], shape[1], shape[2]), x_at
        self.block_shape = block_shape

    def kept_maps(self, n_blocks: int, dtype: np.dtype[np.generic]) -> tuple[np.ndarray, np.ndarray]:
        """maps and argmax of a training step, one row per block."""
        size = -(-self.map_size // _ALIGNED) * _ALIGNED
        maps = self.buffers.get("maps", (n_blocks, size), dtype)
        return maps, self.buffers.get("argmax", (n_blocks, size), np.uint8)

    def _parameters(self, dtype: np.dtype[np.generic]) -> np.ndarray:
        """Weight and bias of all convolutions in one array; zeros where there is no bias."""
        arrays = []
        for parameters in self.parameters:
            weight, bias = parameters.get(dtype)
            arrays += [weight.reshape(-1), np.zeros(weight.shape[3], dtype) if bias is None else bias]
        size = sum(array.size for array in arrays)
        return np.concatenate(arrays, out=self.buffers.get("parameters", (size,), dtype))
