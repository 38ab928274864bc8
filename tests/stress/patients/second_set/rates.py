"""Steps that are too long, too short, or reach no parameter."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from nnscratch.losses import Loss
from patients.patient import Patient, Training
from patients.second_set import batches, blobs, dense_layers


def _rows(seed: int, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (rows, columns)).astype(np.float32)
    y = np.sin(2 * x[:, [0]]) + x[:, [1]] * x[:, [2]] + 0.5 * x[:, [3]]
    return x, y.astype(np.float32)


def adam_one(seed: int, cured: bool) -> Training:
    x, y = _rows(seed, 600, 10)
    model = nn.Sequential(*dense_layers([10, 32, 32, 1], seed))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.005 if cured else 0.5))


def tanh_ten(seed: int, cured: bool) -> Training:
    x, y = _rows(seed, 500, 6)
    model = nn.Sequential(*dense_layers([6, 32, 1], seed, nn.Tanh, "glorot_uniform"))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.1 if cured else 3.0))


def heavy_ball(seed: int, cured: bool) -> Training:
    x, y = _rows(seed, 400, 5)
    model = nn.Sequential(*dense_layers([5, 32, 1], seed, nn.LeakyReLU))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.04, momentum=0.9 if cured else 0.99))


class SquaredErrors(Loss):
    """Squared errors, halved: their mean over rows, or their sum."""

    def __init__(self, mean: bool) -> None:
        self.mean = mean

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        error = prediction - target
        rows = error.dtype.type(len(error) if self.mean else 1)
        self.slope = error / rows
        return float(np.square(error).sum() / 2 / rows)

    def backward(self) -> np.ndarray:
        return self.take("slope")


def summed(seed: int, cured: bool) -> Training:
    x, y = _rows(seed, 500, 8)
    model = nn.Sequential(*dense_layers([8, 24, 1], seed, nn.Tanh, "glorot_uniform"))
    return Training(model, x, y, SquaredErrors(cured), nn.SGD(model, lr=0.08, momentum=0.9), 100)


def one_millionth(seed: int, cured: bool) -> Training:
    x, y = _rows(seed, 500, 8)
    model = nn.Sequential(*dense_layers([8, 32, 1], seed))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=5e-3 if cured else 1e-6))


def careful_sgd(seed: int, cured: bool) -> Training:
    pictures, places = blobs(np.random.default_rng(seed), 300, 10)
    model = nn.Sequential(nn.Flatten(), *dense_layers([100, 32, 2], seed))
    y = (places / 5 - 1).astype(np.float32)
    return Training(model, pictures, y, nn.MSELoss(), nn.SGD(model, lr=0.1 if cured else 5e-5))


def decay_in_sgd(seed: int, cured: bool) -> Training:
    x, y = _rows(seed, 500, 12)
    model = nn.Sequential(*dense_layers([12, 32, 1], seed))
    optimizer = nn.SGD(model, lr=0.03, momentum=0.9, weight_decay=1e-4 if cured else 0.5)
    return Training(model, x, y, nn.MSELoss(), optimizer)


def decay_in_adam(seed: int, cured: bool) -> Training:
    pictures, places = blobs(np.random.default_rng(seed), 300, 12)
    conv = nn.Conv2D(1, 4, 3, weight_init="he_normal", rng=seed)
    model = nn.Sequential(conv, nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), *dense_layers([100, 2], seed))
    y = (places / 6 - 1).astype(np.float32)
    optimizer = nn.Adam(model, lr=0.005, weight_decay=0.01 if cured else 60.0)
    return Training(model, pictures, y, nn.MSELoss(), optimizer)


def all_frozen(seed: int, cured: bool) -> Training:
    x, y = _rows(seed, 300, 6)
    model = nn.Sequential(*dense_layers([6, 24, 24, 1], seed))
    for layer in model.layers:
        layer.frozen = not cured
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.01))


def _loop(training: Training, epochs: int, steps: bool) -> None:
    rng = np.random.default_rng(0)
    for _ in range(epochs):
        for rows in batches(len(training.x), training.batch_size, rng):
            prediction = training.model.forward(training.x[rows], training=True)
            training.loss.forward(prediction, training.y[rows])
            training.model.backward(training.loss.backward())
            if steps:
                training.optimizer.step()


def no_step(seed: int, cured: bool) -> Training:
    x, y = _rows(seed, 400, 5)
    model = nn.Sequential(*dense_layers([5, 24, 1], seed))
    optimizer = nn.SGD(model, lr=0.05, momentum=0.9)
    return Training(model, x, y, nn.MSELoss(), optimizer, loop=lambda training, epochs: _loop(training, epochs, cured))


def other_network(seed: int, cured: bool) -> Training:
    x, y = _rows(seed, 400, 5)
    first = nn.Sequential(*dense_layers([5, 24, 1], seed))
    model = first if cured else nn.Sequential(*dense_layers([5, 24, 1], seed))

    def loop(training: Training, epochs: int) -> None:
        rng = np.random.default_rng(0)
        for _ in range(epochs):
            for rows in batches(len(x), 32, rng):
                for network in {id(first): first, id(model): model}.values():
                    training.loss.forward(network.forward(x[rows], training=True), y[rows])
                    network.backward(training.loss.backward())
                training.optimizer.step()

    return Training(model, x, y, nn.MSELoss(), nn.Adam(first, lr=0.01), loop=loop)


def rate_zero(seed: int, cured: bool) -> Training:
    x, y = _rows(seed, 200, 4)
    model = nn.Sequential(*dense_layers([4, 20, 1], seed, nn.Tanh, "glorot_normal"))
    rate = 1 / 10 if cured else 1 // 10
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=rate, momentum=0.9))


PATIENTS = [
    Patient(
        "Adam at a rate of 0.5",
        "The loss leaps for a few epochs, then sits at the variance of the labels.",
        ("step_too_large",),
        adam_one,
        40,
    ),
    Patient(
        "SGD at a rate of 3, tanh",
        "Predictions jump between two values; the loss goes up and down without end.",
        ("step_too_large",),
        tanh_ten,
        40,
    ),
    Patient(
        "momentum of 0.99",
        "With more momentum training should be faster, but the loss becomes NaN or huge.",
        ("step_too_large",),
        heavy_ball,
        40,
    ),
    Patient(
        "summed loss",
        "My loss is the textbook's half sum of squares. It explodes with large batches.",
        ("step_too_large",),
        summed,
    ),
    Patient(
        "Adam at a rate of 0.000001",
        "The loss decreases in the fourth decimal place.",
        ("step_too_small",),
        one_millionth,
        40,
    ),
    Patient(
        "SGD at a rate of 0.00005, blobs",
        "I made the rate small to be safe. After 60 epochs all blobs are still in the same place.",
        ("step_too_small",),
        careful_sgd,
    ),
    Patient(
        "weight decay of 0.5 in SGD",
        "The network predicts the mean of the labels for every row.",
        ("decay_dominates",),
        decay_in_sgd,
        40,
    ),
    Patient(
        "weight decay of 60 in Adam, CNN",
        "All weights of my CNN are nearly 0 after training.",
        ("decay_dominates",),
        decay_in_adam,
        40,
    ),
    Patient(
        "all layers frozen",
        "Fine-tuning does not change the loss at all.",
        ("not_trained",),
        all_frozen,
    ),
    Patient(
        "a loop without a step",
        "Loss and gradients are computed in each batch, and the loss is the same in each epoch.",
        ("not_trained",),
        no_step,
    ),
    Patient(
        "an optimizer of the network made before",
        "In the notebook I made the network anew; the new one does not learn.",
        ("not_trained",),
        other_network,
    ),
    Patient(
        "a rate of 0",
        "The loss is constant to the last digit.",
        ("not_trained",),
        rate_zero,
    ),
]
