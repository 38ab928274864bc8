"""First weights, depth, steps and weight decay: what stops a network of the right shape."""

from __future__ import annotations

import numpy as np

import nnscratch as nn

from ..patient import Patient, Training
from .tables import dense, table


def circles(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(600, 2) points on two noisy circles, and whether each is on the inner one."""
    rng = np.random.default_rng(seed)
    inner = rng.integers(0, 2, 600)
    angle, radius = rng.uniform(0, 2 * np.pi, 600), np.where(inner, 0.5, 1.0) + 0.05 * rng.normal(size=600)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return x.astype(np.float32), inner.astype(np.float32)[:, np.newaxis]


def ten_sigmoids(seed: int, cured: bool) -> Training:
    x, y = circles(seed)
    hidden = nn.Tanh if cured else nn.Sigmoid
    model = nn.Sequential(*dense([2] + [16] * 10 + [1], seed, hidden))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.002))


def small_gaussian(seed: int, cured: bool) -> Training:
    x, y = table(seed, 500, 16)
    init = "he_normal()" if cured else "normal(0.01)"
    model = nn.Sequential(*dense([16, 48, 48, 48, 48, 48, 1], seed, init=init))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.01, momentum=0.9))


def unit_gaussian(seed: int, cured: bool) -> Training:
    x, y = table(seed, 500, 20)
    init = "he_normal()" if cured else "normal(1.0)"
    model = nn.Sequential(*dense([20, 60, 60, 60, 1], seed, nn.LeakyReLU, init))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.001))


def unit_gaussian_sgd(seed: int, cured: bool) -> Training:
    x, y = table(seed, 400, 12)
    init = "he_normal()" if cured else "normal(0.6)"
    model = nn.Sequential(*dense([12, 64, 64, 64, 1], seed, init=init))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.01, momentum=0.5))


def wide_tanh(seed: int, cured: bool) -> Training:
    x, y = table(seed, 500, 50)
    init = "glorot_uniform()" if cured else "normal(3.0)"
    model = nn.Sequential(*dense([50, 60, 60, 1], seed, nn.Tanh, init))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.002))


def constant_weights(seed: int, cured: bool) -> Training:
    x = np.random.default_rng(seed).normal(size=(500, 6)).astype(np.float32)
    y = x[:, [0]] * x[:, [1]] + x[:, [2]] * x[:, [3]]
    init = "glorot_uniform()" if cured else "constant(0.1)"
    model = nn.Sequential(*dense([6, 32, 16, 1], seed, init=init))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.003))


def zero_weights(seed: int, cured: bool) -> Training:
    x, y = circles(seed)
    init = "glorot_uniform()" if cured else "constant(0.0)"
    model = nn.Sequential(*dense([2, 24, 12, 1], seed, nn.Tanh, init), nn.Sigmoid())
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.01))


def prior_bias(seed: int, cured: bool) -> Training:
    x, y = table(seed, 500, 15)
    model = nn.Sequential(*dense([15, 40, 20, 1], seed))
    for layer in model.layers[0:3:2]:
        layer.params["bias"][:] = 0 if cured else -6
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.02, momentum=0.9))


def sigmoid_bias(seed: int, cured: bool) -> Training:
    x, y = table(seed, 500, 8)
    model = nn.Sequential(*dense([8, 30, 1], seed, nn.Tanh))
    model.layers[0].params["bias"][:] = 0 if cured else 7
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.05, momentum=0.9))


def tenth(seed: int, cured: bool) -> Training:
    x, y = table(seed, 600, 25)
    model = nn.Sequential(*dense([25, 50, 50, 10, 1], seed))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.001 if cured else 0.3))


def momentum_on_top(seed: int, cured: bool) -> Training:
    x, y = table(seed, 600, 10)
    model = nn.Sequential(*dense([10, 40, 40, 1], seed))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.05, momentum=0.5 if cured else 0.99))


def tiny_rate(seed: int, cured: bool) -> Training:
    x, y = table(seed, 300, 30)
    model = nn.Sequential(*dense([30, 64, 1], seed))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.05 if cured else 2e-5))


def decay_half(seed: int, cured: bool) -> Training:
    x, y = table(seed, 500, 12)
    model = nn.Sequential(*dense([12, 48, 24, 1], seed))
    optimizer = nn.SGD(model, lr=0.02, momentum=0.9, weight_decay=0.0005 if cured else 1.0)
    return Training(model, x, y, nn.MSELoss(), optimizer)


def no_activation(seed: int, cured: bool) -> Training:
    x, y = circles(seed)
    layers = dense([2, 50, 30, 1], seed)
    model = nn.Sequential(*(layers if cured else layers[::2]))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.003))


def one_unit(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(800, 12))
    y = x @ rng.normal(size=(12, 10)) / 3
    model = nn.Sequential(*dense([12, 40, 24 if cured else 1, 10], seed, nn.LeakyReLU))
    return Training(model, x.astype(np.float32), y.astype(np.float32), nn.MSELoss(), nn.Adam(model, lr=0.003))


def keep_probability(seed: int, cured: bool) -> Training:
    x, y = table(seed, 400, 10)
    p = 0.1 if cured else 0.9
    rng = np.random.default_rng(seed)
    layers = dense([10, 32, 24, 1], seed)
    layers[2:2] = [nn.Dropout(p, rng=rng)]
    layers[5:5] = [nn.Dropout(p, rng=rng)]
    return Training(model := nn.Sequential(*layers), x, y, nn.MSELoss(), nn.Adam(model, lr=0.003))


PATIENTS: list[Patient] = [
    Patient(
        "two circles, ten sigmoid layers of 16",
        "The loss is 0.25 from beginning to end (AUTOTRAINER, Circle, vanishing gradient)",
        ("vanishing_gradient", "vanishing_signal"),
        ten_sigmoids,
    ),
    Patient(
        "gaussian weights of 0.01, five relu layers",
        "Any input gives the same output (caffe #1396)",
        ("vanishing_signal", "vanishing_gradient", "step_too_small"),
        small_gaussian,
    ),
    Patient(
        "torch.randn weights, three layers of 60",
        "The loss begins at some 10000 and never gets near 1",
        ("exploding_signal", "exploding_gradient"),
        unit_gaussian,
    ),
    Patient(
        "weights of 0.6 and plain SGD, three layers of 64",
        "NaN in the first epoch, with the rate of the tutorial (AUTOTRAINER, exploding gradient)",
        ("exploding_gradient", "exploding_signal", "step_too_large"),
        unit_gaussian_sgd,
    ),
    Patient(
        "tf.random_normal weights before tanh, 50 columns",
        "Loss goes up and down, and test marks are of coin tosses",
        ("saturated_units", "exploding_signal"),
        wide_tanh,
    ),
    Patient(
        "all weights 0.1, products of columns",
        "A bigger network is not better by a hair",
        ("identical_units",),
        constant_weights,
    ),
    Patient(
        "two circles, kernel_initializer zeros, tanh",
        "All predictions are 0.5 (taourl: a regression predicts a fixed number)",
        ("identical_units",),
        zero_weights,
    ),
    Patient(
        "a detector's prior bias in every hidden layer",
        "The same constant for all inputs, whatever the rate (keras #13891)",
        ("dead_units", "saturated_by_bias"),
        prior_bias,
    ),
    Patient(
        "biases of 7 before tanh",
        "Learns to the mean and stops there",
        ("saturated_by_bias", "saturated_units"),
        sigmoid_bias,
    ),
    Patient(
        "25 columns, 50-50-10, Adam at 0.3",
        "After the first epoch there is no change any more (keras #2711)",
        ("step_too_large", "dead_units"),
        tenth,
    ),
    Patient(
        "SGD at 0.05, momentum 0.99 from a paper",
        "Loss increases after each epoch (keras #5441)",
        ("step_too_large", "dead_units"),
        momentum_on_top,
    ),
    Patient(
        "SGD at 2e-5, taken over with the heatmap network",
        "The loss basically always stays around the same value (Realtime_Multi-Person_Pose_Estimation #224)",
        ("step_too_small",),
        tiny_rate,
    ),
    Patient(
        "weight decay 1.0",
        "My networks just go to zero very quickly (SfMLearner #34, caffe #1396)",
        ("decay_dominates",),
        decay_half,
    ),
    Patient(
        "two circles, three dense layers and nothing between",
        "It is a straight line whatever the width",
        ("no_nonlinearity",),
        no_activation,
    ),
    Patient(
        "ten outputs through one unit",
        "All ten outputs are multiples of each other",
        ("too_small",),
        one_unit,
    ),
    Patient(
        "keep_prob 0.9 taken for the rate, twice",
        "Does better without training than with it (keras #5992)",
        ("dropout_too_strong",),
        keep_probability,
    ),
]
