"""The answer of a network for a picture and for its mirror image, averaged."""

from __future__ import annotations

import numpy as np

from nnscratch.keypoints.faces import to_points, to_targets
from nnscratch.keypoints.geometry.mirror import mirrored
from nnscratch.model import Sequential


def both_ways(network: Sequential, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A network's answers from pictures and from their mirror images, averaged; and the label offset in each answer.

    x : (N, 96, 96, 1). Returns (N, 30) targets, and (N,) px.

    The mean over all points of x + mirrored x is 95 + 2 d, which tells d without any label. So mirroring costs no step
    to the side. Two looks are better than one, as two networks are: their errors differ.
    """
    points = to_points(network.predict(x))
    other = mirrored(to_points(network.predict(np.ascontiguousarray(x[:, :, ::-1]))))
    offset: np.ndarray = (points - other)[..., 0].mean(axis=1) / 2
    other[..., 0] += 2 * offset[:, np.newaxis]
    return to_targets((points + other) / 2), offset
