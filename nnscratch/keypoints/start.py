"""Two tricks with the bias of a network's last layer: one before a training, one after it.

`start_from_mean_face` makes the untrained network predict the mean face, so that the training need
not spend its first epochs on finding it. `centre_on` removes the mean error that is left after a
training on augmented pictures.
"""

from __future__ import annotations

import numpy as np

from nnscratch.keypoints.faces import to_targets
from nnscratch.keypoints.metrics import mean_face
from nnscratch.losses import labelled_mean
from nnscratch.model import Sequential


def start_from_mean_face(network: Sequential, points: np.ndarray) -> None:
    """Sets the last layer so that the untrained network predicts the mean face for every picture.

    The last layer's weights become 0 and its biases the mean targets. Why: what is left to learn is
    how a face differs from the mean face. With random weights, the first epochs would be spent on
    finding the mean face itself. (Zero weights in the last layer alone do no harm: its inputs
    differ, so after one step its weights do.)

    network : its last layer is a `Dense` with 30 outputs and a bias; changed in place
    points  : (N, 15, 2) px of the training faces, NaN where a label is missing

    >>> from nnscratch.keypoints.networks import report_mlp
    >>> network = report_mlp(rng=0)
    >>> start_from_mean_face(network, np.full((3, 15, 2), 72.0))
    >>> network.predict(np.random.default_rng(0).random((1, 96, 96, 1), np.float32))[0, :2]
    array([0.5, 0.5], dtype=float32)
    """
    start_from_mean(network, to_targets(mean_face(points)[np.newaxis]))


def start_from_mean(network: Sequential, y: np.ndarray) -> None:
    """Sets the last layer so that the untrained network predicts the mean target for every input.

    network : its last layer is a `Dense` with K outputs and a bias; changed in place
    y       : (N, K) targets, NaN where a label is missing; a target without any label starts at 0
    """
    last = network.layers[-1]
    last.params["weight"][:] = 0
    last.params["bias"][:] = labelled_mean(y)


def centre_on(network: Sequential, x: np.ndarray, y: np.ndarray) -> None:
    """Corrects the last layer's bias by the mean error of each output on the training rows.

    Why: a network that was trained on augmented pictures, such as mirrored ones, has no mean error
    on those. On the original pictures its answers may all lie a little to one side.

    network : its last layer is a `Dense` with a bias; changed in place
    x, y    : training rows (N, ...) and their targets (N, K), NaN where a label is missing

    >>> from nnscratch.layers import Dense, Flatten
    >>> network = Sequential(Flatten(), Dense(2, 1, weight_init="constant(0)", rng=0))
    >>> centre_on(network, np.zeros((2, 1, 2), np.float32), np.array([[1], [2]], np.float32))
    >>> network.layers[-1].params["bias"]
    array([1.5], dtype=float32)
    """
    network.layers[-1].params["bias"] += labelled_mean(y - network.predict(x)).astype(y.dtype)
