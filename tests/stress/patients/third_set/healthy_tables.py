"""Tables that are learnt, though something about them looks ill."""

from __future__ import annotations

import numpy as np

import nnscratch as nn

from ..patient import Healthy, Training
from .tables import dense, table


def float32(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(array.astype(np.float32) for array in arrays)


def rain(seed: int) -> Training:
    x, y = table(seed, 800, 10)
    model = nn.Sequential(*dense([10, 48, 24, 1], seed))
    return Training(model, x, np.maximum(y, 0), nn.MSELoss(), nn.Adam(model, lr=0.003))


def counts(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(900, 6))
    x, y = float32(x, rng.poisson(np.exp(0.8 * x[:, :1] + 0.4 * x[:, 1:2])))
    model = nn.Sequential(*dense([6, 32, 16, 1], seed))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.003))


def skewed(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1000, 8))
    x, y = float32(x, np.exp(0.7 * x[:, :1] - 0.5 * np.abs(x[:, 1:2])))
    model = nn.Sequential(*dense([8, 40, 20, 1], seed, nn.LeakyReLU))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.003))


def linear(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = float32(x := rng.normal(size=(300, 20)), x @ rng.normal(size=(20, 3)) / 4 + 0.2 * rng.normal(size=(300, 3)))
    model = nn.Sequential(nn.Dense(20, 3, rng=seed))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.05, momentum=0.9))


def positive(seed: int) -> Training:
    x, y = table(seed, 600, 9)
    model = nn.Sequential(*dense([9, 40, 20, 1], seed), nn.ReLU())
    model.layers[-2].params["bias"][:] = 1
    return Training(model, x, np.log1p(np.exp(y)) + 0.1, nn.MSELoss(), nn.Adam(model, lr=0.003))


def yes_or_no(seed: int) -> Training:
    x, y = table(seed, 700, 12)
    model = nn.Sequential(*dense([12, 32, 1], seed), nn.Sigmoid())
    return Training(model, x, (y > 0.3).astype(np.float32), nn.MSELoss(), nn.Adam(model, lr=0.01))


def nearly_scaled(seed: int) -> Training:
    x, y = table(seed, 600, 8)
    model = nn.Sequential(*dense([8, 40, 20, 1], seed))
    return Training(model, 2 + 3 * x, y, nn.MSELoss(), nn.Adam(model, lr=0.003))


def noisy(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2000, 5))
    x, y = float32(x, 0.5 * x[:, :1] + rng.normal(size=(2000, 1)))
    model = nn.Sequential(*dense([5, 16, 1], seed))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.002))


def grades(seed: int) -> Training:
    x, y = table(seed, 500, 11)
    model = nn.Sequential(*dense([11, 40, 1], seed, nn.Tanh))
    return Training(model, x, np.clip(np.round(3 + y), 1, 5), nn.MSELoss(), nn.Adam(model, lr=0.01))


def many_columns(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = float32(x := rng.normal(size=(400, 100)), x[:, :10].sum(axis=1, keepdims=True) / 3)
    model = nn.Sequential(*dense([100, 64, 1], seed))
    optimizer = nn.Adam(model, lr=0.002, weight_decay=1.0)
    return Training(model, x, y, nn.MSELoss(), optimizer)


def few_rows(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = float32(x := rng.uniform(-1, 1, (60, 2)), x[:, :1] - x[:, 1:] ** 2 + 0.1 * rng.normal(size=(60, 1)))
    model = nn.Sequential(*dense([2, 5, 1], seed, nn.Tanh))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.02), 10)


def flags(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    kind, size = rng.integers(0, 6, 700), rng.normal(size=(700, 2))
    x, y = float32(np.hstack([np.eye(6)[kind], size]), (kind % 3 - 1)[:, np.newaxis] + 0.5 * size[:, :1])
    model = nn.Sequential(*dense([8, 24, 1], seed))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.005))


def missing(seed: int) -> Training:
    x, y = table(seed, 800, 8)
    y = np.hstack([y, 0.7 * y + 0.5 * x[:, 5:6]])
    y[np.random.default_rng(seed).uniform(size=y.shape) < 0.4] = np.nan
    model = nn.Sequential(*dense([8, 32, 2], seed))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.005))


HEALTHY: list[Healthy] = [
    Healthy("rain, half of the targets 0", rain),
    Healthy("counts, Poisson", counts),
    Healthy("skewed targets, exp", skewed),
    Healthy("linear network, linear task", linear),
    Healthy("relu behind the output, positive targets", positive),
    Healthy("sigmoid behind the output, 0 and 1", yes_or_no),
    Healthy("columns of mean 2 and spread 3", nearly_scaled),
    Healthy("noise, a fifth can be explained", noisy, 30),
    Healthy("grades 1 to 5", grades),
    Healthy("100 columns, ten count, weight decay 1", many_columns),
    Healthy("60 rows, five units", few_rows, 200),
    Healthy("one-hot columns beside two numbers", flags),
    Healthy("two of five labels missing", missing),
]
