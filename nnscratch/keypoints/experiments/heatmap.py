"""Finding a point by classification: which of the 96 x 96 pixels is it? One way fails, one works.

The report's way "goes very bad": its target is a map with a 1 at the pixel nearest the point and 0
at the other 9,215, its loss the mean of squared errors over the map. A map of zeros has the loss
1/9216 = 0.00011. The best map for a network that does not see the face has at each pixel the share
of the faces whose point lies there, and is hardly better. So zeros are nearly optimal, and the
gradient towards anything else, divided by 9,216, is nearly none.

The way that works: the pixels are 9,216 classes of which exactly one is right. Softmax makes the
outputs a distribution over the map, which cannot be all zeros, and cross-entropy asks for the
probability at the point (`nnscratch.SoftmaxCrossEntropy`). Two more steps:
    soft targets : a small bump in place of a single 1; the pixel beside the right one is better
        than one far away
    expectation  : the point is the mean place under the distribution, finer than the grid of pixels
"""

from __future__ import annotations

import numpy as np

from nnscratch.keypoints.faces import SIDE

PLACES = SIDE * SIDE


def pixel_map(points: np.ndarray) -> np.ndarray:
    """(N, 9216) float32 maps, row by row: 1 at the pixel nearest each of (N, 2) px points, 0
    elsewhere.

    A point outside the picture counts as at its border.

    Raises
        ValueError : a point is NaN or the shape is another

    >>> pixel_map(np.array([[3.4, 1.0]])).nonzero()
    (array([0]), array([99]))
    """
    _check(points)
    maps = np.zeros((len(points), PLACES), np.float32)
    x, y = np.rint(np.clip(points, 0, SIDE - 1)).astype(np.int64).T
    maps[np.arange(len(points)), y * SIDE + x] = 1
    return maps


def soft_map(points: np.ndarray, sigma: float) -> np.ndarray:
    """(N, 9216) float32 maps that sum to 1: exp(-d^2 / (2 sigma^2)) at distance d from each of
    (N, 2) px points.

    Raises
        ValueError : a point is NaN, the shape is another, or sigma is not above 0
    """
    _check(points)
    if not sigma > 0:
        raise ValueError(f"soft_map: got sigma={sigma!r}, expected a number of pixels > 0; 2 is a good start")
    squares = np.square(np.arange(SIDE) - np.clip(points, 0, SIDE - 1)[:, :, None])  # (N, 2, 96)
    bumps = np.exp(-squares / (2 * sigma**2))
    bumps /= bumps.sum(axis=2, keepdims=True)  # a product of two distributions is a distribution
    return ((bumps[:, 1, :, None] * bumps[:, 0, None, :]).reshape(-1, PLACES)).astype(np.float32)


def highest_pixel(maps: np.ndarray) -> np.ndarray:
    """(N, 2) float32 px: the pixel with the largest value of each map (N, 9216); the first of equal
    ones.
    """
    y, x = np.divmod(maps.argmax(axis=1), SIDE)
    return np.stack([x, y], axis=1).astype(np.float32)


def expected_point(probabilities: np.ndarray) -> np.ndarray:
    """(N, 2) float32 px: the mean place under each distribution (N, 9216); for a bump, finer than a
    pixel.

    >>> expected_point(soft_map(np.array([[30.25, 60.5]]), 2.0)).round(2)
    array([[30.25, 60.5 ]], dtype=float32)
    """
    maps = probabilities.reshape(-1, SIDE, SIDE)
    places = np.arange(SIDE)
    x, y = maps.sum(axis=1) @ places, maps.sum(axis=2) @ places
    return np.stack([x, y], axis=1).astype(np.float32)


def _check(points: np.ndarray) -> None:
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError(f"map: got points {points.shape}, expected (N, 2) without NaN; select the faces with a label")
