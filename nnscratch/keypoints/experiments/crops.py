"""Crops of whole pixels around a point, as the report and Sun, Wang & Tang made them for their
cascades.
"""

from __future__ import annotations

import numpy as np

from nnscratch.keypoints.faces import POINTS, SIDE, Faces, to_network_input


def crop(images: np.ndarray, centres: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Cuts squares of `side` pixels around `centres`; beyond the picture, its border is repeated.

    images  : (N, 96, 96) uint8
    centres : (N, 2) px, x and y; centres outside the picture are moved to its border
    Returns the crops, (N, side, side) uint8, and the corners, (N, 2) int64: the x and y of their
    top left pixels.

    >>> image = np.arange(96 * 96).reshape(1, 96, 96).astype(np.uint8)
    >>> crops, corners = crop(image, np.array([[10.0, 20.0]]), 4)
    >>> corners, np.array_equal(crops[0], image[0, 18:22, 8:12])
    (array([[ 8, 18]]), True)
    """
    corners = np.rint(np.clip(centres, 0, SIDE - 1)).astype(np.int64) - side // 2
    pixels = np.arange(side)
    columns = np.clip(corners[:, :1] + pixels, 0, SIDE - 1)  # (N, side)
    rows = np.clip(corners[:, 1:] + pixels, 0, SIDE - 1)
    return images[np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None, :]], corners


def to_crop_targets(points: np.ndarray, corners: np.ndarray, side: int) -> np.ndarray:
    """(N, 2) float32 targets from points (N, 2) px: -1 at a crop's left or upper edge, 0 in its
    middle, 1 opposite.
    """
    return ((points - corners) / (side / 2) - 1).astype(np.float32)


def from_crop_targets(y: np.ndarray, corners: np.ndarray, side: int) -> np.ndarray:
    """(N, 2) float32 px: the inverse of `to_crop_targets`."""
    return ((y + 1) * (side / 2) + corners).astype(np.float32)


def crops_of_point(faces: Faces, point: str, centres: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """x (M, side, side, 1) and y (M, 2) for a level-2 network, from the M faces that have `point`.

    centres : (N, 2) px, where each face is cropped
    """
    true = faces.points[:, POINTS.index(point)]
    labelled = np.isfinite(true).all(axis=1)
    crops, corners = crop(faces.images[labelled], centres[labelled], side)
    return to_network_input(crops), to_crop_targets(true[labelled], corners, side)
