"""Tables that are learnt as they should be: noisy, short, wide, with gaps, with classes."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from patients.first_set.tables import cars, clinic, house_prices
from patients.patient import Healthy, Training


def flowers(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """4 columns of 450 flowers of 3 kinds, the kinds in turn."""
    rng = np.random.default_rng(seed)
    kind = np.arange(450) % 3
    return (rng.normal(0, 1.6, (3, 4))[kind] + rng.normal(0, 0.7, (450, 4))).astype(np.float32), kind


def flower_kinds(seed: int, one_hot: bool) -> Training:
    """Softmax over the kinds, or squared error of one-hot rows."""
    x, kind = flowers(seed)
    rng = np.random.default_rng(seed + 100)
    model = nn.Sequential(nn.Dense(4, 20, weight_init="he_normal", rng=rng), nn.ReLU(), nn.Dense(20, 3, rng=rng))
    if one_hot:
        y = np.eye(3, dtype=np.float32)[kind]
        return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.1, momentum=0.9), 30)
    return Training(model, x, kind, nn.SoftmaxCrossEntropy(), nn.SGD(model, lr=0.1), 30)


def noisy(seed: int) -> Training:
    """2000 rows whose noise is larger than what can be learnt: R² of 0.4 is the best."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (2000, 10)).astype(np.float32)
    known = np.tanh(x[:, 0] + x[:, 1]) + 0.5 * x[:, 2]
    y = (known / known.std() + rng.normal(0, 1.2, 2000)).astype(np.float32)[:, np.newaxis]
    rng = np.random.default_rng(seed + 100)
    model = nn.Sequential(nn.Dense(10, 12, rng=rng), nn.Tanh(), nn.Dense(12, 1, rng=rng))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.02, momentum=0.5), 100)


def few_rows(seed: int) -> Training:
    """60 rows of 3 columns, the whole table in every step."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (60, 3)).astype(np.float32)
    y = (x @ np.float32([[1], [-0.5], [0.3]]) + 0.3 * np.square(x[:, :1]) - 0.3).astype(np.float32)
    rng = np.random.default_rng(seed + 100)
    model = nn.Sequential(nn.Dense(3, 10, rng=rng), nn.Tanh(), nn.Dense(10, 1, rng=rng))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.01), 60)


def with_dropout(seed: int) -> Training:
    """1500 rows of 30 columns, a wide hidden layer with dropout 0.2 and mild decay."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.7, 1.7, (1500, 30)).astype(np.float32)
    y = x[:, :1] - 0.7 * x[:, 1:2] + np.square(x[:, 2:3]) - 1 + rng.normal(0, 0.2, (1500, 1))
    rng = np.random.default_rng(seed + 100)
    model = nn.Sequential(
        nn.Dense(30, 128, weight_init="he_normal", rng=rng),
        nn.ReLU(),
        nn.Dropout(0.2, rng=rng),
        nn.Dense(128, 1, rng=rng),
    )
    optimizer = nn.SGD(model, lr=0.01, momentum=0.9, weight_decay=1e-4)
    return Training(model, x, y.astype(np.float32), nn.MSELoss(), optimizer, 100)


def shares(seed: int) -> Training:
    """Shares between 0 and 1, a Sigmoid behind the output that can reach them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (500, 5)).astype(np.float32)
    y = (1 / (1 + np.exp(-2 * x[:, :1] + x[:, 1:2] * x[:, 2:3]))).astype(np.float32)
    rng = np.random.default_rng(seed + 100)
    layers = nn.Dense(5, 30, rng=rng), nn.Tanh(), nn.Dense(30, 1, rng=rng), nn.Sigmoid()
    model = nn.Sequential(*layers)
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.005), 50)


def linear_table(seed: int) -> Training:
    """A narrow network without hidden layers for a table that is linear, with counts from 0 up."""
    rng = np.random.default_rng(seed)
    x = rng.poisson(2, (800, 6)).astype(np.float32)
    y = (x @ rng.normal(0, 0.5, (6, 2)) + rng.normal(0, 0.3, (800, 2))).astype(np.float32)
    model = nn.Sequential(nn.Dense(6, 2, rng=seed + 100))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.02, momentum=0.5), 50)


HEALTHY: list[Healthy] = [
    Healthy("house prices, Adam", lambda seed: house_prices(seed, "")),
    Healthy("cars, SGD with momentum", lambda seed: cars(seed, ""), 100),
    Healthy("clinic, a fifth of the labels missing", lambda seed: clinic(seed, ""), 60),
    Healthy("kinds of flowers, softmax", lambda seed: flower_kinds(seed, False), 40),
    Healthy("kinds of flowers, one-hot", lambda seed: flower_kinds(seed, True), 40),
    Healthy("noise larger than what is known", noisy, 30),
    Healthy("60 rows, all in one step", few_rows, 300),
    Healthy("dropout 0.2, wide layer, mild decay", with_dropout, 40),
    Healthy("shares, sigmoid at the end", shares, 100),
    Healthy("linear, counts, two outputs", linear_table, 40),
]
