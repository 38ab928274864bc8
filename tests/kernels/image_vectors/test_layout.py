"""From (B, H, W, C) to image innermost, (C, H, W*B), and back."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels.image_vectors.layout import pack, unpack

SHAPES = [
    *[(1, 3, 5, 1), (16, 7, 9, 1), (16, 5, 7, 3), (3, 4, 4, 2), (35, 5, 5, 2)],
    *[(images, 5, 7, 1) for images in (2, 4, 8)],  # few images of one channel
    *[(1, 5, 7, channels) for channels in (2, 3, 4, 8)],  # few channels of one image
    *[(1, 3, 7, 16), (4, 3, 7, 32), (5, 3, 7, 16), (16, 3, 7, 16), (2, 1, 1, 16)],  # channels that fill vectors
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_number_goes_to_its_place_and_back(shape, dtype) -> None:
    n, height, width, channels = shape
    pictures = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    block = np.empty((channels, height, width * n), dtype)
    pack(pictures, n, block)
    np.testing.assert_array_equal(block, pictures.transpose(3, 1, 2, 0).reshape(block.shape))
    back = np.zeros_like(pictures)
    unpack(block, n, back)
    np.testing.assert_array_equal(back, pictures)
