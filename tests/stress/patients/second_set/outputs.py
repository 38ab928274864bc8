"""What stands behind the last layer, and outputs that the others drown."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from nnscratch.losses import Loss
from patients.patient import Patient, Training
from patients.second_set import blobs, dense_layers


def winter(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (500, 6)).astype(np.float32)
    celsius = -6 + 3 * x[:, [0]] - 2 * np.abs(x[:, [1]]) + x[:, [2]] * x[:, [3]]
    layers = dense_layers([6, 32, 1], seed)
    model = nn.Sequential(*layers if cured else [*layers, nn.ReLU()])
    return Training(model, x, (celsius / 5).astype(np.float32), nn.MSELoss(), nn.Adam(model, lr=0.01))


def returns(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (1200, 10)).astype(np.float32)
    y = np.tanh(x @ rng.normal(0, 0.5, (10, 3))) - 0.6 + rng.normal(0, 0.1, (1200, 3))
    layers = dense_layers([10, 24, 24, 3], seed)
    model = nn.Sequential(*layers if cured else [*layers, nn.ReLU()])
    return Training(model, x, y.astype(np.float32), nn.MSELoss(), nn.SGD(model, lr=0.05, momentum=0.9), 64)


def dosage(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (300, 4)).astype(np.float32)
    dose = 10 + 6 * x[:, [0]] + 4 * np.sin(3 * x[:, [1]])
    layers = dense_layers([4, 20, 1], seed, nn.Tanh, "glorot_uniform")
    model = nn.Sequential(*layers if cured else [*layers, nn.Sigmoid()])
    return Training(model, x, dose.astype(np.float32), nn.MSELoss(), nn.Adam(model, lr=0.02))


def pixels_behind_tanh(seed: int, cured: bool) -> Training:
    pictures, places = blobs(np.random.default_rng(seed), 400, 12)
    pixels = places * (96 / 12)
    y = pixels / 48 - 1 if cured else pixels
    layers = [nn.Flatten(), *dense_layers([144, 32, 2], seed, nn.Tanh, "glorot_uniform"), nn.Tanh()]
    model = nn.Sequential(*layers)
    return Training(model, pictures, y.astype(np.float32), nn.MSELoss(), nn.Adam(model, lr=0.003))


def visitors(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (400, 5)).astype(np.float32)
    count = np.maximum(0, 2 + x[:, [0]] + x[:, [1]] * x[:, [2]])
    model = nn.Sequential(*dense_layers([5, 24, 1], seed), nn.ReLU())
    model.layers[2].params["bias"][:] = 1 if cured else -12
    return Training(model, x, count.astype(np.float32), nn.MSELoss(), nn.Adam(model, lr=0.01))


def ratings(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = (rng.random((800, 20)) < 0.3).astype(np.float32)
    stars = np.clip(3 + x @ rng.normal(0, 0.6, (20, 1)) + rng.normal(0, 0.2, (800, 1)), 1, 5)
    layers = dense_layers([20, 32, 1], seed)
    model = nn.Sequential(*layers if cured else [*layers, nn.Dropout(0.5, rng=seed)])
    return Training(model, x, stars.astype(np.float32), nn.MSELoss(), nn.Adam(model, lr=0.005))


def blob_sizes(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    radius = rng.uniform(1, 3, 300)
    x = np.concatenate([blobs(rng, 1, 12, float(r))[0] for r in radius])
    conv = nn.Conv2D(1, 4, 3, weight_init="he_normal", rng=seed)
    layers = [conv, nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), *dense_layers([100, 16, 1], seed)]
    model = nn.Sequential(*layers if cured else [*layers, nn.Dropout(0.6, rng=seed)])
    return Training(model, x, radius[:, np.newaxis].astype(np.float32), nn.MSELoss(), nn.Adam(model, lr=0.003))


class WeightedMSE(Loss):
    """Squared errors, each output with a weight of its own."""

    def __init__(self, weights: list[float]) -> None:
        self.weights = weights

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        error = prediction - target
        weights = np.array(self.weights, error.dtype)
        self.slope = 2 * weights * error / error.dtype.type(error.size)
        return float(np.mean(weights * np.square(error)))

    def backward(self) -> np.ndarray:
        return self.take("slope")


def forgotten_output(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (600, 8)).astype(np.float32)
    y = np.tanh(x @ rng.normal(0, 0.5, (8, 2)))
    model = nn.Sequential(*dense_layers([8, 32, 2], seed))
    loss = WeightedMSE([1.0, 1.0 if cured else 0.0])
    return Training(model, x, y.astype(np.float32), loss, nn.Adam(model, lr=0.01))


def small_second_output(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (500, 6)).astype(np.float32)
    depth = 8 * x[:, 0] + 5 * x[:, 1] * x[:, 2]
    strain = np.sin(2 * x[:, 3]) + x[:, 4]
    y = np.stack([depth, strain * (5 if cured else 0.005)], axis=1)
    model = nn.Sequential(*dense_layers([6, 32, 2], seed))
    return Training(model, x, y.astype(np.float32), nn.MSELoss(), nn.SGD(model, lr=0.003, momentum=0.9))


PATIENTS = [
    Patient(
        "ReLU behind the output, winter temperatures",
        "My network answers 0 for every day, though the temperatures are all different.",
        ("relu_output", "silent_output"),
        winter,
    ),
    Patient(
        "ReLU behind three outputs, returns mostly below 0",
        "The loss falls a little, then stays; the network never predicts a loss.",
        ("relu_output", "silent_output"),
        returns,
        30,
    ),
    Patient(
        "Sigmoid behind the output, doses of 0 to 20",
        "Every prediction is 0.99 or so, whatever I put in.",
        ("silent_output",),
        dosage,
    ),
    Patient(
        "Tanh behind the output, places in pixels of 0 to 96",
        "It predicts 1 for all coordinates; the loss is stuck at thousands.",
        ("silent_output", "targets_unscaled"),
        pixels_behind_tanh,
        40,
    ),
    Patient(
        "dead last unit, visitors per hour",
        "Counts cannot be negative, so I end with a ReLU. The output is 0 from the first epoch on.",
        ("silent_output",),
        visitors,
    ),
    Patient(
        "Dropout behind the output, ratings",
        "Predictions are about half of what they should be.",
        ("dropout_output",),
        ratings,
        40,
    ),
    Patient(
        "Dropout behind the output of a small CNN, radius",
        "I put dropout after every layer. R2 is below zero on the training pictures.",
        ("dropout_output",),
        blob_sizes,
        40,
    ),
    Patient(
        "loss weight of 0 for one output",
        "The first output is perfect, the second is noise.",
        ("output_not_learnt",),
        forgotten_output,
    ),
    Patient(
        "strain in thousandths beside depth in metres",
        "Depth comes out fine. For strain the predictions scatter far more than the labels do.",
        ("output_not_learnt", "columns_unscaled"),
        small_second_output,
    ),
]
