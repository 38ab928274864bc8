"""The points of a mirrored face.

Mirroring a picture is exact: pixel c becomes pixel 95 - c. Mirroring labels takes two steps more.
Left and right change places. And the labels of a source may all lie d pixels to the right of what
they name: its authors counted pixels from 1, or from their corners, or cropped pictures and labels
differently. A network cannot tell a picture from a mirror image. If labels became x -> 95 - x, half
of the pictures would teach it that points lie d to the right and half that they lie d to the left:
it would learn 0, and be wrong by d at every point. What contradicts nothing is

    x  ->  95 + 2 d - x

d is estimated from the data (label_offset.py). Up and down need nothing: a vertical offset is
learnt like all else.
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
    """(N, 15, 2) px: the points of the mirrored pictures. Mirroring twice gives the points again.

    points : (N, 15, 2) px, NaN where a label is missing
    offset : (N,) or a number, px: how far to the right of what they name the labels lie

    >>> points = np.full((1, 15, 2), 10.0)
    >>> mirrored(points)[0, 0], mirrored(points, offset=1.0)[0, 0]
    (array([85., 10.]), array([87., 10.]))
    """
    other = points[:, MIRRORED].copy()
    other[..., 0] = SIDE - 1 + 2 * np.reshape(offset, (-1, 1)) - other[..., 0]
    return other


def symmetrical(points: np.ndarray) -> np.ndarray:
    """(15, 2) px: halfway between a mean face, (15, 2) px, and its mirror image: symmetrical."""
    return (points + mirrored(points[np.newaxis])[0]) / 2
