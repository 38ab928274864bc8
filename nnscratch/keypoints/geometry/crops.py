"""Crops of pictures along affine maps: turned, resized and shifted, bilinear between pixels."""

from __future__ import annotations

import numpy as np

from nnscratch.kernels.memory import empty
from nnscratch.kernels.threads import in_blocks
from nnscratch.kernels.warp import warp
from nnscratch.keypoints.geometry.affine_maps import AffineMaps

_PICTURES = 16  # per call of the kernel


def crops(x: np.ndarray, maps: AffineMaps, size: tuple[int, int]) -> np.ndarray:
    """(N, *size, 1) float32: a crop of each picture.

    x    : (N, H, W, 1) float32
    maps : N maps from the crop's pixels (column, row) to the picture's; beyond the picture, its
        border pixels repeat
    size : rows and columns of a crop

    >>> x = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    >>> crops(x, AffineMaps(np.array([[[1, 0, 1.5], [0, 1, 2]]])), (2, 2))[0, :, :, 0]
    array([[ 9.5, 10.5],
           [13.5, 14.5]], dtype=float32)
    """
    crop = empty((len(x), *size, 1), np.float32)
    matrices = maps.matrices.astype(np.float32)

    def work(start: int, stop: int) -> None:
        rows, count = slice(start, stop), stop - start
        no_bend, same_tone = (
            np.zeros((count, 2, 2, 2), np.float32),
            np.tile(np.array([1, 0, 0], np.float32), (count, 1)),
        )
        no_seeds, no_blank = np.zeros(count, np.uint32), np.zeros((count, 4), np.int64)
        warp(x[rows], matrices[rows], no_bend, same_tone, no_seeds, no_blank, crop[rows])

    in_blocks(work, len(x), _PICTURES)
    return crop
