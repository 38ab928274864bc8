"""The networks of the 2015 report, those it cites, and Nouri's, which did better, as their authors set them up.

Every function takes `rng`, a numpy Generator or seed, and gives a new `Sequential`, from (N, 96, 96, 1) to (N, 30)
where nothing else is said. Weights come from Glorot's uniform distribution, the layers' default, as they did for both.
The report began its hidden dense layers with a bias of 1; that bias, with dropout behind it, is part of what went wrong
there. `REPORT` has every configuration that the report describes, by name, and the cured one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from nnscratch.diagnosis.spread import mean_of
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


def report_cnn(
    *,
    rng: Random = None,
    dropout: float = 0.5,
    head: str = "code",
    weight_init: str = "glorot_uniform()",
    conv_bias_init: str = "constant(0)",
    hidden_bias: float = 1.0,
    last_bias: bool = True,
    width: int = 1,
    outputs: int = 30,
) -> Sequential:
    """The report's figure 1, "F1": 2, 4, 8, 16 maps, 144 numbers at the end; its arguments are what the report varied.

    dropout        : after each hidden dense layer
    head           : "code": two hidden dense layers of 144 before the last, as in its code; "figure": the last alone
    weight_init    : of every weight
    conv_bias_init : of the convolutions' biases
    hidden_bias    : what the biases of the hidden dense layers begin with
    last_bias      : False leaves the last layer's bias out
    width          : so many times the maps, and the numbers that they end in
    outputs        : 30 coordinates, or 9216 for a map (`nnscratch.keypoints.experiments.heatmap`)

    Raises
        ValueError : another head, or an initialiser that there is not
    """
    rng = np.random.default_rng(rng)
    sizes = [(c_in if c_in == 1 else c_in * width, c_out * width, k) for c_in, c_out, k in _F1_MAPS]
    maps = [layer for size in sizes for layer in _conv_pool(*size, rng, weight_init, conv_bias_init)]
    hidden = _f1_hidden(head, 144 * width, dropout, rng, weight_init, hidden_bias)
    last = Dense(144 if hidden else 144 * width, outputs, rng=rng, weight_init=weight_init, bias=last_bias)
    return Sequential(*maps, Flatten(), *hidden, last)


def report_level_2(*, rng: Random = None, dropout: float = 0.5, hidden_bias: float = 1.0) -> Sequential:
    """F1 for crops of 50 x 50 pixels: (N, 50, 50, 1) to (N, 2). The report's level 2 has "the same structure" as F1.

    It cannot quite: 50 -> 46 -> 23 -> 19 -> 9 -> 6 -> 3 leaves 3 x 3 numbers for the fourth convolution of 4 x 4. Here
    that one is 2 x 2: 3 -> 2 -> 1, which leaves 16 numbers where F1 has 144. All else is as in F1 with its code's head.
    """
    rng = np.random.default_rng(rng)
    maps = [layer for sizes in (*_F1_MAPS[:3], (8, 16, 2)) for layer in _conv_pool(*sizes, rng)]
    hidden = _f1_hidden("code", 16, dropout, rng, "glorot_uniform()", hidden_bias)
    return Sequential(*maps, Flatten(), *hidden, Dense(144, 2, rng=rng))


def sun_level_1(*, rng: Random = None, outputs: int = 30) -> Sequential:
    """The first network of Sun, Wang & Tang's cascade: (N, 39, 39, 1) to (N, outputs); ReLU for their |tanh|.

    Source: Sun, Wang & Tang, "Deep Convolutional Network Cascade for Facial Point Detection" (2013), table 1.
    """
    rng = np.random.default_rng(rng)
    return Sequential(
        *_conv_pool(1, 20, 4, rng),  # 39 -> 36 -> 18
        *_conv_pool(20, 40, 3, rng),  # 16 -> 8
        *_conv_pool(40, 60, 3, rng),  # 6 -> 3
        Conv2D(60, 80, 2, rng=rng),  # 2
        ReLU(),
        Flatten(),
        Dense(2 * 2 * 80, 120, rng=rng),
        ReLU(),
        Dense(120, outputs, rng=rng),
    )


def sun_level_2(*, rng: Random = None) -> Sequential:
    """The networks of that cascade's levels 2 and 3: (N, 15, 15, 1) to (N, 2); ReLU for their |tanh|."""
    rng = np.random.default_rng(rng)
    return Sequential(
        *_conv_pool(1, 20, 4, rng),  # 15 -> 12 -> 6
        *_conv_pool(20, 40, 3, rng),  # 4 -> 2
        Flatten(),
        Dense(2 * 2 * 40, 60, rng=rng),
        ReLU(),
        Dense(60, 2, rng=rng),
    )


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
    start_from_mean(network, to_targets(mean_face(points)[np.newaxis]))


