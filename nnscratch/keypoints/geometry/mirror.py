"""The mirror image of a labelled face, and where the mirror stands.

A mirrored picture is exact: pixel c becomes pixel 95 - c. Its labels need more care. Left and right change places; and
labels lie beside what they name by an offset of their source, d pixels to the right: who counts pixels from 1, or from
their corners, or has cut pictures and labels out differently, shifts them all. A network that sees pictures and their
mirror images cannot tell which is which. With labels at x -> 95 - x, half of its lessons say that points lie d to the
right, half that they lie d to the left: it learns 0, and is wrong by d at every point. What contradicts nothing is

    x  ->  95 + 2 d - x

Nobody says what d is, but the faces do. Laid over one another by their labels, they add up to a mean face, which is
symmetrical about an axis, as its labels are about another; d is from the first to the second. (There is no mirror for
up and down: such an offset is learnt like everything else.)
"""

from __future__ import annotations

import numpy as np

from nnscratch.keypoints.faces import POINTS, SIDE

_PAIRS = (
    ("left_eye_center", "right_eye_center"),
    ("left_eye_inner_corner", "right_eye_inner_corner"),
    ("left_eye_outer_corner", "right_eye_outer_corner"),
    ("left_eyebrow_inner_end", "right_eyebrow_inner_end"),
    ("left_eyebrow_outer_end", "right_eyebrow_outer_end"),
    ("mouth_left_corner", "mouth_right_corner"),
)
_OTHER = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}
# Point k of a mirrored face is point MIRRORED[k] of the face: its left eye becomes a right one.
MIRRORED = np.array([POINTS.index(_OTHER.get(point, point)) for point in POINTS])


def mirrored(points: np.ndarray, offset: np.ndarray | float = 0.0) -> np.ndarray:
    """(N, 15, 2) px: the points of the mirrored pictures from those of the pictures; twice is where it began.

    points : (N, 15, 2) px;  offset : (N,) or a number, px, how far labels lie to the right of what they name

    >>> points = np.full((1, 15, 2), 10.0)
    >>> mirrored(points)[0, 0], mirrored(points, offset=1.0)[0, 0]
    (array([85., 10.]), array([87., 10.]))
    """
    other: np.ndarray = points[:, MIRRORED].copy()
    other[..., 0] = SIDE - 1 + 2 * np.reshape(offset, (-1, 1)) - other[..., 0]
    return other


def in_mirror_image(affine: np.ndarray) -> np.ndarray:
    """(N, 2, 3) maps to the pixels of the pictures from maps (N, 2, 3) to those of their mirror images."""
    mirror_image: np.ndarray = affine * [[[-1], [1]]]
    mirror_image[:, 0, 2] += SIDE - 1
    return mirror_image


def symmetrical(points: np.ndarray) -> np.ndarray:
    """(15, 2) px: halfway between the points (15, 2) px of a mean face and those of its mirror image."""
    middle: np.ndarray = (points + mirrored(points[np.newaxis])[0]) / 2
    return middle
