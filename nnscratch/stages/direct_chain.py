"""Several convolutions with few channels, each with ReLU and 2x2 max pooling, as one stage (`kernels/direct.py`).

A block of images, one for each lane of a vector, goes through all of them on one thread before the next block begins,
image innermost, (C, H, W*B): its maps stay in the core's second-level cache from one convolution to the next.
"""

from __future__ import annotations

import math

import numpy as np

from nnscratch.kernels.direct_chain import chain_backward, chain_forward, map_size
from nnscratch.kernels.memory import Buffers, Scratch
from nnscratch.kernels.threads import in_blocks
from nnscratch.kernels.vectors import VECTOR_BYTES
from nnscratch.layers import Conv2D, MaxPool2D, ReLU
from nnscratch.layers.base import check_finite, check_gradient, check_shape, take
from nnscratch.stages.base import Stage


def images_a_block(images: int, dtype: np.dtype[np.generic]) -> int:
    """As many as a vector has lanes; of fewer, half of them, so that two threads have something to do."""
    whole = VECTOR_BYTES // dtype.itemsize
    return whole if images >= whole else max(1, -(-images // 2))


def _map_sizes(geometry: np.ndarray, images: int) -> list[int]:
    """Numbers in a block's maps: x of the first convolution, and every y."""
    height, width, channels = geometry[0, :3].tolist()
    return [map_size(*shape, images) for shape in ((channels, height, width), *geometry[:, 5:].tolist())]


class DirectChain(Stage):
    """One or more of convolution, ReLU, pooling in a row.

    Shapes
        x, dx : (N, H, W, c_in) of the first      y, dy : (N, H_p, W_p, c_out) of the last
    """

    checks_finite = True
    needs_y = False

    def __init__(self, *triples: tuple[Conv2D, ReLU, MaxPool2D]) -> None:
        self.convs = [conv for conv, _, _ in triples]
        self.pools = [pool for _, _, pool in triples]
        self.layers = [layer for triple in triples for layer in triple]
        self.buffers, self.scratch = Buffers(), Scratch()
        self.geometry = np.zeros((len(triples), 8), np.int64)
        self.gradient = np.empty(0)  # of all parameters, and its parts, each in its own shape
        self.gradients: list[tuple[np.ndarray, np.ndarray]] = []

    def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
        check_shape(self.convs[0], x, ndim=4, channels=self.convs[0].c_in)
        geometry = self._geometry_for(x.shape[1:])
        block = images_a_block(len(x), x.dtype)
        sizes = _map_sizes(geometry, min(block, len(x)))
        use = "training" if training else "inference"  # a look at other rows must not disturb a step under way
        y = self.buffers.get(f"{use} y", (len(x), *geometry[-1, 6:].tolist(), self.convs[-1].c_out), x.dtype)
        parameters = self._parameters(x.dtype)
        if training:  # every block's maps are kept for backward; inference needs those of the blocks under way alone
            maps, argmax = self._kept(-(-len(x) // block), sizes, x.dtype)

        def work(start: int, stop: int) -> None:
            pictures, number = np.ascontiguousarray(x[start:stop]), start // block
            check_finite(self.layers[0], "x", pictures)  # and so it is in the cache
            scratch = self.scratch.get("gradients", (sum(sizes),), x.dtype)
            if training:
                kept = maps[number], scratch[: sizes[-1]], argmax[number]
            else:
                winners = self.scratch.get("argmax", (sum(sizes[1:]),), np.uint8)
                kept = scratch[: -sizes[-1]], scratch[-sizes[-1] :], winners
            chain_forward(pictures, geometry, parameters, *kept, y[start:stop])

        in_blocks(work, len(x), block)
        if training:
            self.kept = x.shape, y.shape, geometry
        return y

    def backward(self, dy: np.ndarray, input_gradient: bool) -> np.ndarray | None:
        x_shape, y_shape, geometry = take(self, "kept", self.convs[0])
        dtype = self.convs[0].params["weight"].dtype
        check_gradient(self.pools[-1], dy, y_shape, dtype)
        block = images_a_block(len(dy), dtype)
        n_blocks, sizes = -(-len(dy) // block), _map_sizes(geometry, min(block, len(dy)))
        maps, argmax = self._kept(n_blocks, sizes, dtype)
        parameters = self._parameters(dtype)
        partial = self.buffers.get("partial sums", (n_blocks, len(parameters)), dtype)
        dx = self.buffers.get("dx", x_shape, dtype) if input_gradient else None

        def work(start: int, stop: int) -> None:
            number, block_dx = start // block, None if dx is None else dx[start:stop]
            gradients = self.scratch.get("gradients", (sum(sizes),), dtype)
            block_dy = np.ascontiguousarray(dy[start:stop])
            chain_backward(
                block_dy, geometry, parameters, maps[number], argmax[number], gradients, partial[number], block_dx
            )

        in_blocks(work, len(dy), block)
        # In block order, whatever thread made them.
        gradient = np.sum(partial, axis=0, out=self.buffers.get("dparameters", parameters.shape, dtype))
        if gradient is not self.gradient:
            self.gradient, self.gradients = gradient, self._split(gradient)
        for conv, (weight, bias) in zip(self.convs, self.gradients, strict=True):
            conv.grads["weight"] = weight
            if conv.bias:
                conv.grads["bias"] = bias
        return dx

    def _geometry_for(self, shape: tuple[int, ...]) -> np.ndarray:
        """The chain's `geometry` (see kernels/direct_chain.py) for images of this shape."""
        if tuple(self.geometry[0, :3]) != shape:
            rows = []
            for conv, pool in zip(self.convs, self.pools, strict=True):
                pooled = pool.output_shape(conv.output_shape(shape))
                rows.append((*shape, *conv.params["weight"].shape[:2], conv.c_out, *pooled[:2]))
                shape = pooled
            self.geometry = np.array(rows, np.int64)
        return self.geometry

    def _kept(self, n_blocks: int, sizes: list[int], dtype: np.dtype[np.generic]) -> tuple[np.ndarray, np.ndarray]:
        """The maps and the places of their maxima, a row a block. The last map goes to y, and backward needs no y."""
        maps = self.buffers.get("maps", (n_blocks, sum(sizes[:-1])), dtype)
        return maps, self.buffers.get("argmax", (n_blocks, sum(sizes[1:])), np.uint8)

    def _parameters(self, dtype: np.dtype[np.generic]) -> np.ndarray:
        """All weights and biases in a row, zeros where there is no bias."""
        arrays = []
        for conv in self.convs:
            bias = conv.params["bias"] if conv.bias else np.zeros(conv.c_out, dtype)
            arrays += [conv.params["weight"].reshape(-1), bias]
        size = sum(array.size for array in arrays)
        return np.concatenate(arrays, out=self.buffers.get("parameters", (size,), dtype))

    def _split(self, row: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """A row like the parameters, as each convolution's weight and bias."""
        pairs, at = [], 0
        for conv in self.convs:
            shape = conv.params["weight"].shape
            middle = at + math.prod(shape)
            pairs.append((row[at:middle].reshape(shape), row[middle : middle + conv.c_out]))
            at = middle + conv.c_out
        return pairs
