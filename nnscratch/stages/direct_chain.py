"""Several convolutions with few channels, each with ReLU and 2x2 max pooling, as one stage (`kernels/direct.py`).

A block of 16 images goes through all of them on one thread before the next block begins, image innermost, (C, H, W*B):
its maps are small enough to stay in the core's second-level cache from one convolution to the next.
"""

from __future__ import annotations

import math

import numpy as np

from nnscratch.kernels.direct import forward, pack, unpack
from nnscratch.kernels.direct_backward import backward_input, backward_weight
from nnscratch.kernels.memory import Buffers, Scratch
from nnscratch.kernels.threads import in_blocks
from nnscratch.layers import Conv2D, MaxPool2D, ReLU
from nnscratch.layers.base import check_gradient, check_shape, take
from nnscratch.stages.base import Stage

# Images a block: a row of outputs is then a run of whole vectors, whatever its length.
_IMAGES = 16
_ALIGNED = 16  # a block's memory is a multiple of so many numbers, so that each begins on a cache line

Shape = tuple[int, int, int]


def images_a_block(images: int) -> int:
    """16; for fewer than 32 images, half of them, so that two threads have something to do."""
    return _IMAGES if images >= 2 * _IMAGES else max(1, -(-images // 2))


class DirectChain(Stage):
    """One or more of convolution, ReLU, pooling in a row.

    Shapes
        x, dx : (N, H, W, c_in) of the first      y, dy : (N, H_p, W_p, c_out) of the last
    """

    def __init__(self, *triples: tuple[Conv2D, ReLU, MaxPool2D]) -> None:
        self.convs = [conv for conv, _, _ in triples]
        self.pools = [pool for _, _, pool in triples]
        self.layers = [layer for triple in triples for layer in triple]
        self.buffers, self.scratch = Buffers(), Scratch()

    def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
        check_shape(self.convs[0], x, ndim=4, channels=self.convs[0].c_in)
        shapes = self._map_shapes(x.shape[1:])
        block, n_blocks = self._blocks(len(x))
        use = "training" if training else "inference"  # a look at other rows must not disturb a step under way
        # Training keeps every block's maps for backward; inference needs those of the blocks under way alone.
        maps = self._memory(f"{use} map", shapes, n_blocks, block, x.dtype) if training else None
        places = self._memory(f"{use} argmax", shapes[1:], n_blocks, block, np.dtype(np.uint8)) if training else None
        height, width, channels = shapes[-1]
        y = self.buffers.get(f"{use} y", (len(x), height, width, channels), x.dtype)
        weights = [np.ascontiguousarray(conv.params["weight"]) for conv in self.convs]
        biases = [conv.params.get("bias", np.zeros(conv.c_out, x.dtype)) for conv in self.convs]

        def work(first: int, last: int) -> None:
            for number in range(first, last):
                pictures = x[number * block : (number + 1) * block]
                images = len(pictures)
                values = self._views(maps, number, shapes, images, x.dtype, "map")
                winners = self._views(places, number, shapes[1:], images, np.dtype(np.uint8), "argmax")
                pack(np.ascontiguousarray(pictures), images, values[0])
                for k, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
                    forward(values[k], weight, bias, images, values[k + 1], winners[k])
                unpack(values[-1], images, y[number * block : number * block + images])

        in_blocks(work, n_blocks, block=1)
        if training:
            self.kept = x.shape, shapes, maps, places
        return y

    def backward(self, dy: np.ndarray, input_gradient: bool) -> np.ndarray | None:
        x_shape, shapes, maps, places = take(self, "kept", self.convs[0])
        check_gradient(self.pools[-1], dy, (x_shape[0], *shapes[-1]), maps[0].dtype)
        block, n_blocks = self._blocks(len(dy))
        weights = [np.ascontiguousarray(conv.params["weight"]) for conv in self.convs]
        dweights = [self.buffers.get(f"dweight {k}", (n_blocks, *w.shape), w.dtype) for k, w in enumerate(weights)]
        dbiases = [self.buffers.get(f"dbias {k}", (n_blocks, w.shape[3]), w.dtype) for k, w in enumerate(weights)]
        dx = self.buffers.get("dx", x_shape, dy.dtype) if input_gradient else None

        def work(first: int, last: int) -> None:
            for number in range(first, last):
                pictures = slice(number * block, (number + 1) * block)
                images = len(dy[pictures])
                values = self._views(maps, number, shapes, images, dy.dtype, "map")
                winners = self._views(places, number, shapes[1:], images, np.dtype(np.uint8), "argmax")
                gradients = self._views(None, 0, shapes, images, dy.dtype, "gradient")
                pack(np.ascontiguousarray(dy[pictures]), images, gradients[-1])
                for k in reversed(range(len(weights))):
                    dz = gradients[k + 1]
                    backward_weight(values[k], dz, winners[k], images, dweights[k][number], dbiases[k][number])
                    if k > 0 or dx is not None:
                        backward_input(dz, winners[k], weights[k], images, gradients[k])
                if dx is not None:
                    unpack(gradients[0], images, dx[pictures])

        in_blocks(work, n_blocks, block=1)
        for conv, dweight, dbias in zip(self.convs, dweights, dbiases, strict=True):
            conv.grads["weight"] = dweight.sum(axis=0)  # in block order, whatever thread made them
            if conv.bias:
                conv.grads["bias"] = dbias.sum(axis=0)
        return dx

    def _blocks(self, images: int) -> tuple[int, int]:
        """How many images a block holds, and how many blocks there are."""
        block = images_a_block(images)
        return block, -(-images // block)

    def _map_shapes(self, shape: Shape) -> list[Shape]:
        """(H, W, C) of the input and of every pooled map."""
        shapes = [shape]
        for conv, pool in zip(self.convs, self.pools, strict=True):
            height, width, channels = pool.output_shape(conv.output_shape(shapes[-1]))
            shapes.append((height, width, channels))
        return shapes

    def _memory(
        self, name: str, shapes: list[Shape], n_blocks: int, block: int, dtype: np.dtype[np.generic]
    ) -> list[np.ndarray]:
        """For each map, one row of memory a block."""
        sizes = [-(-math.prod(shape) * block // _ALIGNED) * _ALIGNED for shape in shapes]
        return [self.buffers.get(f"{name} {k}", (n_blocks, size), dtype) for k, size in enumerate(sizes)]

    def _views(
        self,
        memory: list[np.ndarray] | None,
        number: int,
        shapes: list[Shape],
        images: int,
        dtype: np.dtype[np.generic],
        name: str,
    ) -> list[np.ndarray]:
        """Block `number` of each map as (C, H, W*B); in this thread's scratch if there is no memory for all blocks."""
        views = []
        for k, (height, width, channels) in enumerate(shapes):
            shape = (channels, height, width * images)
            if memory is None:
                views.append(self.scratch.get(f"{name} {k}", shape, dtype))
            else:
                views.append(memory[k][number, : math.prod(shape)].reshape(shape))
        return views
