"""The mirror pass: the answers of a network for a picture and for its mirror image, averaged."""

from __future__ import annotations

import numpy as np

from nnscratch.keypoints.faces import to_points, to_targets
from nnscratch.keypoints.geometry.mirror import mirrored
from nnscratch.model import Sequential


def both_ways(network: Sequential, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean answer for pictures and their mirror images, and the label offset of each answer.

    x : (N, 96, 96, 1) float32

    Returns the answers, (N, 30) float32 targets, and the label offsets, (N,) px. Why two answers
    are better than one: their errors differ, so the mean has a smaller error, as with two networks.

    The label offset d (geometry/mirror.py) needs no label here: the mean over all points of
    x + mirrored x is 95 + 2 d. It is put back into the answer, so that averaging shifts nothing.
    """
    points = to_points(network.predict(x))
    other = mirrored(to_points(network.predict(np.ascontiguousarray(x[:, :, ::-1]))))
    offset = (points - other)[..., 0].mean(axis=1) / 2
    other[..., 0] += 2 * offset[:, np.newaxis]
    return to_targets((points + other) / 2), offset
