"""Patients whose training is at fault: rates, decay, gradients, what is stepped."""

from __future__ import annotations

import copy

import numpy as np

import nnscratch as nn
from patients.fourth_set import signals, tables
from patients.fourth_set.networks import by_hand, dense
from patients.patient import Patient, Training


class _Error(nn.Loss):
    """Its owner's squared error of (N,) targets; without the column axis it is of (N, N)."""

    def __init__(self, column: bool) -> None:
        self.column = column

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        error = prediction - (target[:, None] if self.column and target.ndim == 1 else target)
        self.slope = (2 * error.mean(axis=1, keepdims=True) / len(error)).astype(prediction.dtype)
        return float(np.square(error).mean())

    def backward(self) -> np.ndarray:
        return self.take("slope")


class _TwoTasks(nn.Loss):
    """Squared error of two outputs, each with its weight; the mean over rows."""

    def __init__(self, first: float, second: float) -> None:
        self.first, self.second = first, second

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        error, weight = prediction - target, np.array([self.first, self.second], prediction.dtype)
        self.slope = weight * error * prediction.dtype.type(2 / len(error))
        return float((weight * np.square(error)).sum() / len(error))

    def backward(self) -> np.ndarray:
        return self.take("slope")


class _Sine(nn.Layer):
    """Its owner's sin(x); its slope is cos(x)."""

    def __init__(self, sign: float = 1.0) -> None:
        super().__init__()
        self.sign = sign

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        if training:
            self.x = x
        return np.sin(x)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy * (np.cos(self.take("x")) * dy.dtype.type(self.sign))


def _broadcast(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.matches(rng, 400)
    model = nn.Sequential(*dense(rng, 12, 16, 1))
    optimizer = nn.Adam(model, lr=5e-3)
    return Training(model, x, y[:, 0], _Error(cured), optimizer, 25, by_hand(rng, optimizer))


def _wrong_sine(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.arm(rng, 400)
    model = nn.Sequential(*dense(rng, 3, 40, 20, 2, activation=lambda: _Sine(1.0 if cured else -1.0)))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.05, momentum=0.9), 32)


def _forgotten_task(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.vibration(rng, 400)
    model = nn.Sequential(*dense(rng, 32, 24, 2, activation=nn.Tanh, weights="glorot_uniform()"))
    return Training(model, x, y, _TwoTasks(1.0, 1.0 if cured else 0.0), nn.Adam(model, lr=5e-3), 32)


def _momentum(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.spectra(rng, 300)
    model = nn.Sequential(*dense(rng, 60, 30, 2))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.005 if cured else 0.5, momentum=0.9), 16)


def _hasty_adam(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.glyphs(rng, 400)
    x = x.reshape(len(x), -1)
    model = nn.Sequential(*dense(rng, 64, 60, 30, 10))
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), nn.Adam(model, lr=2e-3 if cured else 1.0), 32)


def _timid(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.kinds(rng, 300, 5)
    model = nn.Sequential(*dense(rng, 8, 24, 5))
    y = np.eye(5, dtype=np.float32)[y]
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.2 if cured else 1e-5), 16)


def _decay(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.ratings(rng, 600)
    model = nn.Sequential(*dense(rng, 35, 30, 1))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=5e-3, weight_decay=0.0 if cured else 20.0), 32)


def _steps_of_a_copy(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.kinds(rng, 500, 12, columns=10)
    model = nn.Sequential(*dense(rng, 10, 50, 12))
    optimizer = nn.Adam(model if cured else copy.deepcopy(model), lr=5e-3)
    for layer in optimizer.model.layers:  # no backward reaches these
        layer.grads.update({key: np.zeros_like(value) for key, value in layer.params.items()})
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), optimizer, 25, by_hand(rng, optimizer))


def _frozen_all(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.gas(rng, 300)
    model = nn.Sequential(*dense(rng, 9, 24, 1, activation=nn.Sigmoid, weights="glorot_uniform()"))
    for layer in model.layers:
        layer.frozen = not cured
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=1e-2), 32)


PATIENTS = [
    Patient(
        "a loss of (N,) less (N, 1), matches",
        "The loss falls to 1 and the answers are all alike.",
        ("wrong_gradient",),
        _broadcast,
        40,
    ),
    Patient("a sine with the slope of another sign, arm", "It diverges or stays.", ("wrong_gradient",), _wrong_sine),
    Patient(
        "a task of weight 0, vibration",
        "The strength is found, the decay is not.",
        ("output_not_learnt", "wrong_gradient"),
        _forgotten_task,
        50,
    ),
    Patient("rate 0.5 with momentum, spectra", "The loss is not finite.", ("step_too_large",), _momentum, 30),
    Patient("adam with rate 1, glyphs", "The loss jumps.", ("step_too_large", "dead_units"), _hasty_adam, 30),
    Patient("rate 1e-5, one-hot of five kinds", "The loss hardly falls.", ("step_too_small",), _timid),
    Patient("weight decay of 20, ratings", "It answers the mean of all.", ("decay_dominates",), _decay, 40),
    Patient("the optimizer of a copy, twelve kinds", "The loss is the same.", ("not_trained",), _steps_of_a_copy, 40),
    Patient("all layers frozen, gas", "The loss is the same.", ("not_trained",), _frozen_all, 50),
]
