"""The networks of the 2015 report, and the one of Nouri's tutorial that did better, as their authors set them up.

Every function takes `rng`, a numpy Generator or seed, and gives a new `Sequential` from (N, 96, 96, 1) to (N, 30).
Weights come from Glorot's uniform distribution, the layers' default, as they did for both. The report began its hidden
dense layers with a bias of 1; that bias, with dropout behind it, is part of what went wrong there.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnscratch.keypoints.faces import to_targets
from nnscratch.keypoints.metrics import mean_face
from nnscratch.layers import Conv2D, Dense, Dropout, Flatten, Layer, MaxPool2D, ReLU
from nnscratch.model import Sequential

Random = np.random.Generator | int | None


def report_mlp(*, rng: Random = None, dropout: float = 0.0) -> Sequential:
    """The report's figure 3: 9216 - 256 - 100 - 30; its second version had dropout 0.5 after both hidden layers."""
    rng = np.random.default_rng(rng)
    hidden = [layer for n_in, n_out in ((9216, 256), (256, 100)) for layer in _report_hidden(n_in, n_out, dropout, rng)]
    return Sequential(Flatten(), *hidden, Dense(100, 30, rng=rng))


def report_cnn(*, rng: Random = None, dropout: float = 0.5) -> Sequential:
    """The report's figure 1 with the two hidden dense layers of its code: 2, 4, 8, 16 maps, 144 numbers at the end."""
    rng = np.random.default_rng(rng)
    maps = [layer for c_in, c_out, k in _F1_MAPS for layer in _conv_pool(c_in, c_out, k, rng)]
    hidden = [layer for _ in range(2) for layer in _report_hidden(144, 144, dropout, rng)]
    return Sequential(*maps, Flatten(), *hidden, Dense(144, 30, rng=rng))


def report_large_cnn(*, rng: Random = None, dropout: float = 0.5) -> Sequential:
    """The report's figures 4 and 5: 8, 16, 32, 64, 128 maps, two hidden dense layers of 512."""
    rng = np.random.default_rng(rng)
    maps = [layer for c_in, c_out, k in _LARGE_MAPS for layer in _conv_pool(c_in, c_out, k, rng)]
    hidden = [layer for _ in range(2) for layer in _report_hidden(512, 512, dropout, rng)]
    return Sequential(*maps, Flatten(), *hidden, Dense(512, 30, rng=rng))


def kfkd(*, rng: Random = None) -> Sequential:
    """Nouri's "net2": 32, 64, 128 maps, two hidden dense layers of 500.

    Source: Nouri, "Using convolutional neural nets to detect facial keypoints" (2014).
    """
    rng = np.random.default_rng(rng)
    return Sequential(
        *_conv_pool(1, 32, 3, rng),
        *_conv_pool(32, 64, 2, rng),
        *_conv_pool(64, 128, 2, rng),
        Flatten(),
        Dense(11 * 11 * 128, 500, rng=rng),
        ReLU(),
        Dense(500, 500, rng=rng),
        ReLU(),
        Dense(500, 30, rng=rng),
    )


def start_from_mean_face(network: Sequential, points: np.ndarray) -> None:
    """Sets the last layer so that, before the first step, the network says the mean face whatever the picture.

    Its weights become 0 and its biases the mean targets. What is left to learn is how a face differs from the mean
    one; from random weights, the first epochs go into finding the mean face itself. (Weights of 0 in the last layer
    alone do not make units alike: each hidden unit gets the gradient of its own input from the second step on.)

    network : its last layer is a `Dense` with 30 outputs and a bias; changed in place
    points  : (N, 15, 2) px, the training faces', NaN where a label is missing

    >>> network = report_mlp(rng=0)
    >>> start_from_mean_face(network, np.full((3, 15, 2), 72.0))
    >>> network.predict(np.random.default_rng(0).random((1, 96, 96, 1), np.float32))[0, :2]
    array([0.5, 0.5], dtype=float32)
    """
    last = network.layers[-1]
    last.params["weight"][:] = 0
    last.params["bias"][:] = to_targets(mean_face(points)[np.newaxis])[0]


CNNS: dict[str, Callable[..., Sequential]] = {"report": report_cnn, "report-large": report_large_cnn, "kfkd": kfkd}

_F1_MAPS = [(1, 2, 5), (2, 4, 5), (4, 8, 4), (8, 16, 4)]
_LARGE_MAPS = [(1, 8, 3), (8, 16, 2), (16, 32, 2), (32, 64, 2), (64, 128, 2)]


def _conv_pool(c_in: int, c_out: int, kernel_size: int, rng: np.random.Generator) -> list[Layer]:
    return [Conv2D(c_in, c_out, kernel_size, rng=rng), ReLU(), MaxPool2D(2)]


def _report_hidden(n_in: int, n_out: int, dropout: float, rng: np.random.Generator) -> list[Layer]:
    layers: list[Layer] = [Dense(n_in, n_out, rng=rng, bias_init="constant(1)"), ReLU()]
    return [*layers, Dropout(dropout, rng=rng)] if dropout else layers
