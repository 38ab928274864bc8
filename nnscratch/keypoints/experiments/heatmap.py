"""Finding a point by classification: which of the 96 x 96 pixels is it? One way fails, one works.

The report's way "goes very bad": its target is a map with a 1 at the pixel nearest the point and 0
at the other 9,215, its loss the mean of squared errors over the map. A map of zeros has the loss
1/9216 = 0.00011. The best map for a network that does not see the face has at each pixel the share
of the faces whose point lies there, and is hardly better. So zeros are nearly optimal, and the
gradient towards anything else, divided by 9,216, is nearly none.

The way that works: the pixels are 9,216 classes of which exactly one is right. Softmax makes the
outputs a distribution over the map, which cannot be all zeros, and cross-entropy asks for the
probability at the point. Two more steps:
    soft targets : a small bump in place of a single 1; the pixel beside the right one is better
        than one far away
    expectation  : the point is the mean place under the distribution, finer than the grid of pixels
"""

from __future__ import annotations

import numpy as np

from nnscratch.checks import check_finite
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


def softmax(logits: np.ndarray) -> np.ndarray:
    """p[n,i] = exp(logits[n,i]) / sum over j of exp(logits[n,j]), (N, C) as the logits.

    Taking the row's largest logit away first changes nothing (it cancels) and keeps exp from
    overflowing.

    >>> softmax(np.array([[1000.0, 1000.0]]))
    array([[0.5, 0.5]])
    """
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


class MapCrossEntropy:
    """Cross-entropy between a map of targets and the softmax of the network's outputs.

    Shapes
        N faces, C places (9216)
        logits, target, dlogits : (N, C), each row of the target sums to 1

    Forward, with p = softmax(logits)
        L = -1/N * sum over n,i of target[n,i] * log p[n,i]

    Backward
        log p[n,i] = logits[n,i] - log(sum over j of exp(logits[n,j])), so a logit k moves it by
            d log p[n,i] / d logits[n,k] = [i = k] - p[n,k]
        and with the targets' sum of 1 the chain rule gives
            dlogits[n,k] = -1/N * (target[n,k] - p[n,k] * sum over i of target[n,i])
                         = (p[n,k] - target[n,k]) / N
        The right pixel is pulled with a force of about 1/N, however many other pixels there are.
        Under mean squared error, that force is 2/(N*C): 9,216 times less.

    Raises
        ValueError : logits and target differ in shape or dtype, or are not finite
        RuntimeError : backward without forward

    >>> loss = MapCrossEntropy()
    >>> logits, target = np.zeros((1, 4)), np.array([[0.0, 1.0, 0.0, 0.0]])
    >>> round(loss.forward(logits, target), 4)  # log 4: no idea which of four
    1.3863
    >>> loss.backward()
    array([[ 0.25, -0.75,  0.25,  0.25]])

    Source: Bridle, "Probabilistic interpretation of feedforward classification network outputs"
        (1990).
    """

    _dlogits: np.ndarray | None = None

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        """The loss of a batch; keeps what `backward` needs."""
        if prediction.shape != target.shape or prediction.dtype != target.dtype or prediction.ndim != 2:
            raise ValueError(
                f"MapCrossEntropy: got logits {prediction.shape} {prediction.dtype} and target {target.shape} "
                f"{target.dtype}, expected two (N, C) of one dtype; is the last layer as wide as the map?"
            )
        check_finite("MapCrossEntropy", "logits", prediction)
        check_finite("MapCrossEntropy", "target", target)
        shifted = prediction - prediction.max(axis=1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        count = prediction.dtype.type(len(prediction))
        self._dlogits = (np.exp(log_p) - target) / count
        return -float(np.sum(target * log_p, dtype=np.float64) / len(prediction))

    def backward(self) -> np.ndarray:
        """dL/dlogits of the last `forward`, (N, C)."""
        if self._dlogits is None:
            raise RuntimeError("MapCrossEntropy: got backward without a forward before it, expected one for each")
        dlogits, self._dlogits = self._dlogits, None
        return dlogits


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
