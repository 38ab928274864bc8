"""How far the answers of one predictor for one picture are from each other."""

from __future__ import annotations

import numpy as np

from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.faces import to_network_input, to_points
from nnscratch.keypoints.geometry.mirror import mirrored
from nnscratch.keypoints.predictors import Predictor, SingleNetwork


def disagreement(predictor: Predictor, images: np.ndarray) -> tuple[np.ndarray, str] | None:
    """(N,) px, and what it is; None for a predictor that has one answer only.

    For a network: between its answers for the picture and for the mirror image, a common shift left
    aside. For a cascade: between its last two levels. Where two answers differ, one is wrong.

    images : (N, 96, 96) uint8
    """
    if isinstance(predictor, SingleNetwork):
        x = to_network_input(images)
        answer = to_points(predictor.network.predict(x)).astype(np.float64)
        other = mirrored(to_points(predictor.network.predict(np.ascontiguousarray(x[:, :, ::-1])))).astype(np.float64)
        difference = answer - other
        difference[..., 0] -= difference[..., 0].mean(axis=1, keepdims=True)
        return _size(difference), "between the answers for the picture and for its mirror image"
    if isinstance(predictor, Cascade) and predictor.levels:
        levels = predictor.predict_levels(images)
        return _size(levels[-1] - levels[-2]), "between the last two levels"
    return None


def _size(difference: np.ndarray) -> np.ndarray:
    size: np.ndarray = np.sqrt(np.square(difference).mean(axis=(1, 2)))
    return size
