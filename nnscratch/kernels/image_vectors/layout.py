"""A block of images from the usual layout, (B, H, W, C), to image innermost, (C, H, W*B), and back."""

from __future__ import annotations

import numpy as np

from nnscratch.kernels import choice
from nnscratch.kernels.compiled import njit
from nnscratch.kernels.image_vectors.tiles import copy_number, interleave_rows, transpose_square
from nnscratch.kernels.vectors import lanes


@njit(nogil=True)
def _repack(pictures: np.ndarray, block: np.ndarray, images: int, packing: bool) -> None:
    """pack or unpack, in squares of as many numbers as a vector has lanes."""
    if pictures.shape[3] % lanes(block) == 0:
        _repack_by_channels(pictures, block, images, packing)
    else:
        _repack_by_images(pictures, block, images, packing)


@njit(nogil=True)
def _repack_by_channels(pictures: np.ndarray, block: np.ndarray, images: int, packing: bool) -> None:
    """Channels fill vectors: a square is so many channels of so many numbers (w,b), whatever the images."""
    n = lanes(block)
    height, width, channels = pictures.shape[1:]
    size, plane = height * width * channels, height * width * images
    picture_rows, block_rows = np.empty(n, np.int64), np.empty(n, np.int64)
    for c in range(n):
        block_rows[c] = c * plane
    pixel = b = 0
    for at in range(0, plane, n):
        count = min(n, plane - at)
        for k in range(count):
            picture_rows[k] = b * size + pixel * channels
            b += 1
            if b == images:
                pixel, b = pixel + 1, 0
        for c in range(0, channels, n):
            if count < n:
                for k in range(count):
                    for q in range(c, c + n):
                        _copy(pictures, picture_rows[k] + q, block, q * plane + at + k, packing)
            elif packing:
                transpose_square(pictures, c, picture_rows, block, c * plane + at, block_rows)
            else:
                transpose_square(block, c * plane + at, block_rows, pictures, c, picture_rows)


@njit(nogil=True)
def _copy(pictures: np.ndarray, p: int, block: np.ndarray, q: int, packing: bool) -> None:
    """One number, from pictures to block or back."""
    if packing:
        copy_number(pictures, p, block, q)
    else:
        copy_number(block, q, pictures, p)


@njit(nogil=True)
def _repack_by_images(pictures: np.ndarray, block: np.ndarray, images: int, packing: bool) -> None:
    """A transpose, (B, H*W*C) to (H*W*C, B), with rows from (hw,c) to (c,hw): squares if images fill vectors."""
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
                _copy(pictures, b * size + p + k, block, block_rows[k] + b, packing)


@njit(nogil=True)
def _interleave(source: np.ndarray, rows: int, target: np.ndarray) -> None:
    """The transpose of (rows, pixels), if so few rows divide a vector: it is several pixels, side by side in both."""
    size = source.size // rows
    whole = size // lanes(source) * lanes(source)
    interleave_rows(source, size, rows, whole, target)
    for p in range(whole, size):
        for r in range(rows):
            copy_number(source, r * size + p, target, p * rows + r)


@njit(nogil=True, cache=True)
def pack(pictures: np.ndarray, images: int, block: np.ndarray) -> None:
    """block[c, h, w*B + b] = pictures[b, h, w, c]

    pictures (B, H, W, C) -> block (C, H, W*B), overwritten
    """
    n = lanes(block)
    if pictures.shape[3] == 1 and images < n and choice.pools_whole_vectors(images, n):
        _interleave(pictures, images, block)
    else:
        _repack(pictures, block, images, True)


@njit(nogil=True, cache=True)
def unpack(block: np.ndarray, images: int, pictures: np.ndarray) -> None:
    """pictures[b, h, w, c] = block[c, h, w*B + b]

    block (C, H, W*B) -> pictures (B, H, W, C), overwritten
    """
    n, channels = lanes(block), pictures.shape[3]
    if images == 1 and channels < n and choice.pools_whole_vectors(channels, n):
        _interleave(block, channels, pictures)
    else:
        _repack(pictures, block, images, False)
