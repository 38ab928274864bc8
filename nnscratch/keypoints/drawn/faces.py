"""Faces drawn from nothing, with exact labels: the data of the examples when no file is given.

How a face is drawn
    1. `FaceParameters.sample` draws the numbers of one face at random: shape, pose, tones, light,
       camera.
    2. `anchors` places the 15 labelled points and some others on a head of two ellipsoids, in three
       dimensions.
    3. `draw` turns the head and drops z (orthographic projection). Between the projected points it
       paints skin, beard, mouth, eyes, brows and hair, and lights them. It puts this head before a
       background, neck and ears, adds glasses or a hand, and takes the photograph.
The features are painted between the labelled points, so the labels are exact at any pose. The
average face, how far points vary around it, and the pattern of missing labels follow Kaggle's
training rows.

Units and coordinates are those of head.py.
"""

from __future__ import annotations

import numpy as np

from nnscratch.keypoints.drawn.head import FaceParameters
from nnscratch.keypoints.drawn.painting import draw
from nnscratch.keypoints.faces import POINTS, SIDE, Faces

# Kaggle's 7,049 training rows are of three kinds: the share of each, and the points that it labels.
_SHORT = ("left_eye_center", "right_eye_center", "nose_tip")
_KINDS = (
    (0.33, POINTS),
    (0.28, (*_SHORT, "mouth_center_bottom_lip")),
    (0.39, (*_SHORT, "mouth_left_corner", "mouth_right_corner")),
)
_LABELLED = np.array([[name in labelled for name in POINTS] for _, labelled in _KINDS])
_SHARES = np.cumsum([share for share, _ in _KINDS])[:-1]
_GAP = 0.01  # share of the rows that lack one more label


def draw_faces(count: int, *, seed: int, missing: bool = True) -> Faces:
    """Draws `count` different faces with exact labels, in 2 to 3 ms each.

    Face i depends on `seed` and i alone, so with one seed, fewer faces are the first of more faces.
    The same arguments give the same bits.

    Arguments
        count   : number of faces, 0 or more
        seed    : 0 or more
        missing : True leaves labels out as in Kaggle's training rows. About a third of the rows
                  have all 15 points; the others have both eye centres, the nose tip, and either the
                  bottom lip or the mouth corners; one row in a hundred lacks one more label. False
                  labels every point.

    Returns
        Faces with images (count, 96, 96) uint8, points (count, 15, 2) float32 px, image_ids
        1..count

    Raises
        ValueError : a negative count or seed, or one that is no whole number

    >>> faces = draw_faces(3, seed=1, missing=False)
    >>> faces.images.shape, faces.points.shape
    ((3, 96, 96), (3, 15, 2))
    """
    for name, value in (("count", count), ("seed", seed)):
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 0:
            raise ValueError(f"draw_faces: got {name}={value!r}, expected a whole number of 0 or more; try {name}=100")
    images = np.empty((count, SIDE, SIDE), dtype=np.uint8)
    points = np.empty((count, len(POINTS), 2), dtype=np.float32)
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        images[i], points[i] = draw(FaceParameters.sample(rng))
        if missing:
            kind, gap, which = rng.random(3).tolist()
            points[i, ~_LABELLED[np.searchsorted(_SHARES, kind)]] = np.nan
            if gap < _GAP:
                points[i, int(which * len(POINTS))] = np.nan
    return Faces(images, points, np.arange(1, count + 1))
