"""Units of inputs and labels that the network's weights and rate are not made for."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from nnscratch.optimizers.base import Optimizer
from patients.patient import Patient, Training
from patients.second_set import blobs, dense_layers


def _made(x: np.ndarray, y: np.ndarray, layers: list[nn.Layer], batch_size: int = 32, **adam: float) -> Training:
    model = nn.Sequential(*layers)
    optimizer: Optimizer = nn.Adam(model, **adam)
    return Training(model, x.astype(np.float32), y.astype(np.float32), nn.MSELoss(), optimizer, batch_size)


def raw_pixels(seed: int, cured: bool) -> Training:
    pictures, places = blobs(np.random.default_rng(seed), 400, 16, 3)
    x = pictures if cured else 255 * pictures
    layers = [nn.Flatten(), *dense_layers([256, 24, 2], seed)]
    training = _made(x, places / 8 - 1, layers)
    training.optimizer = nn.SGD(training.model, lr=0.02, momentum=0.9)
    return training


def kelvin(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = 290 + rng.normal(0, 1.5, (500, 4))
    away = x - 290
    y = np.sin(away[:, [0]]) + 0.3 * away[:, [1]] * away[:, [2]]
    return _made(away if cured else x, y, dense_layers([4, 32, 1], seed), lr=0.01)


def year_and_income(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    ratios = rng.uniform(0, 1, (700, 5))
    year, income = rng.integers(1990, 2021, (700, 1)), rng.lognormal(10.8, 0.5, (700, 1))
    x = np.concatenate([year, income, ratios], axis=1)
    if cured:
        x = (x - x.mean(axis=0)) / x.std(axis=0)
    y = 3 * ratios[:, [0]] - 2 * ratios[:, [1]] + 2 * np.sin(6 * ratios[:, [2]]) + (year - 2005) / 30
    return _made(x, y, dense_layers([7, 32, 1], seed), lr=0.005)


def one_long_column(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (400, 20))
    y = x[:, [0]] * x[:, [1]] + np.sin(2 * x[:, [2]])
    if not cured:
        x[:, 19] *= 5000
    layers = dense_layers([20, 24, 24, 1], seed, nn.Tanh, "glorot_uniform")
    return _made(x, y, layers, lr=0.01)


def prices(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (800, 8))
    dollars = 150_000 * (1.5 + np.tanh(x[:, [0]]) + 0.4 * x[:, [1]] + 0.3 * x[:, [2]] * x[:, [3]])
    return _made(x, dollars / 150_000 if cured else dollars, dense_layers([8, 32, 1], seed), lr=0.003)


def concentrations(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (300, 3))
    mol = 2e-5 * (np.sin(3 * x[:, [0]]) + x[:, [1]] * x[:, [2]])
    training = _made(x, mol / 2e-5 if cured else mol, dense_layers([3, 24, 1], seed))
    training.optimizer = nn.SGD(training.model, lr=0.05, momentum=0.9)
    return training


def revenue_beside_margin(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (500, 6))
    revenue = np.tanh(x[:, 0]) + 0.5 * x[:, 1] * x[:, 2]
    margin = 0.5 * np.tanh(x[:, 3] - x[:, 4])
    y = np.stack([revenue * (1 if cured else 2e6), margin], axis=1)
    return _made(x, y, dense_layers([6, 32, 2], seed), lr=0.01)


def pressure(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (400, 5))
    hectopascal = 1013 + 4 * np.sin(x[:, [0]]) + 3 * x[:, [1]]
    return _made(x, hectopascal - (1013 if cured else 0), dense_layers([5, 20, 1], seed), lr=0.01)


def birth_years(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = (rng.random((600, 50)) < 0.2).astype(float)
    year = 1975 + x @ rng.normal(0, 5, (50, 1))
    layers = dense_layers([50, 16, 1], seed, nn.Tanh, "glorot_uniform")
    return _made(x, year - (1975 if cured else 0), layers, lr=0.02)


PATIENTS = [
    Patient(
        "pixels of 0 to 255",
        "The tutorial works on its own data; on my pictures it answers the same place every time.",
        ("input_unscaled",),
        raw_pixels,
        40,
    ),
    Patient(
        "temperatures in kelvin",
        "Inputs are around 290. The network predicts a constant.",
        ("input_unscaled",),
        kelvin,
    ),
    Patient(
        "year and income beside ratios",
        "R2 is strongly negative on the very rows it was trained on.",
        ("columns_unscaled",),
        year_and_income,
        40,
    ),
    Patient(
        "one column in thousands, tanh",
        "Adding the turnover column destroyed my model.",
        ("columns_unscaled",),
        one_long_column,
        80,
    ),
    Patient(
        "house prices in dollars",
        "After 60 epochs it still thinks that a house costs a few dollars.",
        ("targets_unscaled",),
        prices,
        40,
    ),
    Patient(
        "concentrations of 0.00002",
        "The loss is 1e-7, wonderful, but the curve looks nothing like the measurement.",
        ("targets_unscaled",),
        concentrations,
    ),
    Patient(
        "revenue in millions beside margin",
        "Predicting only the margin works. Both together do not.",
        ("columns_unscaled", "targets_unscaled", "output_not_learnt"),
        revenue_beside_margin,
    ),
    Patient(
        "air pressure around 1013",
        "It slowly climbs towards the labels and never follows their ups and downs.",
        ("targets_off_centre",),
        pressure,
        60,
    ),
    Patient(
        "years of birth",
        "The error is far larger than if I always said 1975.",
        ("targets_off_centre",),
        birth_years,
        60,
    ),
]
