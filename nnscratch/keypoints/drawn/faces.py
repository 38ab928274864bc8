"""Faces drawn from nothing, with exact labels: the data that the examples run on when no file is given.

How a face comes about
    1. `FaceParameters.sample` draws the numbers of one face (shape, pose, tones, light, camera) from a Generator.
    2. `anchors` places the 15 labelled points and some more on a head of two ellipsoids, in three dimensions.
    3. `draw` turns the head, drops z (orthographic projection), and paints: skin, beard, mouth, eyes and brows between
       the projected points, hair, light; that onto the background, neck and ears; glasses, a hand; the camera.
The labels are the very points between which the features were painted, so they are exact at any pose. The average
face, the spread of its points and the pattern of missing labels follow Kaggle's training rows.

Units: lengths are pixels of a 96x96 picture at scale 1, angles degrees, tones 0 (black) to 1 (white).
Head coordinates: origin between the points' centroid and the picture's (48, 52), x right, y down, z to the viewer.
"""

from __future__ import annotations

import numpy as np

from nnscratch.keypoints.drawn.head import FaceParameters
from nnscratch.keypoints.drawn.painting import draw
from nnscratch.keypoints.faces import POINTS, SIDE, Faces

__all__ = ["FaceParameters", "draw", "draw_faces"]

# The labels of Kaggle's three kinds of rows, with how often each occurs among its 7,049 training rows.
_SHORT = ("left_eye_center", "right_eye_center", "nose_tip")
_KINDS = (
    (0.33, POINTS),
    (0.28, (*_SHORT, "mouth_center_bottom_lip")),
    (0.39, (*_SHORT, "mouth_left_corner", "mouth_right_corner")),
)
_LABELLED = np.array([[name in labelled for name in POINTS] for _, labelled in _KINDS])
_SHARES = np.cumsum([share for share, _ in _KINDS])[:-1]
_GAP = 0.01  # how often a row lacks one more label


def draw_faces(count: int, *, seed: int, missing: bool = True) -> Faces:
    """`count` different faces with exact labels, drawn in 2 to 3 ms each.

    Face i depends on `seed` and i alone: fewer faces are the first of more faces. Same arguments, same bits.

    Arguments
        count : number of faces, 0 or more
        seed : 0 or more
        missing : True leaves labels out as Kaggle's training rows do: about a third of the rows have all 15 points, the
            others both eye centres, the nose tip, and either the bottom lip or the mouth corners; one row in a hundred
            lacks one more. False labels every point.

    Returns
        Faces with images (count, 96, 96) uint8, points (count, 15, 2) float32 px, image_ids 1..count

    Raises
        ValueError : a negative count or seed, or one that is no whole number

    >>> faces = draw_faces(3, seed=1, missing=False)
    >>> faces.images.shape, faces.points.shape
    ((3, 96, 96), (3, 15, 2))
    """
    for name, value in (("count", count), ("seed", seed)):
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 0:
            raise ValueError(f"{name} is {value!r}, expected a whole number of 0 or more: pass {name}=100, for example")
    images = np.empty((count, SIDE, SIDE), dtype=np.uint8)
    points = np.empty((count, len(POINTS), 2), dtype=np.float32)
    for i in range(count):
        generator = np.random.default_rng([seed, i])
        images[i], points[i] = draw(FaceParameters.sample(generator))
        if missing:
            kind, gap, which = generator.random(3).tolist()
            points[i, ~_LABELLED[np.searchsorted(_SHARES, kind)]] = np.nan
            if gap < _GAP:
                points[i, int(which * len(POINTS))] = np.nan
    return Faces(images, points, np.arange(1, count + 1))
