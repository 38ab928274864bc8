"""Pictures, classes, windows and codes that are learnt, though something about them looks ill."""

from __future__ import annotations

import numpy as np

import nnscratch as nn

from ..patient import Healthy, Training
from . import own_code
from .classes import clusters, in_order
from .depth import circles
from .pictures import blobs, stripes
from .tables import dense, table
from .windows_and_codes import sensors, windows


def global_average(seed: int) -> Training:
    x, y = stripes(seed, 200, 12)
    rng = np.random.default_rng(seed)
    body = [nn.Conv2D(1, 12, 5, weight_init="he_normal", rng=rng), nn.ReLU(), nn.AveragePool2D(8), nn.Flatten()]
    model = nn.Sequential(*body, nn.Dense(12, 4, rng=rng))
    return Training(model, x - 0.5, y, nn.SoftmaxCrossEntropy(), nn.Adam(model, lr=0.01))


def mostly_background(seed: int) -> Training:
    x, place = blobs(seed, 250, 16)
    rng = np.random.default_rng(seed)
    convolutions = [nn.Conv2D(1, 6, 3, rng=rng), nn.ReLU(), nn.MaxPool2D(2)]
    model = nn.Sequential(*convolutions, nn.Flatten(), nn.Dense(294, 2, rng=rng))
    return Training(model, x, place, nn.MSELoss(), nn.Adam(model, lr=0.002))


def how_many(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 7, (200, 1))
    x = (rng.uniform(size=(200, 144)).argsort(axis=1) < y).reshape(200, 12, 12, 1).astype(np.float32)
    model = nn.Sequential(
        nn.Conv2D(1, 4, 3, rng=rng), nn.LeakyReLU(0.1), nn.AveragePool2D(10), nn.Flatten(), nn.Dense(4, 1, rng=rng)
    )
    return Training(model, x, y.astype(np.float32), nn.MSELoss(), nn.Adam(model, lr=0.02))


def rare_class(seed: int) -> Training:
    x, y = clusters(seed, 1200, 10, 8)
    y = np.where(y == 0, 1, 0)
    model = nn.Sequential(*dense([10, 32, 2], seed))
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), nn.Adam(model, lr=0.005))


def one_hot(seed: int) -> Training:
    x, y = clusters(seed, 600, 15, 6)
    model = nn.Sequential(*dense([15, 48, 6], seed))
    return Training(model, x, np.eye(6, dtype=np.float32)[y], nn.MSELoss(), nn.Adam(model, lr=0.005))


def half_dropped(seed: int) -> Training:
    x, y = clusters(seed, 800, 30, 4)
    layers = dense([30, 256, 128, 4], seed)
    layers = [*layers[:2], nn.Dropout(0.5, rng=seed), *layers[2:4], nn.Dropout(0.5, rng=seed + 1), layers[4]]
    model = nn.Sequential(*layers)
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), nn.Adam(model, lr=0.001))


def frozen_first(seed: int) -> Training:
    x, y = clusters(seed, 600, 20, 4)
    model = nn.Sequential(*dense([20, 128, 32, 4], seed))
    model.layers[0].frozen = True
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), nn.Adam(model, lr=0.002))


def rows_by_time(seed: int) -> Training:
    x, y = windows(seed, 700, 18)
    trend = np.linspace(-1, 1, 700, dtype=np.float32)[:, np.newaxis]
    model = nn.Sequential(*dense([18, 24, 1], seed, nn.Tanh))
    return Training(model, x + trend, y + trend, nn.MSELoss(), nn.SGD(model, lr=0.05, momentum=0.9))


def shuffled_before(seed: int) -> Training:
    x, y = clusters(seed, 600, 12, 3)
    model = nn.Sequential(*dense([12, 24, 3], seed))
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), nn.SGD(model, lr=0.05, momentum=0.9), loop=in_order)


def narrow_code(seed: int) -> Training:
    x = sensors(seed, 500)
    model = nn.Sequential(*dense([20, 24, 6, 24, 20], seed, nn.LeakyReLU))
    return Training(model, x, x, nn.MSELoss(), nn.Adam(model, lr=0.005))


def absolute(seed: int) -> Training:
    x, y = table(seed, 600, 8)
    loss = own_code.Formula(np.abs, np.sign)
    model = nn.Sequential(*dense([8, 32, 16, 1], seed))
    return Training(model, x, y, loss, nn.Adam(model, lr=0.003))


def own_logistic(seed: int) -> Training:
    x, y = circles(seed)
    model = nn.Sequential(*dense([2, 24, 1], seed), own_code.Logistic())
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.01))


HEALTHY: list[Healthy] = [
    Healthy("stripes, global average, 12x12", global_average, 40),
    Healthy("a small blob on 16x16 black pixels", mostly_background, 40),
    Healthy("how many dots, global average", how_many, 50),
    Healthy("one class of eight against the rest", rare_class),
    Healthy("one-hot labels with MSE", one_hot),
    Healthy("dropout 0.5 on 256 and 128 units", half_dropped, 30),
    Healthy("first layer frozen", frozen_first),
    Healthy("window of 18, rows in their order, a trend", rows_by_time, 40),
    Healthy("own loop without shuffling, mixed rows", shuffled_before, 40),
    Healthy("autoencoder 20-24-6, four causes", narrow_code),
    Healthy("own L1", absolute),
    Healthy("own logistic, two circles", own_logistic),
]
