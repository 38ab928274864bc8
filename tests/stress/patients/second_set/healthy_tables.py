"""Tables, series and curves that are learnt as well as they can be."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from patients.patient import Healthy, Training
from patients.second_set import dense_layers


def _adam(x: np.ndarray, y: np.ndarray, layers: list[nn.Layer], lr: float, decay: float = 0.0) -> Training:
    model = nn.Sequential(*layers)
    optimizer = nn.Adam(model, lr=lr, weight_decay=decay)
    return Training(model, x.astype(np.float32), y.astype(np.float32), nn.MSELoss(), optimizer)


def _sgd(x: np.ndarray, y: np.ndarray, layers: list[nn.Layer], lr: float, decay: float = 0.0) -> Training:
    model = nn.Sequential(*layers)
    optimizer = nn.SGD(model, lr=lr, momentum=0.9, weight_decay=decay)
    return Training(model, x.astype(np.float32), y.astype(np.float32), nn.MSELoss(), optimizer)


def flats(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (900, 9))
    y = np.tanh(x[:, [0]]) + 0.5 * x[:, [1]] * x[:, [2]] - 0.3 * x[:, [3]] + rng.normal(0, 0.2, (900, 1))
    return _adam(x, y, dense_layers([9, 32, 32, 1], seed), 0.003)


def power_load(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    hour = np.arange(1500)
    load = np.sin(hour * 2 * np.pi / 24) + 0.4 * np.sin(hour * 2 * np.pi / 168) + rng.normal(0, 0.1, 1500)
    x = np.lib.stride_tricks.sliding_window_view(load, 24)[:-1]
    return _sgd(x, load[24:, np.newaxis], dense_layers([24, 24, 1], seed), 0.01)


def rising_trend(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    day = np.arange(400) / 400
    x = np.stack([2 * day - 1, np.sin(40 * day), np.cos(40 * day)], axis=1)
    y = 2 * day + 0.5 * np.sin(40 * day) + rng.normal(0, 0.1, 400)
    layers = dense_layers([3, 16, 1], seed, nn.Tanh, "glorot_uniform")
    return _adam(x, y[:, np.newaxis], layers, 0.01)


def curve(seed: int) -> Training:
    x = np.linspace(-1, 1, 200)[:, np.newaxis]
    y = np.sin(4 * x + seed) + 0.3 * x
    layers = dense_layers([1, 32, 32, 1], seed, nn.Tanh, "glorot_normal")
    return _adam(x, y, layers, 0.01)


def parabola(seed: int) -> Training:
    x = np.linspace(0, 2, 120)[:, np.newaxis]
    return _sgd(x, x**2 - 1, dense_layers([1, 24, 1], seed), 0.01)


def few_rows(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (40, 4))
    y = x[:, [0]] - 0.5 * x[:, [1]] + 0.3 * np.abs(x[:, [2]]) + rng.normal(0, 0.1, (40, 1))
    return _adam(x, y, dense_layers([4, 12, 1], seed), 0.01)


def noisy(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (2000, 6))
    y = 0.65 * (np.tanh(x[:, [0]]) + 0.7 * x[:, [1]]) + rng.normal(0, 1, (2000, 1))
    return _adam(x, y, dense_layers([6, 16, 1], seed), 0.002)


def missing_labels(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (700, 8))
    y = np.tanh(x @ rng.normal(0, 0.5, (8, 5)))
    y[rng.random(y.shape) < 0.4] = np.nan
    return _adam(x, y, dense_layers([8, 32, 5], seed, nn.LeakyReLU), 0.01)


def easy_and_hard(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (800, 5))
    easy = x[:, 0] - x[:, 1]
    middle = np.sin(2 * x[:, 2]) + rng.normal(0, 0.3, 800)
    hard = 0.6 * x[:, 3] * x[:, 4] + rng.normal(0, 0.6, 800)
    return _adam(x, np.stack([easy, middle, hard], axis=1), dense_layers([5, 48, 3], seed), 0.005)


def off_centre(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, (500, 6))
    y = 2.5 + x[:, [0]] - 2 * x[:, [1]] * x[:, [2]] + np.sin(5 * x[:, [3]])
    return _adam(x, y, dense_layers([6, 32, 1], seed), 0.01)


def one_in_ten(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (1500, 7))
    score = x[:, [0]] + x[:, [1]] - 0.5 * x[:, [2]]
    return _adam(x, score > np.quantile(score, 0.9), dense_layers([7, 24, 1], seed), 0.005)


def scales_apart(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (600, 6)) * [0.3, 0.5, 1, 1, 2, 4]
    y = x[:, [0]] * 2 + np.tanh(x[:, [2]]) + 0.2 * np.abs(x[:, [5]])
    return _sgd(x, y, dense_layers([6, 32, 1], seed), 0.005, 1e-3)


def bag_of_words(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.poisson(0.08, (800, 200))
    y = np.tanh(x @ rng.normal(0, 0.6, (200, 1))) + rng.normal(0, 0.1, (800, 1))
    return _adam(x, y, dense_layers([200, 16, 1], seed), 0.005, 0.01)


def deep_tanh(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.7, 1.7, (500, 4))
    y = np.cos(2 * x[:, [0]]) + x[:, [1]] * x[:, [2]]
    return _sgd(x, y, dense_layers([4, *[24] * 6, 1], seed, nn.Tanh, "glorot_normal"), 0.03)


def some_dropout(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (1000, 12))
    y = np.tanh(x @ rng.normal(0, 0.4, (12, 2)))
    layers = dense_layers([12, 64, 64, 2], seed)
    layers.insert(4, nn.Dropout(0.2, rng=seed))
    return _adam(x, y, layers, 0.003)


def linear(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (100, 3))
    y = x @ rng.normal(0, 1, (3, 1)) + 0.5 + rng.normal(0, 0.2, (100, 1))
    return _sgd(x, y, [nn.Dense(3, 1, rng=seed)], 0.01)


def probability(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (800, 5))
    y = 1 / (1 + np.exp(-2 * x[:, [0]] - x[:, [1]] * x[:, [2]]))
    return _adam(x, y, [*dense_layers([5, 24, 1], seed, nn.Tanh, "glorot_uniform"), nn.Sigmoid()], 0.01)


HEALTHY = [
    Healthy("rents of flats, some noise", flats, 40),
    Healthy("power load of the next hour, in time order", power_load, 30),
    Healthy("a rising trend with a season, in time order", rising_trend),
    Healthy("a sine on np.linspace", curve, 150),
    Healthy("a parabola on np.linspace, SGD", parabola, 100),
    Healthy("40 rows", few_rows, 100),
    Healthy("labels of which a third can be known", noisy, 30),
    Healthy("five outputs, 40 % of the labels missing", missing_labels),
    Healthy("an easy, a noisy and a hard output", easy_and_hard),
    Healthy("labels a little off centre", off_centre, 80),
    Healthy("labels 0 and 1, one in ten is 1", one_in_ten, 40),
    Healthy("columns of 0.3 to 4, mild decay", scales_apart, 60),
    Healthy("bag of 200 words, mild decay", bag_of_words, 40),
    Healthy("seven tanh layers, SGD", deep_tanh, 80),
    Healthy("dropout of 0.2", some_dropout, 40),
    Healthy("linear regression, 100 rows", linear),
    Healthy("probabilities behind a sigmoid", probability, 60),
]
