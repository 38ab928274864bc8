"""Max pooling by every method: what `compare maxpool` runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from nnscratch.kernels import loops
from nnscratch.layers import MaxPool2D
from nnscratch.profiling.comparison import Arrays, Comparison, Method, Operation, compare
from nnscratch.profiling.roof import roof
from nnscratch.profiling.table import counted

_COMPARISONS_OF_LOOPS = 200_000  # forward: about half a second of Python with its gradients


@dataclass(frozen=True)
class Pool:
    """Max pooling, and the images that it gets.

    images : N;  height, width, channels : of an image
    pool_size, stride : of the windows, the same along both axes
    """

    images: int
    height: int
    width: int
    channels: int
    pool_size: int = 2
    stride: int = 2

    @property
    def x_shape(self) -> tuple[int, int, int, int]:
        return self.images, self.height, self.width, self.channels

    def layer(self) -> MaxPool2D:
        return MaxPool2D(self.pool_size, self.stride)

    @property
    def y_shape(self) -> tuple[int, ...]:
        """Raises ValueError for images smaller than a window."""
        return self.images, *self.layer().output_shape(self.x_shape[1:])

    @property
    def comparisons(self) -> int:
        """Forward; backward adds one gradient per window."""
        return int(np.prod(self.y_shape)) * self.pool_size**2


def compare_max_pool2d(pool: Pool) -> Comparison:
    """Loops, NumPy and the layer, forward and backward.

    Raises
        ValueError : images smaller than a window, or a method that differs from the others
    """
    y_shape = pool.y_shape
    rng = np.random.default_rng(0)
    x = rng.standard_normal(pool.x_shape, dtype=np.float32)
    dy = rng.standard_normal(y_shape, dtype=np.float32)
    size, p = pool.pool_size, pool.stride
    images, windows = counted(pool.images, "image"), f"windows of {size} x {size}, stride {p}"
    title = f"{images} of {pool.height} x {pool.width}, {counted(pool.channels, 'channel')}; {windows}"
    notes = (
        "Operations are comparisons forward, additions backward: pooling moves memory, and computes next to nothing.",
        "* what Sequential takes for a pooling by itself. Behind a convolution and a ReLU it is done in registers, "
        "and costs no pass over memory at all: compare conv2d.",
    )
    right = _works_of_layer(pool.layer(), x.astype(np.float64), dy.astype(np.float64))
    # Forward only chooses; backward adds up where windows overlap.
    bounds = 0.0, 0.0 if p >= size else 10 * float(np.finfo(np.float32).eps)
    operation = Operation(title, (pool.comparisons, dy.size), (right[0](), right[1]()), bounds, notes)
    numbers = 4 * (x.size + dy.size) + dy.size  # x, y, argmax; dy, argmax, dx
    copied = 4 * 2 * pool.comparisons  # windows, written and read
    methods = [
        _loops(pool, x, dy),
        Method("NumPy", "windows copied, then max; backward np.add.at", *_works_of_numpy(pool, x, dy),
               (numbers + copied, numbers)),
        Method("compiled", "kernels/layerwise/pooling.py: one pass, channels innermost",
               *_works_of_layer(pool.layer(), x, dy), (numbers, numbers), (True, True)),
    ]  # fmt: skip
    return compare(operation, methods, roof())


Works = tuple[Callable[[], Arrays], Callable[[], Arrays]]


def _works_of_layer(layer: MaxPool2D, x: np.ndarray, dy: np.ndarray) -> Works:
    return lambda: {"y": layer.forward(x, training=True)}, lambda: {"dx": layer.backward(dy)}


def _works_of_numpy(pool: Pool, x: np.ndarray, dy: np.ndarray) -> Works:
    size, stride = pool.pool_size, pool.stride
    kept: dict[str, np.ndarray] = {}
    n, h, w, c = np.ogrid[tuple(slice(length) for length in dy.shape)]

    def forward() -> Arrays:
        windows = sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]
        places = windows.reshape(*dy.shape, size * size)
        kept["argmax"] = places.argmax(axis=-1)
        return {"y": np.take_along_axis(places, kept["argmax"][..., np.newaxis], axis=-1)[..., 0]}

    def backward() -> Arrays:
        dx = np.zeros_like(x)
        i, j = np.divmod(kept["argmax"], size)
        np.add.at(dx, (n, h * stride + i, w * stride + j, c), dy)
        return {"dx": dx}

    return forward, backward


def _loops(pool: Pool, x: np.ndarray, dy: np.ndarray) -> Method:
    """The textbook loops, on some rows of the first images if all would take too long."""
    per_image = pool.comparisons // pool.images
    images = min(pool.images, max(1, _COMPARISONS_OF_LOOPS // per_image))
    rows = min(dy.shape[1], max(1, _COMPARISONS_OF_LOOPS // (images * per_image // dy.shape[1])))
    height = (rows - 1) * pool.stride + pool.pool_size
    some_x, some_dy = x[:images, :height].copy(), dy[:images, :rows].copy()
    size, stride = (pool.pool_size,) * 2, (pool.stride,) * 2
    right = _works_of_layer(pool.layer(), some_x.astype(np.float64), some_dy.astype(np.float64))
    share = some_dy.size / dy.size
    idea = "kernels/loops.py: the textbook's nested loops, in Python"
    idea += f"; run on {height} rows of {images} image{'s' * (images > 1)}, scaled" if share < 1 else ""
    moved = 4 * (x.size + dy.size)
    return Method(
        "loops",
        idea,
        lambda: {"y": loops.max_pool2d_forward(some_x, size, stride)},
        lambda: {"dx": loops.max_pool2d_backward(some_x, some_dy, size, stride)},
        (moved, moved + 4 * x.size),
        part=share,
        expected=(right[0](), right[1]()),
    )
