"""Where a training starts, and one correction after it: the bias of a network's last layer."""

from __future__ import annotations

import numpy as np

from nnscratch.keypoints.faces import to_targets
from nnscratch.keypoints.metrics import mean_face
from nnscratch.losses import labelled_mean
from nnscratch.model import Sequential


def start_from_mean_face(network: Sequential, points: np.ndarray) -> None:
    """Sets the last layer so that, before the first step, the network says the mean face whatever the picture.

    Its weights become 0 and its biases the mean targets. What is left to learn is how a face differs from the mean
    one; from random weights, the first epochs go into finding the mean face itself. (Weights of 0 in the last layer
    alone do not make units alike: each hidden unit gets the gradient of its own input from the second step on.)

    network : its last layer is a `Dense` with 30 outputs and a bias; changed in place
    points  : (N, 15, 2) px, the training faces', NaN where a label is missing

    >>> from nnscratch.keypoints.networks import report_mlp
    >>> network = report_mlp(rng=0)
    >>> start_from_mean_face(network, np.full((3, 15, 2), 72.0))
    >>> network.predict(np.random.default_rng(0).random((1, 96, 96, 1), np.float32))[0, :2]
    array([0.5, 0.5], dtype=float32)
    """
    start_from_mean(network, to_targets(mean_face(points)[np.newaxis]))


def start_from_mean(network: Sequential, y: np.ndarray) -> None:
    """As `start_from_mean_face`, for targets of any kind: y (N, K), NaN where a label is missing.

    A target that no row has begins with 0.
    """
    last = network.layers[-1]
    last.params["weight"][:] = 0
    last.params["bias"][:] = labelled_mean(y)


def centre_on(network: Sequential, x: np.ndarray, y: np.ndarray) -> None:
    """Takes the mean error of each output on the training rows out of the last layer's bias.

    A network that was trained on changed pictures, such as mirrored ones, is right on the average of those. On the
    pictures as they are it may be a little to one side.

    network : its last layer is a `Dense` with a bias; changed in place
    x, y    : (N, ...) and (N, K), NaN where a label is missing

    >>> from nnscratch.layers import Dense, Flatten
    >>> network = Sequential(Flatten(), Dense(2, 1, weight_init="constant(0)", rng=0))
    >>> centre_on(network, np.zeros((2, 1, 2), np.float32), np.array([[1], [2]], np.float32))
    >>> network.layers[-1].params["bias"]
    array([1.5], dtype=float32)
    """
    network.layers[-1].params["bias"] += labelled_mean(y - network.predict(x)).astype(y.dtype)
