"""Published networks, as in the originals: the 2015 report's, and Nouri's, which did better.

Each function returns a new `Sequential` from (N, 96, 96, 1) to (N, 30). Its `rng` is a numpy
Generator or a seed. Weights are drawn from Glorot's uniform distribution, the layers' default, as
both authors did. The report's hidden dense layers begin with a bias of 1. That bias, with dropout
behind it, is one cause of the report's CNN not learning.

"The report" is He & Yang, "Facial Keypoints Detection Using Convolutional Neural Network" (2015).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnscratch.layers import Conv2D, Dense, Dropout, Flatten, Layer, MaxPool2D, ReLU
from nnscratch.model import Sequential

Random = np.random.Generator | int | None

# Each convolution's channels in, channels out ("maps", as the report says) and kernel size.
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
    """What these networks repeat: a convolution without padding, ReLU, 2 x 2 max pooling.

    (N, H, W, c_in) -> (N, (H - k + 1) // 2, (W - k + 1) // 2, c_out), where k is kernel_size.

    >>> conv_pool(1, 8, 3, np.random.default_rng(0))
    [Conv2D(1, 8, 3), ReLU(), MaxPool2D(2)]
    """
    convolution = Conv2D(c_in, c_out, kernel_size, rng=rng, weight_init=weight_init, bias_init=bias_init)
    return [convolution, ReLU(), MaxPool2D(2)]


def report_mlp(*, rng: Random = None, dropout: float = 0.0) -> Sequential:
    """The report's figure 3: 9216 - 256 - 100 - 30.

    Its second version has dropout=0.5, after both hidden layers.
    """
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
    """The report's figure 1, "F1": four convolutions, of 2, 4, 8 and 16 maps, then 144 numbers.

    The arguments are what the report varied.

    dropout        : after each hidden dense layer
    head           : the dense layers; "code": two hidden ones of 144 before the last, as in the
                     report's code; "figure": the last one alone, as in its figure
    weight_init    : initializer of all weights
    conv_bias_init : initializer of the convolutions' biases
    hidden_bias    : initial value of the hidden dense layers' biases
    last_bias      : False leaves out the last layer's bias
    width          : factor by which the number of maps, and of numbers after them, is multiplied
    outputs        : 30 coordinates, or 9216 for a map (`nnscratch.keypoints.experiments.heatmap`)

    Raises
        ValueError : an unknown head or initializer
    """
    rng = np.random.default_rng(rng)
    sizes = [(c_in if c_in == 1 else c_in * width, c_out * width, k) for c_in, c_out, k in F1_MAPS]
    maps = [layer for size in sizes for layer in conv_pool(*size, rng, weight_init, conv_bias_init)]
    hidden = f1_hidden(head, 144 * width, dropout, rng, weight_init, hidden_bias)
    last = Dense(144 if hidden else 144 * width, outputs, rng=rng, weight_init=weight_init, bias=last_bias)
    return Sequential(*maps, Flatten(), *hidden, last)


def report_large_cnn(*, rng: Random = None, dropout: float = 0.5) -> Sequential:
    """The report's figures 4 and 5: 8, 16, 32, 64 and 128 maps, two hidden dense layers of 512."""
    rng = np.random.default_rng(rng)
    maps = [layer for c_in, c_out, k in _LARGE_MAPS for layer in conv_pool(c_in, c_out, k, rng)]
    hidden = [layer for _ in range(2) for layer in _report_hidden(512, 512, dropout, rng)]
    return Sequential(*maps, Flatten(), *hidden, Dense(512, 30, rng=rng))


def kfkd(*, rng: Random = None) -> Sequential:
    """Nouri's "net2": 32, 64 and 128 maps, two hidden dense layers of 500.

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


def f1_hidden(
    head: str, n_in: int, dropout: float, rng: np.random.Generator, weight_init: str, bias: float
) -> list[Layer]:
    """The hidden dense layers of F1 for n_in inputs; see `report_cnn` for the arguments."""
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
    """A hidden dense layer of the report: its biases begin with 1; dropout, if any, follows."""
    dense = Dense(n_in, n_out, rng=rng, weight_init=weight_init, bias_init=f"constant({bias})")
    return [dense, ReLU(), Dropout(dropout, rng=rng)] if dropout else [dense, ReLU()]


# The convolutional networks that scripts offer, by name; then all that commands offer.
CNNS: dict[str, Callable[..., Sequential]] = {"report": report_cnn, "report-large": report_large_cnn, "kfkd": kfkd}
NETWORKS: dict[str, Callable[..., Sequential]] = {**CNNS, "mlp": report_mlp}
