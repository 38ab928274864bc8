"""Small pictures and autoencoders that are learnt."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from patients.patient import Healthy, Training
from patients.second_set import blobs, dense_layers


def _conv(c_in: int, c_out: int, seed: int) -> nn.Conv2D:
    return nn.Conv2D(c_in, c_out, 3, weight_init="he_normal", rng=seed)


def _adam(x: np.ndarray, y: np.ndarray, layers: list[nn.Layer], lr: float) -> Training:
    model = nn.Sequential(*layers)
    return Training(model, x.astype(np.float32), y.astype(np.float32), nn.MSELoss(), nn.Adam(model, lr=lr))


def place(seed: int) -> Training:
    pictures, places = blobs(np.random.default_rng(seed), 300, 12)
    layers = [_conv(1, 6, seed), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), *dense_layers([150, 24, 2], seed)]
    return _adam(pictures, places / 6 - 1, layers, 0.003)


def size(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    radius = rng.uniform(0.8, 3, 250)
    x = np.concatenate([blobs(rng, 1, 16, float(r), 4)[0] for r in radius])
    layers = [_conv(1, 4, seed), nn.LeakyReLU(), nn.AveragePool2D(2), nn.Flatten(), *dense_layers([196, 16, 1], seed)]
    return _adam(x, radius[:, np.newaxis] - 1.9, layers, 0.002)


def size_anywhere(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    radius = rng.uniform(0.8, 2.5, 250)
    x = np.concatenate([blobs(rng, 1, 14, float(r), 4)[0] for r in radius])
    layers = [_conv(1, 6, seed), nn.ReLU(), nn.AveragePool2D(12), nn.Flatten(), *dense_layers([6, 16, 1], seed)]
    return _adam(x, radius[:, np.newaxis] - 1.6, layers, 0.01)


def angle(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    turn = rng.uniform(0, np.pi, (400, 1, 1))
    down, across = np.meshgrid(np.arange(12) - 5.5, np.arange(12) - 5.5, indexing="ij")
    beside = across * np.sin(turn) - down * np.cos(turn)
    along = across * np.cos(turn) + down * np.sin(turn)
    x = np.exp(-np.square(beside) / 2 - np.square(along) / 30) + rng.normal(0, 0.05, (400, 12, 12))
    y = np.stack([np.cos(2 * turn.ravel()), np.sin(2 * turn.ravel())], axis=1)
    model = nn.Sequential(nn.Flatten(), *dense_layers([144, 32, 2], seed, nn.Tanh, "glorot_uniform"))
    optimizer = nn.SGD(model, lr=0.02, momentum=0.9)
    return Training(model, x.astype(np.float32), y.astype(np.float32), nn.MSELoss(), optimizer)


def shapes(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, 450)
    drawn = np.zeros((3, 8, 8))
    drawn[0, 2:6, 3:5] = drawn[1, 3:5, 2:6] = 1
    drawn[2][np.eye(8, dtype=bool)] = 1
    moved = [np.roll(drawn[k], tuple(rng.integers(-1, 2, 2)), (0, 1)) for k in kind]
    x = np.stack(moved)[..., np.newaxis] + rng.normal(0, 0.15, (450, 8, 8, 1))
    layers = [_conv(1, 6, seed), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), *dense_layers([54, 3], seed)]
    return _adam(x, np.eye(3)[kind], layers, 0.005)


def bright_field(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    dark, places = blobs(rng, 300, 24, 2.5, 4)
    x = 0.9 - 0.7 * dark + rng.normal(0, 0.03, dark.shape)
    conv = nn.Conv2D(1, 4, 4, stride=2, weight_init="he_normal", rng=seed)
    layers = [conv, nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), *dense_layers([100, 24, 2], seed)]
    return _adam(x, places / 12 - 1, layers, 0.003)


def bottleneck(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x = np.tanh(rng.normal(0, 1, (600, 4)) @ rng.normal(0, 0.5, (4, 24)))
    return _adam(x, x, dense_layers([24, 16, 4, 16, 24], seed, nn.Tanh, "glorot_uniform"), 0.005)


def picture_code(seed: int) -> Training:
    pictures, _ = blobs(np.random.default_rng(seed), 500, 8, 2, 0)
    flat = pictures.reshape(500, -1)
    return _adam(pictures, flat, [nn.Flatten(), *dense_layers([64, 32, 8, 32, 64], seed)], 0.003)


HEALTHY = [
    Healthy("place of a blob, CNN", place, 40),
    Healthy("size of a blob, LeakyReLU", size, 25),
    Healthy("size of a blob, average over the whole picture", size_anywhere, 35),
    Healthy("angle of a streak, tanh and SGD", angle, 40),
    Healthy("three shapes, one-hot labels", shapes, 30),
    Healthy("dark blob in a bright field, stride 2", bright_field, 25),
    Healthy("autoencoder with a code of four units", bottleneck, 60),
    Healthy("autoencoder of pictures", picture_code, 80),
]
