"""Patients whose network is at fault: weights, activations, layers."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from patients.fourth_set import signals, tables
from patients.fourth_set.networks import convolutional, dense, standard
from patients.patient import Patient, Training


def _equal_units(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.kinds(rng, 400, 7)
    model = nn.Sequential(*dense(rng, 8, 40, 20, 7, weights="he_normal()" if cured else "constant(0.05)"))
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), nn.Adam(model, lr=5e-3), 32)


def _quiet_arm(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.arm(rng, 500)
    weights = "glorot_uniform()" if cured else "normal(0.01)"
    model = nn.Sequential(*dense(rng, 3, 32, 32, 32, 32, 2, activation=nn.Tanh, weights=weights))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.05, momentum=0.9), 32)


def _sigmoid_tower(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.pendulum(rng, 500)
    activation = nn.Tanh if cured else nn.Sigmoid
    model = nn.Sequential(*dense(rng, 2, 20, 20, 20, 20, 20, 2, activation=activation, weights="glorot_uniform()"))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.05, momentum=0.5), 32)


def _loud_tower(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.spectra(rng, 300)
    weights = "he_normal()" if cured else "normal(0.6)"
    model = nn.Sequential(*dense(rng, 60, 50, 50, 50, 50, 50, 2, weights=weights))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=1e-3), 32)


def _biased_sounds(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.sounds(rng, 400)
    bias = "constant(0.0)" if cured else "constant(9.0)"
    model = nn.Sequential(*dense(rng, 16, 20, 6, activation=nn.Tanh, weights="glorot_uniform()", bias=bias))
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), nn.SGD(model, lr=0.05), 32)


def _steep_sigmoids(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.arm(rng, 400)
    weights = "glorot_uniform()" if cured else "normal(15)"
    front = dense(rng, 3, 30, 30, 15, activation=nn.Tanh, weights=weights)
    model = nn.Sequential(*front, nn.Tanh(), nn.Dense(15, 2, rng=rng))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.05, momentum=0.5), 32)


def _dead_shop(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.counts(rng, 500)
    model = nn.Sequential(*dense(rng, 6, 24, 24, 1, bias="constant(0.0)" if cured else "constant(-9.0)"))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=3e-3), 32)


def _stars_between_0_and_1(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.ratings(rng, 600)
    layers = dense(rng, 35, 24, 1, activation=nn.Tanh, weights="glorot_uniform()")
    model = nn.Sequential(*layers) if cured else nn.Sequential(*layers, nn.Sigmoid())
    return Training(model, x, 3 + y, nn.MSELoss(), nn.Adam(model, lr=1e-2), 32)


def _points_above_0(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.matches(rng, 500, noise=0.5)
    layers = dense(rng, 12, 32, 1)
    model = nn.Sequential(*layers) if cured else nn.Sequential(*layers, nn.ReLU())
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=3e-3), 32)


def _dropout_last(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.vibration(rng, 400)
    layers = dense(rng, 32, 32, 2)
    model = nn.Sequential(*layers) if cured else nn.Sequential(*layers, nn.Dropout(0.7, rng=rng))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=3e-3), 32)


def _dropout_everywhere(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.pendulum(rng, 500)
    model = nn.Sequential(*dense(rng, 2, 24, 24, 24, 2, dropout=0.0 if cured else 0.85))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=3e-3), 32)


def _straight(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (500, 5)).astype(np.float32)
    y = standard(np.stack([x[:, 0] * x[:, 1] + 0.1 * x[:, 3], np.abs(x[:, 2]) - x[:, 4] ** 2], axis=1))
    model = nn.Sequential(*dense(rng, 5, 40, 40, 2, activation=nn.LeakyReLU if cured else None))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=5e-3), 32)


def _narrow(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    amounts = rng.standard_normal((400, 10))
    x = standard(amounts @ rng.standard_normal((10, 24)) + 0.1 * rng.standard_normal((400, 24)))
    model = nn.Sequential(
        *dense(rng, 24, 40, 12 if cured else 1, 40, 24, activation=nn.Tanh, weights="glorot_uniform()")
    )
    return Training(model, x, x, nn.MSELoss(), nn.Adam(model, lr=3e-3), 32)


def _place_pooled_away(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.dots(rng, 240)
    model = convolutional(rng, 12, 6, 2, nn.MaxPool2D(2 if cured else 12), hidden=24)
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=5e-3), 24)


PATIENTS = [
    Patient(
        "one weight for all units, seven kinds", "It mixes up most of the kinds.", ("identical_units",), _equal_units
    ),
    Patient(
        "tiny weights, arm of three joints",
        "The loss does not move.",
        ("vanishing_signal", "vanishing_gradient"),
        _quiet_arm,
        40,
    ),
    Patient(
        "five sigmoids, pendulum", "The loss does not move.", ("vanishing_gradient", "vanishing_signal"), _sigmoid_tower
    ),
    Patient(
        "weights of 0.6 in six layers, spectra",
        "The loss begins at a million.",
        ("exploding_signal", "exploding_gradient"),
        _loud_tower,
        30,
    ),
    Patient(
        "biases of 9 before tanh, sounds",
        "Accuracy as by chance.",
        ("saturated_by_bias", "saturated_units", "vanishing_gradient"),
        _biased_sounds,
        40,
    ),
    Patient(
        "weights of 15 before tanh, arm",
        "It learns a little and stops.",
        ("saturated_units", "exploding_signal"),
        _steep_sigmoids,
    ),
    Patient(
        "biases of -9 before relu, shop",
        "One answer for all days.",
        ("dead_units", "saturated_by_bias"),
        _dead_shop,
        40,
    ),
    Patient(
        "sigmoid behind the output, stars of 1 to 5",
        "It never gives more than one star.",
        ("silent_output", "targets_off_centre"),
        _stars_between_0_and_1,
        40,
    ),
    Patient(
        "relu behind the output, difference of points",
        "It never says that the guests win.",
        ("relu_output", "silent_output"),
        _points_above_0,
        40,
    ),
    Patient("dropout as the last layer, vibration", "It answers too low.", ("dropout_output",), _dropout_last, 60),
    Patient(
        "dropout of 85% three times, pendulum", "It stays near the mean.", ("dropout_too_strong",), _dropout_everywhere
    ),
    Patient("no activation, products", "No better than a line.", ("no_nonlinearity",), _straight, 50),
    Patient("one unit in the middle, autoencoder", "All come out alike.", ("too_small",), _narrow, 60),
    Patient("one pool over the picture, dots", "It answers the middle.", ("pooled_away",), _place_pooled_away, 24),
]
