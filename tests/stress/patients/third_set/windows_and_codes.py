"""Windows of a time series, and autoencoders."""

from __future__ import annotations

import numpy as np

import nnscratch as nn

from ..patient import Patient, Training
from .pictures import stripes
from .tables import dense


def windows(seed: int, rows: int, lags: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows, lags) of a noisy series of two waves, and what follows each, (rows, 1)."""
    rng = np.random.default_rng(seed)
    time = np.arange(rows + lags)
    series = np.sin(time / 4 + rng.uniform(0, 6)) + 0.7 * np.sin(time / 1.7) + 0.1 * rng.normal(size=len(time))
    every = np.lib.stride_tricks.sliding_window_view(series, lags + 1)
    return every[:, :lags].astype(np.float32), every[:, lags:].astype(np.float32)


def sensors(seed: int, rows: int) -> np.ndarray:
    """(rows, 20) standardized columns that four hidden causes move."""
    rng = np.random.default_rng(seed)
    x = np.tanh(rng.normal(size=(rows, 4)) @ rng.normal(size=(4, 20))) + 0.1 * rng.normal(size=(rows, 20))
    return ((x - x.mean(0)) / x.std(0)).astype(np.float32)


def relu_decoder(seed: int, cured: bool) -> Training:
    x = sensors(seed, 500)
    last = [] if cured else [nn.ReLU()]
    model = nn.Sequential(*dense([20, 16, 8, 16, 20], seed, nn.LeakyReLU), *last)
    return Training(model, x, x, nn.MSELoss(), nn.Adam(model, lr=0.005))


def bytes_behind_sigmoid(seed: int, cured: bool) -> Training:
    x = np.clip(stripes(seed, 300, 8)[0].reshape(300, 64), 0, 1)
    model = nn.Sequential(*dense([64, 32, 16, 32, 64], seed), nn.Sigmoid())
    return Training(model, x, x if cured else 255 * x, nn.MSELoss(), nn.Adam(model, lr=0.005))


def one_code(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=(400, 6)) @ np.linalg.qr(rng.normal(size=(40, 6)))[0].T * 2.5).astype(np.float32)
    model = nn.Sequential(*dense([40, 32, 8 if cured else 1, 32, 40], seed, nn.Tanh))
    return Training(model, x, x, nn.MSELoss(), nn.Adam(model, lr=0.005))


def linear_code(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    angle = rng.uniform(-3, 3, (600, 1))
    y = np.concatenate([np.cos(n * angle) for n in range(1, 9)], axis=1).astype(np.float32)
    layers = dense([1, 40, 40, 8], seed, nn.Tanh)
    model = nn.Sequential(*(layers if cured else layers[::2]))
    return Training(model, angle.astype(np.float32), y, nn.MSELoss(), nn.Adam(model, lr=0.01))


def stacked_sigmoids(seed: int, cured: bool) -> Training:
    x, y = windows(seed, 600, 25)
    model = nn.Sequential(*dense([25, 20, 20, 20, 20, 20, 20, 20, 1], seed, nn.Tanh if cured else nn.Sigmoid))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.05, momentum=0.5))


def closing_prices(seed: int, cured: bool) -> Training:
    x, y = windows(seed, 500, 20)
    x, y = (x, y) if cured else (x + 52, y + 52)
    model = nn.Sequential(*dense([20, 30, 1], seed, nn.Tanh))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.005))


def dropped_rows(seed: int, cured: bool) -> Training:
    x = np.random.default_rng(seed).normal(size=(700, 6)).astype(np.float32)
    y = (np.sin(2 * x[:, :1]) + x[:, 1:2] * x[:, 2:3]).astype(np.float32)
    if not cured:
        x, y = x[24:], y[:-24]
    model = nn.Sequential(*dense([6, 24, 12, 1], seed, nn.Tanh))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.01), 64)


def tides(seed: int, cured: bool) -> Training:
    x, y = windows(seed, 500, 16)
    model = nn.Sequential(*dense([16, 24, 3], seed, nn.Tanh))
    y = np.concatenate([y, 0.8 * x[:, :1] - 0.5 * x[:, 5:6], x[:, 8:9] * x[:, 3:4]], axis=1)
    y = y * (1 if cured else np.array([1, 3000, 0.01]))
    return Training(model, x, y.astype(np.float32), nn.MSELoss(), nn.Adam(model, lr=0.01))


def missing_hours(seed: int, cured: bool) -> Training:
    x, y = windows(seed, 800, 12)
    y = y.copy()
    y[np.random.default_rng(seed).uniform(size=y.shape) < 0.3] = np.nan if cured else 999
    model = nn.Sequential(*dense([12, 16, 1], seed, nn.LeakyReLU))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.02))


PATIENTS: list[Patient] = [
    Patient(
        "relu behind the decoder, 20 standardized columns",
        "The reconstruction error never gets low (pyod #651)",
        ("relu_output", "silent_output"),
        relu_decoder,
    ),
    Patient(
        "autoencoder 64-32-16, a sigmoid and bytes as targets",
        "Loss is stuck at the very same value after the first epoch (tensorflow #48308)",
        ("silent_output", "targets_unscaled", "saturated_units"),
        bytes_behind_sigmoid,
        40,
    ),
    Patient(
        "autoencoder with a code of 1, 40 columns",
        "All reconstructions lie on one curve, whatever the number of epochs",
        ("too_small",),
        one_code,
        100,
    ),
    Patient(
        "angle to eight waves, activation forgotten",
        "One column in, eight straight lines out",
        ("no_nonlinearity",),
        linear_code,
    ),
    Patient(
        "window of 25, seven sigmoid layers, SGD",
        "It always predicts a constant value for all times (keras #1727)",
        ("vanishing_gradient", "vanishing_signal"),
        stacked_sigmoids,
    ),
    Patient(
        "closing prices around 52, window of 20, tanh",
        "The validation is a flat line, 51.8 to 52.6 (time-series-forecasting-tensorflowjs #5)",
        ("input_unscaled", "targets_off_centre", "saturated_units"),
        closing_prices,
    ),
    Patient(
        "dropna moved x by a day, y not",
        "No better than the mean, and yesterday's script was",
        ("misaligned_rows",),
        dropped_rows,
        40,
    ),
    Patient(
        "three outputs of spread 1, 3000 and 0.01",
        "The small ones are noise, as long as the large one is not right (brain.js #528)",
        ("columns_unscaled", "output_not_learnt", "targets_unscaled"),
        tides,
    ),
    Patient(
        "gaps of a series filled with 999",
        "It forecasts some 300, nothing is as large",
        ("placeholder_labels", "targets_unscaled"),
        missing_hours,
    ),
]
