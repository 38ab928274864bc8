"""Networks whose layers cannot pass on, or cannot form, what the task needs."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from patients.patient import Patient, Training
from patients.second_set import blobs, dense_layers


def _trained(x: np.ndarray, y: np.ndarray, layers: list[nn.Layer], lr: float = 0.01) -> Training:
    model = nn.Sequential(*layers)
    return Training(model, x.astype(np.float32), y.astype(np.float32), nn.MSELoss(), nn.Adam(model, lr=lr))


def linear_tower(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, (500, 4))
    y = np.abs(x[:, [0]]) + x[:, [1]] * x[:, [2]]
    layers = dense_layers([4, 32, 32, 1], seed)
    return _trained(x, y, layers if cured else [layer for layer in layers if layer.params])


def exclusive_or(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (200, 3))
    y = bits.sum(axis=1, keepdims=True) % 2
    layers = dense_layers([3, 16, 1], seed, nn.Tanh, "glorot_uniform")
    return _trained(2 * bits - 1, 2 * y - 1, layers if cured else layers[::2], 0.02)


def linear_cnn(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    pictures, _ = blobs(rng, 400, 10)
    sign = rng.choice([-1, 1], 400).reshape(-1, 1, 1, 1)
    pictures = pictures * sign * rng.uniform(0.5, 1.5, sign.shape)
    y = np.abs(pictures).max(axis=(1, 2))
    conv = nn.Conv2D(1, 6, 3, weight_init="he_normal", rng=seed)
    layers = [conv, nn.ReLU(), nn.AveragePool2D(2), nn.Flatten(), nn.Dense(96, 1, rng=seed)]
    return _trained(pictures, y, layers if cured else [conv, *layers[2:]], 0.005)


def one_unit(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    codes = rng.normal(0, 1, (600, 6))
    x = np.tanh(codes @ rng.normal(0, 0.5, (6, 24)))
    layers = dense_layers([24, 16, 8 if cured else 1, 16, 24], seed, nn.Tanh, "glorot_uniform")
    return _trained(x, x, layers, 0.005)


def two_units(seed: int, cured: bool) -> Training:
    x = np.linspace(-1, 1, 300)[:, np.newaxis]
    y = np.sin(9 * x + seed)
    hidden = 40 if cured else 2
    return _trained(x, y, dense_layers([1, hidden, hidden, 1], seed, nn.Tanh, "normal(1.0)"), 0.02)


def three_of_fifty(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (1000, 50))
    y = np.tanh(x @ rng.normal(0, 0.2, (50, 12)))
    return _trained(x, y, dense_layers([50, 32 if cured else 2, 12], seed, nn.LeakyReLU), 0.005)


def global_average(seed: int, cured: bool) -> Training:
    pictures, places = blobs(np.random.default_rng(seed), 300, 14, 1, 4)
    conv = nn.Conv2D(1, 6, 3, weight_init="he_normal", rng=seed)
    pool = nn.AveragePool2D(3 if cured else 12)
    features = 6 * (16 if cured else 1)
    layers = [conv, nn.ReLU(), pool, nn.Flatten(), *dense_layers([features, 16, 2], seed)]
    return _trained(pictures, places / 7 - 1, layers, 0.005)


def global_maximum(seed: int, cured: bool) -> Training:
    pictures, places = blobs(np.random.default_rng(seed), 300, 16, 1.2, 5)
    conv = nn.Conv2D(1, 4, 5, weight_init="he_normal", rng=seed)
    pool = nn.MaxPool2D(4 if cured else 12)
    features = 4 * (9 if cured else 1)
    layers = [conv, nn.LeakyReLU(), pool, nn.Flatten(), *dense_layers([features, 24, 2], seed)]
    return _trained(pictures, places[:, :1] * [[1, -1]] / 8, layers, 0.005)


def wide_stride(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    row, column = rng.integers(0, 16, (2, 500))
    pictures = np.zeros((500, 16, 16, 1))
    pictures[np.arange(500), row, column] = 1
    y = np.stack([row, column], axis=1) / 8 - 1
    conv = nn.Conv2D(1, 8, 2, stride=2 if cured else 6, weight_init="he_normal", rng=seed)
    features = 8 * (64 if cured else 9)
    return _trained(pictures, y, [conv, nn.ReLU(), nn.Flatten(), *dense_layers([features, 16, 2], seed)], 0.005)


def nineteen_of_twenty(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (400, 8))
    y = np.sin(x[:, [0]]) * 2 + x[:, [1]] * x[:, [2]]
    layers = dense_layers([8, 32, 32, 1], seed)
    for place in (4, 2):
        layers.insert(place, nn.Dropout(0.05 if cured else 0.95, rng=seed + place))
    return _trained(x, y, layers, 0.005)


def inputs_dropped(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (500, 5))
    y = np.tanh(x[:, [0]] - x[:, [1]]) + np.abs(x[:, [2]]) - 0.8
    dropout = nn.Dropout(0.02 if cured else 0.8, rng=seed)
    return _trained(x, y, [dropout, *dense_layers([5, 32, 1], seed)], 0.01)


PATIENTS = [
    Patient(
        "three Dense layers and no activation",
        "However many layers I add, the result is that of linear regression.",
        ("no_nonlinearity",),
        linear_tower,
        40,
    ),
    Patient(
        "parity of three bits without activation",
        "All outputs of my XOR network go to the middle.",
        ("no_nonlinearity",),
        exclusive_or,
    ),
    Patient(
        "convolution without activation, contrast of a blob",
        "The CNN predicts the mean contrast for bright and dark blobs.",
        ("no_nonlinearity",),
        linear_cnn,
        25,
    ),
    Patient(
        "autoencoder with a code of one unit",
        "All reconstructions look nearly the same.",
        ("too_small",),
        one_unit,
        30,
    ),
    Patient(
        "two hidden units for three waves",
        "It fits one slope of the sine and is flat elsewhere.",
        ("too_small",),
        two_units,
        100,
    ),
    Patient(
        "two units between 50 inputs and 12 outputs",
        "A linear regression beats the network by far.",
        ("too_small",),
        three_of_fifty,
        30,
    ),
    Patient(
        "average over the whole picture, place of a blob",
        "It answers the centre of the picture for every blob.",
        ("pooled_away",),
        global_average,
        25,
    ),
    Patient(
        "maximum over the whole picture, column of a blob",
        "Classification with this network worked; places do not.",
        ("pooled_away",),
        global_maximum,
        25,
    ),
    Patient(
        "stride of 6 with a kernel of 2, single pixels",
        "It knows some of the pictures; most others get the same answer.",
        ("pooled_away",),
        wide_stride,
        25,
    ),
    Patient(
        "dropout of 0.95 behind each hidden layer",
        "The loss never falls below the variance, with dropout against overfitting.",
        ("dropout_too_strong",),
        nineteen_of_twenty,
        40,
    ),
    Patient(
        "dropout of 0.8 on five inputs",
        "The predictions hardly differ from row to row.",
        ("dropout_too_strong",),
        inputs_dropped,
        40,
    ),
]