def start_from_mean(network: Sequential, y: np.ndarray) -> None:
    """As `start_from_mean_face`, for targets of any kind: y (N, K), NaN where a label is missing.

    A target that no row has begins with 0.
    """
    last = network.layers[-1]
    last.params["weight"][:] = 0
    last.params["bias"][:] = mean_of(y)


def centre_on(network: Sequential, x: np.ndarray, y: np.ndarray) -> None:
    """Takes the mean error of each output on the training rows out of the last layer's bias.

    A network that was trained on changed pictures, such as mirrored ones, is right on the average of those. On the
    pictures as they are it may be a little to one side.

    network : its last layer is a `Dense` with a bias; changed in place
    x, y    : (N, ...) and (N, K), NaN where a label is missing

    >>> network = Sequential(Flatten(), Dense(2, 1, weight_init="constant(0)", rng=0))
    >>> centre_on(network, np.zeros((2, 1, 2), np.float32), np.array([[1], [2]], np.float32))
    >>> network.layers[-1].params["bias"]
    array([1.5], dtype=float32)
    """
    network.layers[-1].params["bias"] += mean_of(y - network.predict(x)).astype(y.dtype)


CNNS: dict[str, Callable[..., Sequential]] = {"report": report_cnn, "report-large": report_large_cnn, "kfkd": kfkd}

# Every configuration of the report, by name; "f1-cured" is F1's layers with the cause of its failure taken away.
REPORT: dict[str, Callable[..., Sequential]] = {
    "mlp": report_mlp,
    "mlp-dropout": partial(report_mlp, dropout=0.5),
    "f1-code": report_cnn,
    "f1-figure": partial(report_cnn, head="figure"),
    "large": report_large_cnn,
    "f1-no-last-bias": partial(report_cnn, last_bias=False),
    "f1-early": partial(report_cnn, weight_init="normal(0.01)", conv_bias_init="normal(1)"),
    "f1-glorot-normal": partial(report_cnn, weight_init="glorot_normal()"),
    "f1-he-uniform": partial(report_cnn, weight_init="he_uniform()"),
    "f1-he-normal": partial(report_cnn, weight_init="he_normal()"),
    "f1-cured": partial(report_cnn, dropout=0.0, hidden_bias=0.0),
}

_F1_MAPS = [(1, 2, 5), (2, 4, 5), (4, 8, 4), (8, 16, 4)]
_LARGE_MAPS = [(1, 8, 3), (8, 16, 2), (16, 32, 2), (32, 64, 2), (64, 128, 2)]


def _conv_pool(
    c_in: int,
    c_out: int,
    kernel_size: int,
    rng: np.random.Generator,
    weight_init: str = "glorot_uniform()",
    bias_init: str = "constant(0)",
) -> list[Layer]:
    convolution = Conv2D(c_in, c_out, kernel_size, rng=rng, weight_init=weight_init, bias_init=bias_init)
    return [convolution, ReLU(), MaxPool2D(2)]


def _f1_hidden(
    head: str, n_in: int, dropout: float, rng: np.random.Generator, weight_init: str, bias: float
) -> list[Layer]:
    if head not in ("code", "figure"):
        raise ValueError(f"report_cnn: got head={head!r}, expected 'code' or 'figure'; use one of the two")
    sizes = [(n_in, 144), (144, 144)] if head == "code" else []
    return [layer for n in sizes for layer in _report_hidden(*n, dropout, rng, weight_init, bias)]


def _report_hidden(
    n_in: int,
    n_out: int,
    dropout: float,
    rng: np.random.Generator,
    weight_init: str = "glorot_uniform()",
    bias: float = 1.0,
) -> list[Layer]:
    dense = Dense(n_in, n_out, rng=rng, weight_init=weight_init, bias_init=f"constant({bias})")
    return [dense, ReLU(), Dropout(dropout, rng=rng)] if dropout else [dense, ReLU()]
