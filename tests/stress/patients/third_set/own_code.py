"""Losses, layers and loops of the owner's, with a mistake in them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import nnscratch as nn

from ..patient import Training
from .tables import dense, plain_loop, table
from .windows_and_codes import windows

Function = Callable[[np.ndarray], np.ndarray]


class Formula(nn.Loss):
    """A mean of f(error), with a slope that is f' or what its owner took for it."""

    def __init__(self, f: Function, slope: Function) -> None:
        self.f, self.slope = f, slope

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        error = prediction - target
        self.dprediction = (self.slope(error) / error.size).astype(prediction.dtype)
        return float(np.mean(self.f(error)))

    def backward(self) -> np.ndarray:
        return self.take("dprediction")


class Broadcast(nn.Loss):
    """Mean of (prediction - target)^2, for whatever shapes come."""

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        error = prediction - target
        self.dprediction = (2 * error.mean(axis=1, keepdims=True) / len(prediction)).astype(prediction.dtype)
        return float(np.mean(error**2))

    def backward(self) -> np.ndarray:
        return self.take("dprediction")


class Summed(nn.Loss):
    """Sum, or mean, of squares."""

    def __init__(self, mean: bool) -> None:
        self.mean = mean

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        error = prediction - target
        count = error.size if self.mean else 1
        self.dprediction = 2 * error / prediction.dtype.type(count)
        return float(np.square(error).sum() / count)

    def backward(self) -> np.ndarray:
        return self.take("dprediction")


class Weighted(nn.Loss):
    """Squares, each output with a weight of its own."""

    def __init__(self, weights: tuple[float, ...]) -> None:
        self.weights = weights

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        error, weights = prediction - target, np.array(self.weights, prediction.dtype)
        self.dprediction = 2 * weights * error / prediction.dtype.type(error.size)
        return float(np.mean(weights * error**2))

    def backward(self) -> np.ndarray:
        return self.take("dprediction")


class Logistic(nn.Layer):
    """1 / (1 + exp(-x)), with the slope y (1 - y), or with y (y - 1)."""

    def __init__(self, sign: int = 1) -> None:
        super().__init__()
        self.sign = sign

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        y = 1 / (1 + np.exp(-x))
        if training:
            self.y = y
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        y = self.take("y")
        return self.sign * dy * y * (1 - y)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape


def huber(seed: int, cured: bool) -> Training:
    x, y = table(seed, 500, 10)

    def slope(error: np.ndarray) -> np.ndarray:
        far = np.sign(error) if cured else 1
        return np.where(np.abs(error) <= 0.3, error, 0.3 * far)

    loss = Formula(lambda e: np.where(np.abs(e) <= 0.3, e * e / 2, 0.3 * np.abs(e) - 0.045), slope)
    model = nn.Sequential(*dense([10, 32, 16, 1], seed))
    return Training(model, x, y, loss, nn.Adam(model, lr=0.003))


def median(seed: int, cured: bool) -> Training:
    x, y = windows(seed, 600, 10)
    sign = 1 if cured else -1
    loss = Formula(np.abs, lambda e: sign * np.sign(e))
    model = nn.Sequential(*dense([10, 20, 1], seed, nn.Tanh))
    return Training(model, x, y, loss, nn.Adam(model, lr=0.005))


def quantile(seed: int, cured: bool) -> Training:
    x, y = table(seed, 400, 6)
    low, high = (-0.6, 0.4) if cured else (0.4, 0.6)
    loss = Formula(lambda e: np.where(e < 0, -0.6 * e, 0.4 * e), lambda e: np.where(e < 0, low, high))
    model = nn.Sequential(*dense([6, 32, 1], seed))
    return Training(model, x, y, loss, nn.SGD(model, lr=0.05, momentum=0.9))


def log_cosh(seed: int, cured: bool) -> Training:
    x, y = table(seed, 500, 8)
    y = y if cured else 1500 + 400 * y
    loss = Formula(lambda e: np.log(np.cosh(e)), np.tanh)
    model = nn.Sequential(*dense([8, 32, 1], seed))
    return Training(model, x, y, loss, nn.Adam(model, lr=0.01))


def square_of_shapes(seed: int, cured: bool) -> Training:
    x, y = table(seed, 500, 25)
    model = nn.Sequential(*dense([25, 50, 10, 1], seed))
    return Training(model, x, y if cured else y[:, 0], Broadcast(), nn.Adam(model, lr=0.003), 50, plain_loop)


def sum_of_squares(seed: int, cured: bool) -> Training:
    x, y = table(seed, 500, 12)
    y = np.concatenate([y * (n + 1) / 10 + x[:, n : n + 1] for n in range(10)], axis=1)
    model = nn.Sequential(*dense([12, 40, 10], seed))
    return Training(model, x, y, Summed(cured), nn.SGD(model, lr=0.1, momentum=0.5), 64)


def third_left_out(seed: int, cured: bool) -> Training:
    x, y = table(seed, 500, 10)
    y = np.concatenate([y, np.abs(x[:, 4:5]), x[:, 5:6] * x[:, 6:7]], axis=1)
    loss = Weighted((1.0, 1.0, 1.0) if cured else (1.0, 1.0, 0.0))
    model = nn.Sequential(*dense([10, 48, 24, 3], seed))
    return Training(model, x, y, loss, nn.Adam(model, lr=0.005))


def logistic(seed: int, cured: bool) -> Training:
    x, y = table(seed, 400, 8)
    model = nn.Sequential(*dense([8, 20, 1], seed, nn.Tanh), Logistic(1 if cured else -1))
    return Training(model, x, (y > 0).astype(np.float32), nn.MSELoss(), nn.Adam(model, lr=0.01))


def adding_up(training: Training, epochs: int) -> None:
    """A loop whose gradients are never set back to 0."""
    rng, sums = np.random.default_rng(0), {}
    for _ in range(epochs):
        order = rng.permutation(len(training.x))
        for start in range(0, len(order), training.batch_size):
            rows = order[start : start + training.batch_size]
            try:
                training.loss.forward(training.model.forward(training.x[rows], training=True), training.y[rows])
                training.model.backward(training.loss.backward())
            except nn.NotFiniteError:
                return
            for number, layer in enumerate(training.model.layers):
                for name, gradient in layer.grads.items():
                    gradient += sums.get((number, name), 0)
                    sums[number, name] = gradient.copy()
            training.optimizer.step()


def never_zeroed(seed: int, cured: bool) -> Training:
    x, y = table(seed, 400, 10)
    model = nn.Sequential(*dense([10, 32, 16, 1], seed))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.05), loop=plain_loop if cured else adding_up)
