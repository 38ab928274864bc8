"""The reference of every kernel for convolution + ReLU + 2x2 pooling: the textbook loops one after
the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnscratch.kernels import loops


class ConvReluPool:
    """Arrays to compute with, and what the loops make of them. Stride 1, pooling of 2x2 windows
    side by side.
    """

    @staticmethod
    def arrays(
        shape: tuple[int, ...],
        c_out: int,
        kernel_size: tuple[int, int],
        dtype: Any,
        draw: Callable[[tuple[int, ...]], np.ndarray] | None = None,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x of `shape`, weight and bias; normal numbers unless `draw` makes others."""
        draw = draw or np.random.default_rng(1).standard_normal
        shapes = [shape, (*kernel_size, shape[3], c_out), (c_out,)]
        x, weight, bias = (np.asarray(draw(s), dtype) for s in shapes)
        return x, weight, bias

    @staticmethod
    def small_integers(seed: int) -> Callable[[tuple[int, ...]], np.ndarray]:
        """Draws -1, 0 and 1: their sums tie often and are exact, so that every bit must agree."""
        rng = np.random.default_rng(seed)
        return lambda shape: rng.integers(-1, 2, shape)

    @staticmethod
    def forward(
        x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, padding: tuple[int, int] = (0, 0)
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """z (N, H_out, W_out, O), y (N, H_p, W_p, O), and argmax: 0 to 3 for the winner's place, 4
        where y is 0.
        """
        z = loops.conv2d_forward(x, weight, bias, (1, 1), padding)
        y = loops.max_pool2d_forward(loops.relu_forward(z), (2, 2), (2, 2))
        places = ConvReluPool.places(z)
        return z, y, np.where(y > 0, places.argmax(axis=-1), 4)

    @staticmethod
    def places(z: np.ndarray) -> np.ndarray:
        """(N, H_p, W_p, O, 4): the four z of each pooling window, in reading order."""
        upper, lower = z[:, 0::2], z[:, 1::2]
        height, width = lower.shape[1], z.shape[2] // 2 * 2
        rows = [part[:, :height, column:width:2] for part in (upper, lower) for column in (0, 1)]
        return np.stack(rows, axis=-1)

    @staticmethod
    def ties(z: np.ndarray) -> np.ndarray:
        """(N, H_p, W_p, O): whether the largest z of a window is there more than once."""
        places = ConvReluPool.places(z)
        return (places == places.max(axis=-1, keepdims=True)).sum(axis=-1) > 1

    @staticmethod
    def backward(
        x: np.ndarray, weight: np.ndarray, z: np.ndarray, dy: np.ndarray, padding: tuple[int, int] = (0, 0)
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """dx, dweight, dbias"""
        pooled = loops.max_pool2d_backward(loops.relu_forward(z), dy, (2, 2), (2, 2))
        return loops.conv2d_backward(x, weight, loops.relu_backward(z, pooled), (1, 1), padding)


@pytest.fixture(scope="session")
def conv_relu_pool() -> type[ConvReluPool]:
    return ConvReluPool
