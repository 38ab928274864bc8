"""The mirror pass: the answers of a network for a picture and for its mirror image, averaged."""

from __future__ import annotations

import numpy as np

from nnscratch.keypoints.faces import to_points, to_targets
from nnscratch.keypoints.geometry.mirror import mirrored
from nnscratch.model import Sequential


def both_ways(network: Sequential, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The answers for pictures and for their mirror images, averaged; and the label offset in each.

    x : (N, 96, 96, 1) pictures

    Gives (N, 30) targets and (N,) px. Why two answers are better than one: their errors differ, so
    the mean of both has a smaller one, as with two networks.

    The label offset d (geometry/mirror.py) needs no label here: the mean over all points of
    x + mirrored x is 95 + 2 d. It is put back into the answer, so that averaging shifts nothing.
    """
    points = to_points(network.predict(x))
    other = mirrored(to_points(network.predict(np.ascontiguousarray(x[:, :, ::-1]))))
    offset = (points - other)[..., 0].mean(axis=1) / 2
    other[..., 0] += 2 * offset[:, np.newaxis]
    return to_targets((points + other) / 2), offset
