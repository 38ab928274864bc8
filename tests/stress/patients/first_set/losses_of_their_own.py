"""Losses and layers that their owners wrote, with the mistakes that one makes in them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import nnscratch as nn
from patients.patient import Healthy, Patient, Training


class Huber(nn.Loss):
    """Squared near 0, straight further out. With `flipped`, the slope is of target - prediction."""

    def __init__(self, delta: float = 1.0, flipped: bool = False) -> None:
        self.delta, self.flipped = delta, flipped

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        error = prediction - target
        size = np.abs(error)
        self.slope = np.clip(error, -self.delta, self.delta) / error.dtype.type(error.size)
        if self.flipped:
            self.slope = -self.slope
        near = 0.5 * np.square(error)
        return float(np.mean(np.where(size <= self.delta, near, self.delta * (size - self.delta / 2))))

    def backward(self) -> np.ndarray:
        return self.take("slope")


class SquaredError(nn.Loss):
    """Mean of the squares; `flat` compares (N, 1) with (N,), which gives (N, N)."""

    def __init__(self, flat: bool = False) -> None:
        self.flat = flat

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        error = prediction - (target[:, 0] if self.flat else target)
        self.slope = 2 * error.mean(axis=1, keepdims=True) / error.dtype.type(len(error))
        return float(np.mean(np.square(error)))

    def backward(self) -> np.ndarray:
        return self.take("slope")


class LogCosh(nn.Loss):
    """Mean of log(cosh(error)). `of_prediction` leaves the target out of the derivative."""

    def __init__(self, of_prediction: bool = False) -> None:
        self.of_prediction = of_prediction

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        error = prediction - target
        self.slope = np.tanh(prediction if self.of_prediction else error) / error.dtype.type(error.size)
        return float(np.mean(np.logaddexp(error, -error) - np.log(2)))

    def backward(self) -> np.ndarray:
        return self.take("slope")


class SummedError(nn.Loss):
    """Half the squares; `summed`: over all rows, without the 1/N."""

    def __init__(self, summed: bool = False) -> None:
        self.summed = summed

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        error = prediction - target
        rows = error.dtype.type(1 if self.summed else len(error))
        self.slope = error / rows
        return float(0.5 * np.sum(np.square(error)) / rows)

    def backward(self) -> np.ndarray:
        return self.take("slope")


class Sine(nn.Layer):
    """y = sin(x), slope cos(x). `wrong`: the slope has a minus, as that of the cosine has."""

    def __init__(self, wrong: bool = False) -> None:
        super().__init__()
        self.wrong = wrong

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        if training:
            self.x = x
        return np.sin(x)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        x = self.take("x")
        return -dy * np.cos(x) if self.wrong else dy * np.cos(x)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape


class Linear(nn.Layer):
    """y = x weight, without a bias. `adds`: the gradients of all steps so far are summed."""

    def __init__(self, n_in: int, n_out: int, adds: bool = False, rng: np.random.Generator | None = None) -> None:
        super().__init__()
        self.n_in, self.n_out, self.adds = n_in, n_out, adds
        start = np.random.default_rng(rng).normal(0, n_in**-0.5, (n_in, n_out))
        self.params["weight"] = start.astype(np.float32)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        if training:
            self.x = x
        return x @ self.params["weight"]

    def backward(self, dy: np.ndarray) -> np.ndarray:
        dweight = self.take("x").T @ dy
        if self.adds and "weight" in self.grads:
            dweight = dweight + self.grads["weight"]
        self.grads["weight"] = dweight
        return dy @ self.params["weight"].T

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self.n_out,)


def tide(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Height of the tide from 4 numbers, 500 rows."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (500, 4))
    y = np.sin(2 * x[:, 0]) + 0.7 * x[:, 1] + 0.4 * x[:, 2] * x[:, 3] + rng.normal(0, 0.1, 500)
    return x.astype(np.float32), y.astype(np.float32)[:, np.newaxis]


def with_loss(seed: int, loss: nn.Loss, lr: float = 0.05, momentum: float = 0.9) -> Training:
    x, y = tide(seed)
    rng = np.random.default_rng(seed + 100)
    model = nn.Sequential(nn.Dense(4, 50, weight_init="he_normal", rng=rng), nn.ReLU(), nn.Dense(50, 1, rng=rng))
    return Training(model, x, y, loss, nn.SGD(model, lr=lr, momentum=momentum), 50)


def with_layers(seed: int, sine: bool = False, adds: bool = False) -> Training:
    """A network of waves, and a layer of its owner's own at the end."""
    x, y = tide(seed)
    rng = np.random.default_rng(seed + 100)
    first = nn.Dense(4, 40, weight_init="normal(0.2)", rng=rng)
    model = nn.Sequential(first, Sine(sine), Linear(40, 1, adds, rng))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.05, momentum=0.9), 50)


def patient(
    name: str, report: str, cause: str | tuple[str, ...], make: Callable[[int, bool], Training], epochs: int = 60
) -> Patient:
    return Patient(name, report, (cause,) if isinstance(cause, str) else cause, make, epochs)


PATIENTS: list[Patient] = [
    patient(
        "sign of the slope, own Huber loss",
        "The loss grows in every epoch.",
        "wrong_gradient",
        lambda seed, cured: with_loss(seed, Huber(1.0, not cured)),
    ),
    patient(
        "(N,) against (N, 1), own squared error",
        "All answers are the mean of the batch.",
        "wrong_gradient",
        lambda seed, cured: with_loss(seed, SquaredError(not cured)),
    ),
    patient(
        "slope without the target, own log-cosh",
        "It gives 0 for everything.",
        "wrong_gradient",
        lambda seed, cured: with_loss(seed, LogCosh(not cured)),
    ),
    patient(
        "a summed loss, own half squared error",
        "Works with 2 rows per batch, nan with 50.",
        ("step_too_large",),
        lambda seed, cured: with_loss(seed, SummedError(not cured)),
    ),
    patient(
        "sign of the slope, own sine layer",
        "The loss stays about the variance.",
        "wrong_gradient",
        lambda seed, cured: with_layers(seed, sine=not cured),
    ),
    patient(
        "gradients of all steps added up, own layer",
        "Good at first, then the loss swings.",
        "wrong_gradient",
        lambda seed, cured: with_layers(seed, adds=not cured),
    ),
]

HEALTHY: list[Healthy] = [
    Healthy("own Huber loss", lambda seed: with_loss(seed, Huber(0.5))),
    Healthy("own log-cosh loss, no momentum", lambda seed: with_loss(seed, LogCosh(), 0.3, 0.0), 150),
    Healthy("own sine and linear layers", with_layers),
]
