"""Tables: columns and targets in wrong units, labels that are none."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

import nnscratch as nn

from ..patient import Patient, Training


def dense(
    sizes: list[int], seed: int, hidden: type[nn.Layer] = nn.ReLU, init: str = "glorot_uniform()"
) -> list[nn.Layer]:
    """Dense layers of these sizes, with `hidden` between them."""
    rng = np.random.default_rng(seed + 100)
    layers: list[nn.Layer] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Dense(n_in, n_out, weight_init=init, rng=rng), hidden()]
    return layers[:-1]


def table(seed: int, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Standardized columns, and (rows, 1) of mean 0 and spread 1 that bends with some of them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns))
    y = x[:, 0] + np.abs(x[:, 1]) - 0.8 * x[:, 2] * (x[:, 0] > 0) + 0.5 * np.sin(2 * x[:, 3])
    y = (y - y.mean()) / y.std() + 0.2 * rng.normal(size=rows)
    return x.astype(np.float32), y[:, np.newaxis].astype(np.float32)


def dollars(seed: int, cured: bool) -> Training:
    x, y = table(seed, 500, 13)
    model = nn.Sequential(*dense([13, 64, 64, 1], seed))
    y = y if cured else 225_000 + 80_000 * y
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.001))


def fourth_power(seed: int, cured: bool) -> Training:
    x = np.random.default_rng(seed).uniform(-1, 1, (1000, 1)).astype(np.float32)
    y = x**4 if cured else 1e8 * x**4
    model = nn.Sequential(*dense([1, 58, 50, 1], seed, nn.LeakyReLU))
    return Training(model, x, y.astype(np.float32), nn.MSELoss(), nn.Adam(model, lr=0.001), 50)


def threshold(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 100_000, (1000, 1)).astype(np.float32)
    y = (x > 50_000).astype(np.float32)
    model = nn.Sequential(*dense([1, 8, 5, 1], seed, nn.Tanh))
    return Training(model, x / 100_000 if cured else x, y, nn.MSELoss(), nn.Adam(model, lr=0.005), 20)


def clinic(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    stage, ward = rng.integers(0, 5, 400), rng.integers(0, 8, 400)
    days = rng.uniform(0, 3000, (400, 1))
    x = np.concatenate([np.eye(5)[stage], np.eye(8)[ward], days / 3000 if cured else days], axis=1)
    y = 1 / (1 + np.exp(1.5 * (stage - 2) + 0.4 * (ward % 3)))[:, np.newaxis]
    model = nn.Sequential(*dense([14, 32, 16, 1], seed), nn.Sigmoid())
    return Training(model, x.astype(np.float32), y.astype(np.float32), nn.MSELoss(), nn.Adam(model, lr=0.003))


def traded_volume(seed: int, cured: bool) -> Training:
    x, y = table(seed, 600, 6)
    x[:, 5] = x[:, 5] if cured else 1e6 * np.exp(x[:, 5])
    model = nn.Sequential(*dense([6, 32, 1], seed, nn.Tanh))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.05, momentum=0.9))


def marks(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    hours = rng.uniform(0, 1, (300, 4))
    y = 25 + 22 * np.tanh(2 * hours[:, [1]] + hours[:, [0]] - hours[:, [2]] - hours[:, [3]])
    model = nn.Sequential(*dense([4, 8, 1], seed, nn.Sigmoid), nn.Sigmoid())
    y = (y / 50 if cured else y).astype(np.float32)
    return Training(model, hours.astype(np.float32), y, nn.MSELoss(), nn.Adam(model, lr=0.02), 16)


def log_returns(seed: int, cured: bool) -> Training:
    x, y = table(seed, 800, 34)
    last = [] if cured else [nn.ReLU()]
    model = nn.Sequential(*dense([34, 68, 34, 1], seed), *last)
    return Training(model, x, y - 0.8, nn.MSELoss(), nn.Adam(model, lr=0.001))


def findings(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1500, 20))
    y = (x[:, :5] + 0.5 * x[:, 5:10] > 0).astype(np.float64)
    y[rng.uniform(size=y.shape) < 0.6] = np.nan if cured else -1
    model = nn.Sequential(*dense([20, 16, 5], seed))
    y = y.astype(np.float32)
    return Training(model, x.astype(np.float32), y, nn.MSELoss(), nn.Adam(model, lr=0.002))


def tower(seed: int, cured: bool) -> Training:
    x, y = table(seed, 700, 8)
    y = 4 + 3 * y
    missing = np.random.default_rng(seed + 1).uniform(size=y.shape) < 0.25
    y[missing] = np.nan if cured else -9999
    model = nn.Sequential(*dense([8, 40, 1], seed, nn.Tanh))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.01))


def song_year(seed: int, cured: bool) -> Training:
    x, y = table(seed, 300, 10)
    model = nn.Sequential(*dense([10, 32, 1], seed, nn.Tanh))
    y = y if cured else 1995 + 8 * y
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.005))


def frozen_column(seed: int, cured: bool) -> Training:
    x, y = table(seed, 300, 12)
    x = x if cured else np.repeat(x[:1], 300, axis=0)
    model = nn.Sequential(*dense([12, 30, 1], seed))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.005))


def wrong_key(seed: int, cured: bool) -> Training:
    x, y = table(seed, 400, 9)
    y = y if cured else np.full_like(y, np.nan)
    model = nn.Sequential(*dense([9, 30, 1], seed))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.005), loop=plain_loop)


def rare_damage(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1500, 40)).astype(np.float32)
    damaged = rng.uniform(size=1500) < (0.5 if cured else 0.01)
    x[:, 0] = np.where(damaged, np.abs(x[:, 0]) + 1.5, np.minimum(x[:, 0], 1.4))
    y = np.where(damaged, 3 + x[:, 1], 0)[:, np.newaxis].astype(np.float32)
    model = nn.Sequential(*dense([40, 24, 1], seed, nn.Tanh))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.02), 50)


def plain_loop(training: Training, epochs: int) -> None:
    """Batches in a fresh order, and no check of anything."""
    rng = np.random.default_rng(0)
    for _ in range(epochs):
        order = rng.permutation(len(training.x))
        for start in range(0, len(order), training.batch_size):
            rows = order[start : start + training.batch_size]
            training.loss.forward(training.model.forward(training.x[rows], training=True), training.y[rows])
            training.model.backward(training.loss.backward())
            training.optimizer.step()


PATIENTS: list[Patient] = [
    Patient(
        "13 columns, house prices in dollars",
        "The loss is some 1e10 and hardly falls; all houses cost next to nothing",
        ("targets_unscaled", "targets_off_centre"),
        dollars,
    ),
    Patient(
        "one column, its fourth power up to 1e8",
        "The third power of small numbers works, this one stays at 0 (Stack Overflow 52800582)",
        ("targets_unscaled",),
        fourth_power,
        30,
    ),
    Patient(
        "is a number above 50000, tanh 8 and 5",
        "The accuracy stays at a half whatever I try (geeksmental: Why does accuracy remain the same)",
        ("input_unscaled", "saturated_units"),
        threshold,
    ),
    Patient(
        "one-hot categories beside days 0..3000, survival",
        "predict gives the same number for all patients (keras #6447)",
        ("columns_unscaled", "input_unscaled", "saturated_units", "silent_output"),
        clinic,
    ),
    Patient(
        "five ratios and the traded volume, tanh",
        "A flat line whatever the day, since volume is a column (brain.js #528)",
        ("columns_unscaled", "input_unscaled", "saturated_units"),
        traded_volume,
    ),
    Patient(
        "marks 0..50 behind a sigmoid, four hours",
        "All students get the same mark, the highest it can say (TensorFlow: same prediction every time)",
        ("silent_output", "targets_unscaled"),
        marks,
        100,
    ),
    Patient(
        "34 columns, relu in all layers, log returns",
        "It predicts all 0, with some seeds less so (keras #5173)",
        ("relu_output", "silent_output"),
        log_returns,
    ),
    Patient(
        "five findings, -1 where the doctor wrote nothing",
        "It answers below 0 for all of them (CheXpert-Keras #1)",
        ("placeholder_labels",),
        findings,
        25,
    ),
    Patient(
        "flux tower, -9999 in a quarter of the hours",
        "The error is in the thousands and the fluxes are between -5 and 13",
        ("placeholder_labels", "targets_unscaled", "targets_off_centre"),
        tower,
    ),
    Patient(
        "year of a song around 1995",
        "Loss falls for ever, answers are the same year or none",
        ("targets_off_centre", "targets_unscaled"),
        song_year,
    ),
    Patient(
        "twelve columns of one row, repeated by the join",
        "Always the mean, to all digits",
        ("constant_input", "misaligned_rows"),
        frozen_column,
    ),
    Patient(
        "merged on a key that never matches",
        "The loss is 0 from the first epoch and nothing is learnt",
        ("unlabelled",),
        wrong_key,
    ),
    Patient(
        "damage in one row of a hundred, 40 columns",
        "It converges to all zeros, a very low loss already (cell_counting_v2 #9)",
        ("sparse_targets",),
        rare_damage,
        30,
    ),
]
