"""Crops of pictures along affine maps: turned, resized and shifted, bilinear between pixels."""

from __future__ import annotations

import numpy as np

from nnscratch.checks import pair
from nnscratch.kernels.memory import empty
from nnscratch.kernels.threads import in_blocks
from nnscratch.kernels.warp import sample
from nnscratch.keypoints.geometry.affine_maps import AffineMaps
from nnscratch.keypoints.geometry.pictures import check_pictures

_PICTURES = 16  # per call of the kernel


def crops(x: np.ndarray, maps: AffineMaps, size: tuple[int, int]) -> np.ndarray:
    """(N, *size, 1) float32: a crop of each picture.

    x    : (N, H, W, 1) float32
    maps : N maps from the crop's pixels (column, row) to the picture's; beyond the picture, its
        border pixels repeat
    size : rows and columns of a crop

    Raises
        ValueError : an x of another shape or dtype; another number of maps than pictures; a map
            that is not finite in float32; a size below 1

    >>> x = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    >>> crops(x, AffineMaps(np.array([[[1, 0, 1.5], [0, 1, 2]]])), (2, 2))[0, :, :, 0]
    array([[ 9.5, 10.5],
           [13.5, 14.5]], dtype=float32)
    """
    check_pictures("crops", x)
    crop = empty((len(x), *pair("crops", "size", size), 1), np.float32)
    matrices = _matrices(maps, len(x))

    def work(start: int, stop: int) -> None:
        sample(np.ascontiguousarray(x[start:stop]), matrices[start:stop], crop[start:stop])

    in_blocks(work, len(x), _PICTURES)
    return crop


def _matrices(maps: AffineMaps, pictures: int) -> np.ndarray:
    """(N, 2, 3) float32, contiguous, finite: the maps as the kernel takes them."""
    if not isinstance(maps, AffineMaps):
        raise ValueError(
            f"crops: got maps of type {type(maps).__name__}, expected AffineMaps; use AffineMaps(matrices)"
        )
    if len(maps) != pictures:
        raise ValueError(f"crops: got {len(maps)} maps for {pictures} pictures, expected one each; leave none out")
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite
        matrices = maps.matrices.astype(np.float32, order="C")
    if not np.isfinite(matrices).all():
        bad = int((~np.isfinite(matrices).all(axis=(1, 2))).argmax())
        raise ValueError(
            f"crops: got map {bad} = {maps.matrices[bad].tolist()}, expected finite numbers below 3.4e38; look at the "
            "points that it was made from"
        )
    return matrices
