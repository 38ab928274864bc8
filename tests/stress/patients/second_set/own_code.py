"""Layers, losses and loops that their owners wrote, with a mistake."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from nnscratch.losses import Loss
from patients.patient import Patient, Training
from patients.second_set import batches, dense_layers


def _rows(seed: int, rows: int, columns: int, outputs: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (rows, columns)).astype(np.float32)
    y = np.sin(x @ rng.normal(0, 0.6, (columns, outputs))) + 0.5 * x[:, [0]] * x[:, [1]]
    return x, y.astype(np.float32)


class Softsign(nn.Layer):
    """y = x / (1 + |x|); the wrong slope is that of another function."""

    def __init__(self, right: bool) -> None:
        super().__init__()
        self.right = right

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        size = 1 + np.abs(x)
        if training:
            self.slope = 1 / np.square(size) if self.right else -x / size
        return x / size

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy * self.take("slope")

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape


def softsign(seed: int, cured: bool) -> Training:
    x, y = _rows(seed, 400, 6, 3)
    layers = dense_layers([6, 32, 32, 3], seed, lambda: Softsign(cured), "glorot_uniform")
    model = nn.Sequential(*layers)
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.2, momentum=0.9))


class OwnDense(nn.Layer):
    """y = x weight; the wrong gradient of the weight belongs to the rows in reverse."""

    def __init__(self, n_in: int, n_out: int, right: bool, seed: int) -> None:
        super().__init__()
        self.n_in, self.n_out, self.right, self.seed = n_in, n_out, right, seed
        weight = np.random.default_rng(seed).normal(0, np.sqrt(2 / n_in), (n_in, n_out))
        self.params["weight"] = weight.astype(np.float32)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        if training:
            self.x = x
        return x @ self.params["weight"]

    def backward(self, dy: np.ndarray) -> np.ndarray:
        x = self.take("x")
        self.grads["weight"] = (x if self.right else x[::-1]).T @ dy
        return dy @ self.params["weight"].T

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self.n_out,)


def own_dense(seed: int, cured: bool) -> Training:
    x, y = _rows(seed, 500, 5)
    layers = [OwnDense(5, 40, cured, seed), nn.Tanh(), OwnDense(40, 1, cured, seed + 1)]
    model = nn.Sequential(*layers)
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.03, momentum=0.9))


class Broadcast(Loss):
    """Mean squared error for targets (N,), where predictions may be (N, 1)."""

    def __init__(self, flatten: bool) -> None:
        self.flatten = flatten

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        error = (prediction.reshape(-1) if self.flatten else prediction) - target
        slope = 2 * error / error.dtype.type(error.size)
        self.slope = slope.reshape(-1, 1) if self.flatten else slope.sum(axis=1, keepdims=True)
        return float(np.mean(np.square(error)))

    def backward(self) -> np.ndarray:
        return self.take("slope")


def flat_targets(seed: int, cured: bool) -> Training:
    x, y = _rows(seed, 600, 4)
    model = nn.Sequential(*dense_layers([4, 32, 1], seed))
    return Training(model, x, y[:, 0], Broadcast(cured), nn.Adam(model, lr=0.01))


class SignedError(Loss):
    """Mean absolute error; the wrong slope takes the target from the prediction's place."""

    def __init__(self, right: bool) -> None:
        self.right = right

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        error = prediction - target
        self.slope = np.sign(error if self.right else -error) / error.dtype.type(error.size)
        return float(np.mean(np.abs(error)))

    def backward(self) -> np.ndarray:
        return self.take("slope")


def uphill(seed: int, cured: bool) -> Training:
    x, y = _rows(seed, 300, 5)
    model = nn.Sequential(*dense_layers([5, 32, 1], seed))
    return Training(model, x, y, SignedError(cured), nn.Adam(model, lr=0.01))


def _loop(training: Training, epochs: int, rng: np.random.Generator | None) -> None:
    for _ in range(epochs):
        for rows in batches(len(training.x), training.batch_size, rng):
            prediction = training.model.forward(training.x[rows], training=True)
            training.loss.forward(prediction, training.y[rows])
            training.model.backward(training.loss.backward())
            training.optimizer.step()


def class_by_class(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    kind = np.repeat(np.arange(5), 200)
    x = rng.normal(0, 1, (5, 10))[kind] + rng.normal(0, 0.6, (1000, 10))
    model = nn.Sequential(*dense_layers([10, 32, 5], seed, nn.Tanh, "glorot_uniform"))
    shuffle = np.random.default_rng(seed) if cured else None
    return Training(
        model,
        x.astype(np.float32),
        np.eye(5, dtype=np.float32)[kind],
        nn.MSELoss(),
        nn.SGD(model, lr=0.05, momentum=0.9),
        20,
        lambda training, epochs: _loop(training, epochs, shuffle),
    )


def by_price(seed: int, cured: bool) -> Training:
    x, y = _rows(seed, 800, 4)
    order = np.argsort(y[:, 0])
    model = nn.Sequential(*dense_layers([4, 24, 1], seed, nn.Tanh, "glorot_uniform"))
    shuffle = np.random.default_rng(seed) if cured else None
    optimizer = nn.SGD(model, lr=0.05, momentum=0.9)
    return Training(
        model,
        x[order],
        y[order],
        nn.MSELoss(),
        optimizer,
        16,
        lambda training, epochs: _loop(training, epochs, shuffle),
    )


PATIENTS = [
    Patient(
        "own softsign with a wrong slope",
        "I replaced tanh by softsign; the network does not learn any more.",
        ("wrong_gradient",),
        softsign,
    ),
    Patient(
        "own Dense layer with a wrong gradient of its weight",
        "My from-scratch layer runs without an error, but the loss stays.",
        ("wrong_gradient",),
        own_dense,
        40,
    ),
    Patient(
        "own loss that broadcasts (N,)",
        "It predicts the mean of the labels. Linear regression on the same table gives R2 0.6.",
        ("wrong_gradient",),
        flat_targets,
        40,
    ),
    Patient(
        "own absolute error with a turned sign",
        "The loss grows from epoch to epoch.",
        ("wrong_gradient",),
        uphill,
        40,
    ),
    Patient(
        "classes one after the other, own loop",
        "The network says the last class for everything.",
        ("unshuffled",),
        class_by_class,
        6,
    ),
    Patient(
        "rows sorted by their labels, own loop",
        "In each epoch the loss rises and falls; at its end all predictions are high.",
        ("unshuffled",),
        by_price,
        20,
    ),
]
