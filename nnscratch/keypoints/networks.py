"""The networks of the 2015 report, those it cites, and Nouri's, which did better, as their authors set them up.

Every function takes `rng`, a numpy Generator or seed, and gives a new `Sequential`, from (N, 96, 96, 1) to (N, 30)
where nothing else is said. Weights come from Glorot's uniform distribution, the layers' default, as they did for both.
The report began its hidden dense layers with a bias of 1; that bias, with dropout behind it, is part of what went wrong
there. `REPORT` has every configuration that the report describes, by name, and the cured one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

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
    sizes = [(c_in if c_in == 1 else c_in * width, c_out * width, k) for c_in, c_out, k in F1_MAPS]
    maps = [layer for size in sizes for layer in conv_pool(*size, rng, weight_init, conv_bias_init)]
    hidden = f1_hidden(head, 144 * width, dropout, rng, weight_init, hidden_bias)
    last = Dense(144 if hidden else 144 * width, outputs, rng=rng, weight_init=weight_init, bias=last_bias)
    return Sequential(*maps, Flatten(), *hidden, last)


def report_large_cnn(*, rng: Random = None, dropout: float = 0.5) -> Sequential:
    """The report's figures 4 and 5: 8, 16, 32, 64, 128 maps, two hidden dense layers of 512."""
    rng = np.random.default_rng(rng)
    maps = [layer for c_in, c_out, k in _LARGE_MAPS for layer in conv_pool(c_in, c_out, k, rng)]
    hidden = [layer for _ in range(2) for layer in _report_hidden(512, 512, dropout, rng)]
    return Sequential(*maps, Flatten(), *hidden, Dense(512, 30, rng=rng))


def kfkd(*, rng: Random = None) -> Sequential:
    """Nouri's "net2": 32, 64, 128 maps, two hidden dense layers of 500.

    Source: Nouri, "Using convolutional neural nets to detect facial keypoints" (2014).
    """
    rng = np.random.default_rng(rng)
    return Sequential(
        *conv_pool(1, 32, 3, rng),
        *conv_pool(32, 64, 2, rng),
        *conv_pool(64, 128, 2, rng),
        Flatten(),
        Dense(11 * 11 * 128, 500, rng=rng),
        ReLU(),
        Dense(500, 500, rng=rng),
        ReLU(),
        Dense(500, 30, rng=rng),
    )


CNNS: dict[str, Callable[..., Sequential]] = {"report": report_cnn, "report-large": report_large_cnn, "kfkd": kfkd}


F1_MAPS = [(1, 2, 5), (2, 4, 5), (4, 8, 4), (8, 16, 4)]
_LARGE_MAPS = [(1, 8, 3), (8, 16, 2), (16, 32, 2), (32, 64, 2), (64, 128, 2)]


def conv_pool(
    c_in: int,
    c_out: int,
    kernel_size: int,
    rng: np.random.Generator,
    weight_init: str = "glorot_uniform()",
    bias_init: str = "constant(0)",
) -> list[Layer]:
    convolution = Conv2D(c_in, c_out, kernel_size, rng=rng, weight_init=weight_init, bias_init=bias_init)
    return [convolution, ReLU(), MaxPool2D(2)]


def f1_hidden(
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
