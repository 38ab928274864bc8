"""Small pictures: where a blob is, how long a bar is; and classes of pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import nnscratch as nn
from patients.patient import Healthy, Patient, Training


def blobs(seed: int, rows: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows, size, size, 1) pictures 0..1 of one light blob, and its place, -1..1."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(-0.5, 0.5, (rows, 2))
    at = np.linspace(-1, 1, size)
    away = np.square(at - place[:, :1])[:, np.newaxis, :] + np.square(at - place[:, 1:])[:, :, np.newaxis]
    pictures = np.exp(-away / 0.05) + rng.normal(0, 0.03, away.shape)
    return pictures.astype(np.float32)[..., np.newaxis], (2 * place).astype(np.float32)


def blob_place(seed: int, fault: str) -> Training:
    """16 x 16 pictures, two convolutions, two hidden layers."""
    x, y = blobs(seed, 400, 16)
    rng = np.random.default_rng(seed + 100)
    last: list[nn.Layer] = [nn.Dense(128, 32, weight_init="he_normal", rng=rng), nn.ReLU(), nn.Dense(32, 2, rng=rng)]
    pool: nn.Layer = nn.MaxPool2D(2)
    bias = "constant(0)"
    if fault == "black":
        x = x * np.float32(0)
    elif fault == "dead":
        bias = "constant(-3)"
    elif fault == "pooled away":
        pool = nn.AveragePool2D(8)
        last[0] = nn.Dense(8, 32, weight_init="he_normal", rng=rng)
    elif fault == "shuffled pictures":
        x = rng.permutation(x)
    model = nn.Sequential(
        nn.Conv2D(1, 8, 3, padding=1, weight_init="he_normal", bias_init=bias, rng=rng),
        nn.ReLU(),
        nn.MaxPool2D(2),
        nn.Conv2D(8, 8, 3, padding=1, weight_init="he_normal", bias_init=bias, rng=rng),
        nn.ReLU(),
        pool,
        nn.Flatten(),
        *last,
    )
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.002))


def blob_place_sgd(seed: int, fault: str) -> Training:
    """12 x 12 pictures as rows of 144 numbers, SGD."""
    x, y = blobs(seed, 500, 12)
    x = x.reshape(500, 144)
    if fault == "bytes":
        x = np.round(np.clip(x, 0, 1) * 255)
    rng = np.random.default_rng(seed + 100)
    layers: list[nn.Layer] = [nn.Dense(144, 30, weight_init="he_normal", rng=rng), nn.ReLU()]
    if fault == "dead":
        layers[0] = nn.Dense(144, 30, bias_init="constant(-9)", rng=rng)
    model = nn.Sequential(*layers, nn.Dense(30, 2, rng=rng))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.1, momentum=0.9), 50)


def rare_spots(seed: int, fault: str) -> Training:
    """10 x 10 pictures; how bright a spot in the middle is, where there is one: in 2 of 100."""
    rng = np.random.default_rng(seed)
    rows = 1000
    there = rng.random(rows) < (0.01 if fault else 0.6)
    bright = np.where(there, rng.uniform(0.5, 1, rows), 0)
    x = rng.normal(0, 0.3, (rows, 10, 10))
    x[:, 4:6, 4:6] += bright[:, np.newaxis, np.newaxis]
    rng = np.random.default_rng(seed + 100)
    model = nn.Sequential(nn.Flatten(), nn.Dense(100, 16, rng=rng), nn.Tanh(), nn.Dense(16, 1, rng=rng))
    y = bright.astype(np.float32)[:, np.newaxis]
    return Training(model, x.astype(np.float32), y, nn.MSELoss(), nn.SGD(model, lr=0.05), 50)


def bars(seed: int, rows: int = 400, size: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Upright, level and crossed bars at any place, with noise; kinds 0, 1, 2."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, rows)
    x = rng.normal(0, 0.2, (rows, size, size, 1))
    for picture, k in zip(x, kind, strict=True):
        if k != 1:
            picture[:, rng.integers(0, size)] += 1
        if k != 0:
            picture[rng.integers(0, size)] += 1
    return x.astype(np.float32), kind


def bar_kinds(seed: int) -> Training:
    """Softmax over the three kinds."""
    x, kind = bars(seed)
    rng = np.random.default_rng(seed + 100)
    model = nn.Sequential(
        nn.Conv2D(1, 6, 5, weight_init="he_normal", rng=rng),
        nn.LeakyReLU(),
        nn.MaxPool2D(4),
        nn.Flatten(),
        nn.Dropout(0.2, rng=rng),
        nn.Dense(24, 3, rng=rng),
    )
    return Training(model, x, kind, nn.SoftmaxCrossEntropy(), nn.Adam(model, lr=0.005))


def bar_length(seed: int) -> Training:
    """8 x 8 pictures under any light: the length of a bar, contrast normalised first."""
    rng = np.random.default_rng(seed)
    length = rng.integers(1, 8, 300)
    x = np.zeros((300, 8, 8, 1))
    for picture, long in zip(x, length, strict=True):
        start = rng.integers(0, 9 - long)
        picture[rng.integers(0, 8), start : start + long] = 1
    x = x * rng.uniform(0.3, 1, (300, 1, 1, 1)) + rng.uniform(0, 0.5, (300, 1, 1, 1)) + rng.normal(0, 0.01, x.shape)
    y = ((length - 4) / 2).astype(np.float32)[:, np.newaxis]
    rng = np.random.default_rng(seed + 100)
    model = nn.Sequential(
        nn.ContrastNormalization(spread=1.0),
        nn.Conv2D(1, 4, 3, weight_init="he_normal", rng=rng),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dense(144, 16, weight_init="he_normal", rng=rng),
        nn.ReLU(),
        nn.Dense(16, 1, rng=rng),
    )
    return Training(model, x.astype(np.float32), y, nn.MSELoss(), nn.SGD(model, lr=0.01, momentum=0.9), 30)


def of(make: Callable[[int, str], Training], fault: str) -> Callable[[int, bool], Training]:
    """The training with the fault, and without it when cured."""
    return lambda seed, cured: make(seed, "" if cured else fault)


PATIENTS: list[Patient] = [
    Patient("black pictures", "One place for all pictures.", ("constant_input",), of(blob_place, "black"), 15),
    Patient("biases of -3, convolutions", "The middle, always.", ("dead_units",), of(blob_place, "dead"), 15),
    Patient(
        "pooled over the whole picture",
        "Knows that there is a blob, not where.",
        ("pooled_away",),
        of(blob_place, "pooled away"),
        15,
    ),
    Patient(
        "pictures shuffled, labels not",
        "The loss is the variance of the places.",
        ("misaligned_rows",),
        of(blob_place, "shuffled pictures"),
        6,
    ),
    Patient("pixels 0 to 255, SGD", "Loss nan, or it stays.", ("input_unscaled",), of(blob_place_sgd, "bytes"), 40),
    Patient("biases of -9, rows of pixels", "0 for all.", ("dead_units",), of(blob_place_sgd, "dead"), 40),
    Patient("spots in 1 picture of 100", "It always says no spot.", ("sparse_targets",), of(rare_spots, "rare"), 40),
]

HEALTHY: list[Healthy] = [
    Healthy("place of a blob, two convolutions", lambda seed: blob_place(seed, ""), 25),
    Healthy("place of a blob, rows of pixels", lambda seed: blob_place_sgd(seed, ""), 40),
    Healthy("kinds of bars, softmax", bar_kinds, 25),
    Healthy("length of a bar, contrast normalised", bar_length, 30),
]
