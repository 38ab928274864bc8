"""Local contrast normalization: each pixel as it stands out from its surroundings.

A network that sees pictures so errs in other ways than one that sees them in equal contrast as a
whole: the mean of both errs less than that of two of one kind.
"""

from __future__ import annotations

import functools

import numpy as np

from nnscratch.kernels.memory import empty
from nnscratch.kernels.threads import in_blocks
from nnscratch.keypoints.geometry.pictures import check_pictures

SPREAD = 0.25  # the deviation of what comes out, as that of the layer ContrastNormalization
FLOOR = 0.02  # the least divisor: 5 grey levels of 256; a window with less is an empty wall
_PICTURES = 16  # at a time: they stay in the cache between the passes


def locally_normalized(x: np.ndarray, window: int) -> np.ndarray:
    """(N, H, W, 1) float32, like x: each pixel minus the mean of its window, over its deviation.

        y[i,j] = SPREAD * (x[i,j] - m[i,j]) / max(std[i,j], FLOOR)

    with m and std over the pixels of the picture that lie in the window around (i, j).

    x      : (N, H, W, 1) float32
    window : pixels per side, odd

    Raises
        ValueError : an x of another shape or dtype

    >>> x = np.array([[0, 0, 0, 1, 1, 1]], np.float32).reshape(1, 1, 6, 1)
    >>> locally_normalized(x, 3).ravel().round(2)  # an edge between two grounds
    array([ 0.  ,  0.  , -0.18,  0.18,  0.  ,  0.  ], dtype=float32)

    Source: Jarrett, Kavukcuoglu, Ranzato & LeCun, "What is the Best Multi-Stage Architecture for
    Object Recognition?" (2009), section 2, there with weights that fall towards the window's rim.
    """
    check_pictures("locally_normalized", x)
    y = empty(x.shape, np.float32)
    count = _pixels_in_windows(x.shape[1], x.shape[2], window)

    def work(start: int, stop: int) -> None:
        pictures = x[start:stop, :, :, 0]
        # Without the mean, little contrast on a bright ground keeps its digits in the squares.
        rest = pictures - pictures.mean(axis=(1, 2), keepdims=True)
        mean = _window_sums(rest, window) / count
        variance = _window_sums(rest * rest, window) / count - mean * mean
        std = np.sqrt(np.maximum(variance, 0))
        y[start:stop, :, :, 0] = np.float32(SPREAD) * (rest - mean) / np.maximum(std, np.float32(FLOOR))

    in_blocks(work, len(x), _PICTURES)
    return y


@functools.lru_cache(maxsize=8)
def _pixels_in_windows(height: int, width: int, window: int) -> np.ndarray:
    """(1, H, W): how many pixels lie in the window around each; the same for every batch."""
    return _window_sums(np.ones((1, height, width), np.float32), window)


def _window_sums(x: np.ndarray, window: int) -> np.ndarray:
    """(N, H, W): the sum over the pixels in each pixel's window; x (N, H, W).

    First over rows, then over columns. Sums of 2, 4, 8, ... neighbours come from two of half as
    many; those that make up the window are added: 13 = 1 + 4 + 8.
    """
    reach = window // 2
    for axis in (1, 2):
        around = [(reach, reach) if each == axis else (0, 0) for each in range(3)]
        sums, total = np.pad(x, around), np.zeros_like(x)
        count, start = 1, 0
        while True:
            if window & count:
                total += _along(sums, axis, start, start + x.shape[axis])
                start += count
            if 2 * count > window:
                break
            length = sums.shape[axis]
            sums = _along(sums, axis, 0, length - count) + _along(sums, axis, count, length)
            count *= 2
        x = total
    return x


def _along(x: np.ndarray, axis: int, start: int, stop: int) -> np.ndarray:
    """A view: x from `start` to `stop` of its axis 1 or 2."""
    return x[:, start:stop] if axis == 1 else x[:, :, start:stop]
