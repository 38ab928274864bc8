"""The kernels of image vectors as functions of (N, H, W, C), all images in one block."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels.image_vectors import backward, forward
from nnscratch.kernels.memory import empty


class ImageVectors:
    """Results are filled with 9 (argmax with 77) first: what the kernels forget to write shows."""

    @staticmethod
    def to_block(pictures: np.ndarray) -> np.ndarray:
        """(N, H, W, C) -> (C, H, W*N), on a cache line."""
        n, height, width, channels = pictures.shape
        block = empty((channels, height, width * n), pictures.dtype)
        block[:] = pictures.transpose(3, 1, 2, 0).reshape(block.shape)
        return block

    @staticmethod
    def from_block(block: np.ndarray, n: int) -> np.ndarray:
        """(C, H, W*N) -> (N, H, W, C)"""
        channels, height, row = block.shape
        return block.reshape(channels, height, row // n, n).transpose(3, 1, 2, 0)

    @classmethod
    def forward(cls, x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """y and argmax, (N, H_p, W_p, O)"""
        n, height, width, _ = x.shape
        k_h, k_w, _, c_out = weight.shape
        pooled = c_out, max(0, (height - k_h + 1) // 2), max(0, (width - k_w + 1) // 2) * n
        y, argmax = empty(pooled, x.dtype), np.full(pooled, 77, np.uint8)
        y[:] = 9
        forward.forward(cls.to_block(x), weight, bias, n, y, argmax)
        return cls.from_block(y, n), cls.from_block(argmax, n)

    @classmethod
    def backward(
        cls, x: np.ndarray, weight: np.ndarray, dy: np.ndarray, argmax: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """dx, dweight, dbias"""
        n, block = len(x), cls.to_block(x)
        dy_block, argmax_block = cls.to_block(dy), cls.to_block(argmax)
        dx, dweight, dbias = np.full_like(block, 9), np.full_like(weight, 9), np.full(weight.shape[3], 9, x.dtype)
        backward.backward_weight(block, dy_block, argmax_block, n, dweight, dbias)
        backward.backward_input(dy_block, argmax_block, weight, n, dx)
        return cls.from_block(dx, n), dweight, dbias

    # (image shape, kernel size, c_out)
    CASES = (
        ((1, 7, 9, 1), (3, 3), 2),
        ((3, 8, 6, 2), (2, 3), 5),
        ((16, 7, 8, 3), (2, 2), 3),
        ((16, 6, 7, 1), (5, 5), 1),  # one window
        ((1, 6, 6, 5), (5, 4), 4),
        ((3, 4, 4, 4), (1, 1), 7),
        ((2, 9, 14, 2), (2, 2), 5),  # images that divide a vector: whole vectors, and a rest
        ((4, 7, 13, 1), (3, 3), 4),
        ((8, 6, 8, 2), (2, 3), 3),
        ((2, 3, 3, 1), (3, 3), 2),  # too small for a window
        ((2, 9, 3, 1), (3, 3), 2),  # too narrow for a window
        ((1, 6, 44, 2), (2, 3), 4),  # a row of several vectors
        ((17, 5, 6, 1), (4, 1), 4),  # a vector of images and one more
        ((16, 5, 31, 1), (2, 2), 6),  # a row of several tiles and of more than one chunk
        ((1, 4, 205, 1), (1, 4), 2),
        ((16, 9, 12, 2), (5, 4), 7),  # a vector of images, and every size of a tile of the kernel
        ((8, 8, 11, 3), (3, 1), 5),
        ((4, 6, 9, 2), (4, 3), 3),
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `case` gets each of CASES."""
    if "case" in metafunc.fixturenames:
        ids = [f"{shape} to {c_out}, kernel {k}" for shape, k, c_out in ImageVectors.CASES]
        metafunc.parametrize("case", ImageVectors.CASES, ids=ids)


@pytest.fixture(scope="session")
def kernels() -> type[ImageVectors]:
    return ImageVectors
