"""Steps and shapes that look too small, too large or too few, and learn."""

from __future__ import annotations

import numpy as np

import nnscratch as nn

from ..patient import Healthy, Training
from .depth import circles
from .tables import dense, table


def slow_but_sure(seed: int) -> Training:
    x, y = table(seed, 1500, 10)
    model = nn.Sequential(*dense([10, 64, 32, 1], seed))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.0002))


def plateau(seed: int) -> Training:
    x, y = circles(seed)
    model = nn.Sequential(*dense([2, 16, 16, 1], seed, nn.Tanh, "normal(0.2)"))
    return Training(model, x, 2 * y - 1, nn.MSELoss(), nn.SGD(model, lr=0.04, momentum=0.5))


def large_batch(seed: int) -> Training:
    x, y = table(seed, 1000, 16)
    model = nn.Sequential(*dense([16, 48, 1], seed))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.01), 250)


def single_rows(seed: int) -> Training:
    x, y = table(seed, 80, 5)
    model = nn.Sequential(*dense([5, 12, 1], seed))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.02), 1)


def deep_tanh(seed: int) -> Training:
    x, y = table(seed, 500, 12)
    model = nn.Sequential(*dense([12, 24, 24, 24, 24, 24, 1], seed, nn.Tanh))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.002))


def three_units(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(400, 15)).astype(np.float32)
    y = np.tanh(x @ rng.normal(size=(15, 3)).astype(np.float32) / 3) @ rng.normal(size=(3, 6)).astype(np.float32)
    model = nn.Sequential(*dense([15, 3, 6], seed, nn.Tanh))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.01))


def two_linear_layers(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(500, 30)).astype(np.float32)
    y = x @ rng.normal(size=(30, 2)).astype(np.float32) @ rng.normal(size=(2, 10)).astype(np.float32) / 6
    model = nn.Sequential(nn.Dense(30, 4, rng=seed), nn.Dense(4, 10, rng=seed + 1))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.01))


def outliers(seed: int) -> Training:
    x, y = table(seed, 900, 8)
    x = x.copy()
    x[::60, 2] *= 4
    model = nn.Sequential(*dense([8, 32, 16, 1], seed, nn.LeakyReLU))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.005))


HEALTHY: list[Healthy] = [
    Healthy("Adam at 0.0002, steadily down", slow_but_sure),
    Healthy("a plateau of some epochs, then two circles", plateau),
    Healthy("four steps an epoch", large_batch, 100),
    Healthy("batches of one row", single_rows),
    Healthy("five layers of tanh", deep_tanh),
    Healthy("three units for six outputs of three causes", three_units),
    Healthy("two linear layers for a task of rank 2", two_linear_layers),
    Healthy("one row of 60 with a wild column", outliers),
]
