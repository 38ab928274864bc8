"""Each picture minus its mean, over its standard deviation; it stays in the cache between passes.

All arithmetic is in float64, whatever the dtype of the pictures: a float32 sum of 9,216 pixels
loses digits that the difference of pixel and mean needs, and moving the numbers takes most of the
time anyway. One thread sums a whole picture, so the bits do not depend on the number of threads.
"""

from __future__ import annotations

import math

import numpy as np
from numba import uint64

from nnscratch.kernels.compiled import njit
from nnscratch.kernels.threads import in_blocks

_NUMBERS_PER_BLOCK = 1 << 17  # about 0.1 ms of one core: for less, a second thread mostly waits for the GIL

# "reassoc" allows any order of a sum, and so several partial sums in a vector; without it each
# addition would wait for the one before. NaN and infinity are kept.
_ANY_ORDER = {"reassoc", "contract", "nsz"}


@njit(nogil=True, cache=True, fastmath=_ANY_ORDER)
def _mean(x: np.ndarray) -> float:
    """sum over i of x[i] / M:  x (M,)"""
    total = 0.0
    for i in range(uint64(len(x))):
        total += np.float64(x[i])
    return total / len(x)


@njit(nogil=True, cache=True, fastmath=_ANY_ORDER)
def _std(x: np.ndarray, mean: float) -> float:
    """sqrt(sum over i of (x[i] - mean)^2 / M):  x (M,)"""
    # mean(x^2) - mean^2 would save a pass, but lose the digits of a bright picture with little
    # contrast.
    total = 0.0
    for i in range(uint64(len(x))):
        rest = np.float64(x[i]) - mean
        total += rest * rest
    return math.sqrt(total / len(x))


@njit(nogil=True, cache=True, fastmath=_ANY_ORDER)
def _mean_product(dy: np.ndarray, x: np.ndarray, mean: float) -> float:
    """sum over i of dy[i] * (x[i] - mean) / M:  dy, x (M,)"""
    total = 0.0
    for i in range(uint64(len(x))):
        total += np.float64(dy[i]) * (np.float64(x[i]) - mean)
    return total / len(x)


@njit(nogil=True, cache=True)
def forward_rows(x: np.ndarray, spread: float, floor: float, y: np.ndarray, moments: np.ndarray) -> None:
    """moments[n] = m, std;  y[n,i] = spread * (x[n,i] - m) / max(std, floor)

    x (N, M); y (N, M), moments (N, 2), overwritten
    """
    for n in range(len(x)):
        picture, result = x[n], y[n]
        mean = _mean(picture)
        std = _std(picture, mean)
        moments[n, 0], moments[n, 1] = mean, std
        scale = spread / max(std, floor)
        for i in range(uint64(len(picture))):
            result[i] = (np.float64(picture[i]) - mean) * scale


@njit(nogil=True, cache=True)
def _backward(x: np.ndarray, dy: np.ndarray, moments: np.ndarray, spread: float, floor: float, dx: np.ndarray) -> None:
    """dx[n,i] = spread / s * (dy[n,i] - mean(dy[n]) - z[n,i] * mean(dy[n] * z[n]))

    with s = max(std, floor) and z = (x - m) / s; without the last term if std < floor
    x, dy (N, M), moments (N, 2); dx (N, M), overwritten
    """
    for n in range(len(x)):
        picture, gradient, result = x[n], dy[n], dx[n]
        mean, std = moments[n, 0], moments[n, 1]
        s = max(std, floor)
        common = _mean(gradient)
        # Both z written in terms of x: each contributes a factor 1 / s.
        slope = _mean_product(gradient, picture, mean) / s / s if std >= floor else 0.0
        scale = spread / s
        for i in range(uint64(len(picture))):
            rest = np.float64(picture[i]) - mean
            result[i] = (np.float64(gradient[i]) - common - rest * slope) * scale


def normalize_forward(x: np.ndarray, spread: float, floor: float, y: np.ndarray, moments: np.ndarray) -> None:
    """x (N, ...) -> y, like x but contiguous, and moments (N, 2) float64: mean, standard deviation"""
    size = math.prod(x.shape[1:])

    def work(start: int, stop: int) -> None:
        rows = stop - start, size
        pictures = np.ascontiguousarray(x[start:stop]).reshape(rows)
        forward_rows(pictures, spread, floor, y[start:stop].reshape(rows), moments[start:stop])

    in_blocks(work, len(x), _pictures_per_block(size))


def normalize_backward(
    x: np.ndarray, dy: np.ndarray, moments: np.ndarray, spread: float, floor: float, dx: np.ndarray
) -> None:
    """x, dy (N, ...), moments (N, 2) of the forward pass -> dx, of x's shape and dtype, contiguous"""
    size = math.prod(x.shape[1:])

    def work(start: int, stop: int) -> None:
        rows = stop - start, size
        pictures, gradients = (np.ascontiguousarray(array[start:stop]).reshape(rows) for array in (x, dy))
        _backward(pictures, gradients, moments[start:stop], spread, floor, dx[start:stop].reshape(rows))

    in_blocks(work, len(x), _pictures_per_block(size))


def _pictures_per_block(size: int) -> int:
    return max(1, _NUMBERS_PER_BLOCK // max(1, size))
