"""Several convolutions with few channels, each with ReLU and 2x2 max pooling, as one stage (`kernels/direct.py`).

A block of images, one for each lane of a vector, goes through all of them on one thread before the next block begins,
image innermost, (C, H, W*B): its maps stay in the core's second-level cache from one convolution to the next.
"""

from __future__ import annotations

import numpy as np

from nnscratch.kernels.direct import forward, pack, unpack
from nnscratch.kernels.direct_backward import backward_input, backward_weight
from nnscratch.kernels.memory import Buffers, Scratch
from nnscratch.kernels.threads import in_blocks
from nnscratch.kernels.vectors import VECTOR_BYTES
from nnscratch.layers import Conv2D, MaxPool2D, ReLU
from nnscratch.layers.base import check_finite, check_gradient, check_shape, take
from nnscratch.stages.base import Stage

Shape = tuple[int, int, int]


def images_a_block(images: int, dtype: np.dtype[np.generic]) -> int:
    """As many as a vector has lanes; of fewer, half of them, so that two threads have something to do."""
    whole = VECTOR_BYTES // dtype.itemsize
    return whole if images >= whole else max(1, -(-images // 2))


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
        self.shapes: list[Shape] = [(0, 0, 0)]

    def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
        check_shape(self.convs[0], x, ndim=4, channels=self.convs[0].c_in)
        shapes = self._map_shapes(x.shape[1:])
        block = images_a_block(len(x), x.dtype)
        use = "training" if training else "inference"  # a look at other rows must not disturb a step under way
        y = self.buffers.get(f"{use} y", (len(x), *shapes[-1]), x.dtype)
        weights = [np.ascontiguousarray(conv.params["weight"]) for conv in self.convs]
        biases = [conv.params["bias"] if conv.bias else np.zeros(conv.c_out, x.dtype) for conv in self.convs]

        def work(start: int, stop: int) -> None:
            pictures = np.ascontiguousarray(x[start:stop])
            check_finite(self.layers[0], "x", pictures)  # and so it is in the cache
            images = stop - start
            # Training keeps every block's maps for backward; inference needs those of the blocks under way alone.
            maps, places = self._block(start // block if training else None, shapes, images, x.dtype)
            pack(pictures, images, maps[0])
            for k, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
                forward(maps[k], weight, bias, images, maps[k + 1], places[k])
            unpack(maps[-1], images, y[start:stop])

        in_blocks(work, len(x), block)
        if training:
            self.kept = x.shape, shapes, x.dtype
        return y

    def backward(self, dy: np.ndarray, input_gradient: bool) -> np.ndarray | None:
        x_shape, shapes, dtype = take(self, "kept", self.convs[0])
        check_gradient(self.pools[-1], dy, (x_shape[0], *shapes[-1]), dtype)
        block = images_a_block(len(dy), dtype)
        n_blocks = -(-len(dy) // block)
        weights = [np.ascontiguousarray(conv.params["weight"]) for conv in self.convs]
        dweights = [self.buffers.get(f"dweight {k}", (n_blocks, *w.shape), w.dtype) for k, w in enumerate(weights)]
        dbiases = [self.buffers.get(f"dbias {k}", (n_blocks, w.shape[3]), w.dtype) for k, w in enumerate(weights)]
        dx = self.buffers.get("dx", x_shape, dtype) if input_gradient else None

        def work(start: int, stop: int) -> None:
            images, number = stop - start, start // block
            maps, places = self._block(number, shapes, images, dtype)
            gradients = self._maps(self.scratch, "gradient", shapes, images, dtype)
            pack(np.ascontiguousarray(dy[start:stop]), images, gradients[-1])
            for k in reversed(range(len(weights))):
                dz = gradients[k + 1]
                backward_weight(maps[k], dz, places[k], images, dweights[k][number], dbiases[k][number])
                if k > 0 or dx is not None:
                    backward_input(dz, places[k], weights[k], images, gradients[k])
            if dx is not None:
                unpack(gradients[0], images, dx[start:stop])

        in_blocks(work, len(dy), block)
        for conv, dweight, dbias in zip(self.convs, dweights, dbiases, strict=True):
            # In block order, whatever thread made them; the sum takes the place of the first.
            conv.grads["weight"] = dweight[0] if n_blocks == 1 else np.sum(dweight, axis=0, out=dweight[0])
            if conv.bias:
                conv.grads["bias"] = dbias[0] if n_blocks == 1 else np.sum(dbias, axis=0, out=dbias[0])
        return dx

    def _map_shapes(self, shape: Shape) -> list[Shape]:
        """(H, W, C) of the input and of every pooled map."""
        if self.shapes[0] != shape:
            shapes = [shape]
            for conv, pool in zip(self.convs, self.pools, strict=True):
                height, width, channels = pool.output_shape(conv.output_shape(shapes[-1]))
                shapes.append((height, width, channels))
            self.shapes = shapes
        return self.shapes

    def _block(
        self, number: int | None, shapes: list[Shape], images: int, dtype: np.dtype[np.generic]
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The maps of block `number` and the places of their maxima; for None, of any block, and soon forgotten."""
        memory: Buffers | Scratch = self.scratch if number is None else self.buffers
        maps = self._maps(memory, f"map {number}", shapes[:-1], images, dtype)
        # The last one goes to y, and backward needs no y: until then it may lie where its gradient will.
        maps.append(self._maps(self.scratch, "gradient", shapes, images, dtype)[-1])
        return maps, self._maps(memory, f"argmax {number}", shapes[1:], images, np.dtype(np.uint8))

    def _maps(
        self, memory: Buffers | Scratch, name: str, shapes: list[Shape], images: int, dtype: np.dtype[np.generic]
    ) -> list[np.ndarray]:
        """(C, H, W*B) for each shape (H, W, C)."""
        return [
            memory.get(f"{name} {k}", (channels, height, width * images), dtype)
            for k, (height, width, channels) in enumerate(shapes)
        ]
