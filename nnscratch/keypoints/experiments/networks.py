"""The networks that only the report's experiments use."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from nnscratch.keypoints.networks import F1_MAPS, Random, conv_pool, f1_hidden, report_cnn, report_large_cnn, report_mlp
from nnscratch.layers import Conv2D, Dense, Flatten, ReLU
from nnscratch.model import Sequential


def report_level_2(*, rng: Random = None, dropout: float = 0.5, hidden_bias: float = 1.0) -> Sequential:
    """F1 for crops of 50 x 50 pixels: (N, 50, 50, 1) to (N, 2).

    The report's level 2 has "the same structure" as F1. It cannot quite: 50 -> 46 -> 23 -> 19 -> 9
    -> 6 -> 3 leaves 3 x 3 numbers for the fourth convolution of 4 x 4. Here that one is 2 x 2: 3 ->
    2 -> 1, which leaves 16 numbers where F1 has 144. All else is as in F1 with its code's head.
    """
    rng = np.random.default_rng(rng)
    maps = [layer for sizes in (*F1_MAPS[:3], (8, 16, 2)) for layer in conv_pool(*sizes, rng)]
    hidden = f1_hidden("code", 16, dropout, rng, "glorot_uniform()", hidden_bias)
    return Sequential(*maps, Flatten(), *hidden, Dense(144, 2, rng=rng))


def sun_level_1(*, rng: Random = None, outputs: int = 30) -> Sequential:
    """The first network of Sun, Wang & Tang's cascade: (N, 39, 39, 1) to (N, outputs); ReLU for
    their |tanh|.

    Source: Sun, Wang & Tang, "Deep Convolutional Network Cascade for Facial Point Detection"
        (2013), table 1.
    """
    rng = np.random.default_rng(rng)
    return Sequential(
        *conv_pool(1, 20, 4, rng),  # 39 -> 36 -> 18
        *conv_pool(20, 40, 3, rng),  # 16 -> 8
        *conv_pool(40, 60, 3, rng),  # 6 -> 3
        Conv2D(60, 80, 2, rng=rng),  # 2
        ReLU(),
        Flatten(),
        Dense(2 * 2 * 80, 120, rng=rng),
        ReLU(),
        Dense(120, outputs, rng=rng),
    )


def sun_level_2(*, rng: Random = None) -> Sequential:
    """The networks of that cascade's levels 2 and 3: (N, 15, 15, 1) to (N, 2); ReLU for their
    |tanh|.
    """
    rng = np.random.default_rng(rng)
    return Sequential(
        *conv_pool(1, 20, 4, rng),  # 15 -> 12 -> 6
        *conv_pool(20, 40, 3, rng),  # 4 -> 2
        Flatten(),
        Dense(2 * 2 * 40, 60, rng=rng),
        ReLU(),
        Dense(60, 2, rng=rng),
    )


# Every configuration of the report, by name; "f1-cured" is F1's layers with the cause of its
# failure taken away.
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
