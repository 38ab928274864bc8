"""First weights and biases that no training recovers from."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from patients.patient import Patient, Training
from patients.second_set import blobs, dense_layers


def _rows(seed: int, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.7, 1.7, (rows, columns)).astype(np.float32)
    y = np.cos(2 * x[:, [0]]) + x[:, [1]] * x[:, [2]]
    return x, y.astype(np.float32)


def all_zero(seed: int, cured: bool) -> Training:
    x, y = _rows(seed, 400, 5)
    model = nn.Sequential(*dense_layers([5, 24, 1], seed, nn.Tanh, "glorot_uniform" if cured else "normal(0)"))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.02))


def all_equal(seed: int, cured: bool) -> Training:
    pictures, places = blobs(np.random.default_rng(seed), 300, 8)
    model = nn.Sequential(nn.Flatten(), *dense_layers([64, 24, 24, 2], seed, nn.Sigmoid, "glorot_uniform"))
    if not cured:
        for layer in model.layers[1::2]:
            layer.params["weight"][:] = 0.05
    y = (places / 4 - 1).astype(np.float32)
    return Training(model, pictures, y, nn.MSELoss(), nn.Adam(model, lr=0.02))


def hundredths(seed: int, cured: bool) -> Training:
    x, y = _rows(seed, 500, 6)
    weights = "he_normal" if cured else "normal(0.01)"
    model = nn.Sequential(*dense_layers([6, 20, 20, 20, 20, 1], seed, nn.ReLU, weights))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.02, momentum=0.9))


def thin_tanh(seed: int, cured: bool) -> Training:
    x, y = _rows(seed, 400, 4)
    weights = "glorot_uniform" if cured else "normal(0.02)"
    model = nn.Sequential(*dense_layers([4, *[24] * 6, 1], seed, nn.Tanh, weights))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.03, momentum=0.9))


def ones_wide(seed: int, cured: bool) -> Training:
    x, y = _rows(seed, 500, 6)
    weights = "he_normal" if cured else "normal(1)"
    model = nn.Sequential(*dense_layers([6, *[64] * 4, 1], seed, nn.LeakyReLU, weights))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.005, momentum=0.9))


def wide_adam(seed: int, cured: bool) -> Training:
    x, y = _rows(seed, 400, 6)
    weights = "he_normal" if cured else "normal(2)"
    model = nn.Sequential(*dense_layers([6, *[40] * 6, 1], seed, nn.ReLU, weights))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.002))


def chaotic_tanh(seed: int, cured: bool) -> Training:
    x, y = _rows(seed, 400, 5)
    weights = "glorot_normal" if cured else "normal(0.7)"
    model = nn.Sequential(*dense_layers([5, *[30] * 10, 1], seed, nn.Tanh, weights))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.02, momentum=0.9))


def sigmoid_tower(seed: int, cured: bool) -> Training:
    x, y = _rows(seed, 500, 5)
    activation = nn.Tanh if cured else nn.Sigmoid
    model = nn.Sequential(*dense_layers([5, *[20] * 6, 1], seed, activation, "glorot_normal"))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.03, momentum=0.9))


def biased_tanh(seed: int, cured: bool) -> Training:
    x, y = _rows(seed, 400, 4)
    bias = "constant(0)" if cured else "constant(15)"
    model = nn.Sequential(*dense_layers([4, 32, 1], seed, nn.Tanh, "glorot_uniform", bias))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.01))


def steep_tanh(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (1500, 12)).astype(np.float32)
    y = np.tanh(x @ rng.normal(0, 0.4, (12, 1))) + 0.3 * x[:, [0]]
    weights = "glorot_normal" if cured else "normal(15)"
    model = nn.Sequential(*dense_layers([12, 16, 16, 1], seed, nn.Tanh, weights))
    return Training(model, x, y.astype(np.float32), nn.MSELoss(), nn.Adam(model, lr=0.003))


def negative_biases(seed: int, cured: bool) -> Training:
    x, y = _rows(seed, 500, 5)
    bias = "constant(0.1)" if cured else "constant(-10)"
    model = nn.Sequential(*dense_layers([5, 32, 32, 1], seed, nn.ReLU, "he_normal", bias))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.005))


def dark_maps(seed: int, cured: bool) -> Training:
    pictures, places = blobs(np.random.default_rng(seed), 300, 12)
    conv = nn.Conv2D(1, 6, 3, weight_init="he_normal", bias_init=f"constant({0 if cured else -6})", rng=seed)
    model = nn.Sequential(conv, nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), *dense_layers([150, 24, 2], seed))
    y = (places / 6 - 1).astype(np.float32)
    return Training(model, pictures, y, nn.MSELoss(), nn.Adam(model, lr=0.003))


PATIENTS = [
    Patient(
        "all weights 0, tanh",
        "I initialised with np.zeros. Only the last bias changes.",
        ("identical_units",),
        all_zero,
    ),
    Patient(
        "all weights 0.05, sigmoid",
        "All hidden units show the same number, in every epoch.",
        ("identical_units",),
        all_equal,
    ),
    Patient(
        "weights of 0.01 in five layers",
        "A shallow net learns; with more layers it predicts one number.",
        ("vanishing_signal", "vanishing_gradient"),
        hundredths,
        40,
    ),
    Patient(
        "weights of 0.02 in seven tanh layers",
        "np.random.randn() * 0.02 as in the course; the loss does not move.",
        ("vanishing_signal", "vanishing_gradient"),
        thin_tanh,
        40,
    ),
    Patient(
        "weights of 1, 64 units wide",
        "NaN in the first epoch. With np.random.randn and a smaller network it worked.",
        ("exploding_signal", "exploding_gradient"),
        ones_wide,
        40,
    ),
    Patient(
        "weights of 2 in seven layers, Adam",
        "The loss begins at 1e12 and Adam needs forever to bring it down.",
        ("exploding_signal", "exploding_gradient"),
        wide_adam,
        40,
    ),
    Patient(
        "weights of 0.7 in eleven tanh layers",
        "Gradients of the first layers are in the hundreds, and the loss looks like noise.",
        ("exploding_gradient", "saturated_units"),
        chaotic_tanh,
        40,
    ),
    Patient(
        "seven sigmoid layers",
        "I wanted it deep. It gives the same number for all rows, and the first layers stay as they are.",
        ("vanishing_gradient", "vanishing_signal"),
        sigmoid_tower,
        40,
    ),
    Patient(
        "biases of 15 before tanh",
        "Hidden activations are all 1.000 and the prediction is the mean.",
        ("saturated_by_bias", "saturated_units"),
        biased_tanh,
        40,
    ),
    Patient(
        "weights of 15 before tanh",
        "The hidden values are only -1 and 1. Training hardly improves it.",
        ("saturated_units", "exploding_signal"),
        steep_tanh,
        20,
    ),
    Patient(
        "biases of -10 before ReLU",
        "I get one constant for everything; the weights' gradients are exactly 0.",
        ("dead_units",),
        negative_biases,
        40,
    ),
    Patient(
        "feature maps that are 0, CNN",
        "All my feature maps are black.",
        ("dead_units",),
        dark_maps,
        40,
    ),
]
