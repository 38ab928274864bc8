"""A block of images from the usual layout, (B, H, W, C), to image innermost, (C, H, W*B), and back."""

from __future__ import annotations

import numpy as np

from nnscratch.kernels.compiled import njit
from nnscratch.kernels.image_vectors.tiles import copy_number, transpose_square
from nnscratch.kernels.vectors import lanes


@njit(nogil=True)
def _repack(pictures: np.ndarray, block: np.ndarray, images: int, packing: bool) -> None:
    """pack or unpack: a transpose, (B, H*W*C) to (H*W*C, B), with rows from (hw,c) to (c,hw)."""
    n = lanes(block)
    height, width, channels = pictures.shape[1:]
    size = height * width * channels
    plane = height * width * images
    picture_rows, block_rows = np.empty(n, np.int64), np.empty(n, np.int64)
    for b in range(n):
        picture_rows[b] = b * size
    pixel = c = 0
    for p in range(0, size, n):
        # For the next n numbers (pixel,c) of each image: where their rows of the block begin.
        count = min(n, size - p)
        for k in range(count):
            block_rows[k] = c * plane + pixel * images
            c += 1
            if c == channels:
                pixel, c = pixel + 1, 0
        done = images // n * n if count == n else 0
        for b in range(0, done, n):
            if packing:
                transpose_square(pictures, b * size + p, picture_rows, block, b, block_rows)
            else:
                transpose_square(block, b, block_rows, pictures, b * size + p, picture_rows)
        for b in range(done, images):
            for k in range(count):
                if packing:
                    copy_number(pictures, b * size + p + k, block, block_rows[k] + b)
                else:
                    copy_number(block, block_rows[k] + b, pictures, b * size + p + k)


@njit(nogil=True, cache=True)
def pack(pictures: np.ndarray, images: int, block: np.ndarray) -> None:
    """block[c, h, w*B + b] = pictures[b, h, w, c]

    pictures (B, H, W, C) -> block (C, H, W*B), overwritten
    """
    if images == 1 and pictures.shape[3] == 1:  # both orders are the same
        for p in range(pictures.size):
            copy_number(pictures, p, block, p)
        return
    _repack(pictures, block, images, True)


@njit(nogil=True, cache=True)
def unpack(block: np.ndarray, images: int, pictures: np.ndarray) -> None:
    """pictures[b, h, w, c] = block[c, h, w*B + b]

    block (C, H, W*B) -> pictures (B, H, W, C), overwritten
    """
    _repack(pictures, block, images, False)
