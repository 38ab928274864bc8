"""Several convolutions with few channels, each with ReLU and 2x2 max pooling, as one stage: `kernels/image_vectors/`.

A block of images, one for each lane of a vector, goes through all of them on one thread before the next block begins,
image innermost, (C, H, W*B): its maps stay in the core's second-level cache from one convolution to the next.
"""

from __future__ import annotations

import math

import numpy as np

from nnscratch.checks import check_finite
from nnscratch.kernels.image_vectors.chain import chain_backward, chain_forward
from nnscratch.kernels.image_vectors.layout import pack, unpack
from nnscratch.kernels.memory import Buffers, Scratch
from nnscratch.kernels.threads import in_blocks
from nnscratch.kernels.vectors import VECTOR_BYTES
from nnscratch.layers import Conv2D, MaxPool2D, ReLU
from nnscratch.layers.base import check_gradient, check_shape, take
from nnscratch.stages.base import Stage

_ALIGNED = 64  # each map begins at a multiple of so many numbers: on a cache line, bytes as well as floats


def images_a_block(images: int, dtype: np.dtype[np.generic]) -> int:
    """As many as a vector has lanes; of fewer, half of them, so that two threads have something to do."""
    whole = VECTOR_BYTES // dtype.itemsize
    return whole if images >= whole else max(1, -(-images // 2))


def _first_map(maps: np.ndarray, pictures_shape: tuple[int, ...]) -> np.ndarray:
    """x of the first convolution, (C, H, W*B)."""
    images, height, width, channels = pictures_shape
    return maps[: math.prod(pictures_shape)].reshape(channels, height, width * images)


def _last_map(maps: np.ndarray, geometry: np.ndarray, images: int) -> np.ndarray:
    """y of the last convolution, (O, H_p, W_p*B)."""
    channels, height, width, _, at = geometry[-1, 5:10].tolist()
    return maps[at : at + channels * height * width * images].reshape(channels, height, width * images)


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
        self.seen_shape: tuple[int, ...] = ()
        self.gradient = np.empty(0)  # of all parameters, and its parts, each in its own shape
        self.gradients: list[tuple[np.ndarray, np.ndarray]] = []

    def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
        check_shape(self.convs[0], x, ndim=4, channels=self.convs[0].c_in)
        block = images_a_block(len(x), x.dtype)
        geometry, size = self._geometry((block, *x.shape[1:]))
        use = "training" if training else "inference"  # a look at other rows must not disturb a step under way
        y = self.buffers.get(f"{use} y", (len(x), *geometry[-1, 6:8].tolist(), self.convs[-1].c_out), x.dtype)
        parameters = self._parameters(x.dtype)
        if training:  # every block's maps are kept for backward; inference needs those of the blocks under way alone
            kept = self._kept(-(-len(x) // block), size, x.dtype)

        def work(start: int, stop: int) -> None:
            pictures = np.ascontiguousarray(x[start:stop])
            check_finite(self.layers[0], "x", pictures)  # and so it is in the cache
            if training:
                maps, argmax = (rows[start // block] for rows in kept)
            else:
                maps = self.scratch.get("gradients", (size,), x.dtype)
                argmax = self.scratch.get("argmax", (size,), np.uint8)
            images = stop - start
            pack(pictures, images, _first_map(maps, pictures.shape))
            chain_forward(images, geometry, parameters, maps, argmax)
            unpack(_last_map(maps, geometry, images), images, y[start:stop])

        in_blocks(work, len(x), block)
        if training:
            self.kept = x.shape, y.shape, geometry, size
        return y

    def backward(self, dy: np.ndarray, input_gradient: bool) -> np.ndarray | None:
        x_shape, y_shape, geometry, size = take(self, "kept", self.convs[0])
        dtype = self.convs[0].params["weight"].dtype
        check_gradient(self.pools[-1], dy, y_shape, dtype)
        block = images_a_block(len(dy), dtype)
        n_blocks = -(-len(dy) // block)
        maps, argmax = self._kept(n_blocks, size, dtype)
        parameters = self._parameters(dtype)
        partial = self.buffers.get("partial sums", (n_blocks, len(parameters)), dtype)
        dx = self.buffers.get("dx", x_shape, dtype) if input_gradient else None

        def work(start: int, stop: int) -> None:
            number, images = start // block, stop - start
            gradients = self.scratch.get("gradients", (size,), dtype)
            pack(np.ascontiguousarray(dy[start:stop]), images, _last_map(gradients, geometry, images))
            chain_backward(
                images, geometry, parameters, maps[number], argmax[number], gradients, partial[number], input_gradient
            )
            if dx is not None:
                unpack(_first_map(gradients, (images, *x_shape[1:])), images, dx[start:stop])

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

    def _geometry(self, block_shape: tuple[int, ...]) -> tuple[np.ndarray, int]:
        """The `geometry` of kernels/image_vectors/chain.py for blocks of (B, H, W, C), and the length of `maps`."""
        if self.seen_shape != block_shape:
            images, shape = block_shape[0], block_shape[1:]
            rows, x_at, weight_at = [], 0, 0
            for conv, pool in zip(self.convs, self.pools, strict=True):
                pooled, kernel = pool.output_shape(conv.output_shape(shape)), conv.params["weight"].shape
                y_at = x_at + -(-math.prod(shape) * images // _ALIGNED) * _ALIGNED
                bias_at = weight_at + math.prod(kernel)
                rows.append((*shape, *kernel[:2], conv.c_out, *pooled[:2], x_at, y_at, weight_at, bias_at))
                shape, x_at, weight_at = pooled, y_at, bias_at + conv.c_out
            self.seen_shape, self.seen = block_shape, (np.array(rows, np.int64), x_at + math.prod(shape) * images)
        return self.seen

    def _kept(self, n_blocks: int, size: int, dtype: np.dtype[np.generic]) -> tuple[np.ndarray, np.ndarray]:
        """The maps and the places of their maxima, a row a block."""
        size = -(-size // _ALIGNED) * _ALIGNED
        maps = self.buffers.get("maps", (n_blocks, size), dtype)
        return maps, self.buffers.get("argmax", (n_blocks, size), np.uint8)

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
