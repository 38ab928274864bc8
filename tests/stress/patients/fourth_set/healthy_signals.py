"""Healthy trainings on arms, pendulums, sounds and pictures."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from patients.fourth_set import signals
from patients.fourth_set.networks import convolutional, dense
from patients.patient import Healthy, Training


def _arm(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.arm(rng, 1000, joints=4)
    model = nn.Sequential(*dense(rng, 4, 200, 50, 2))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=1e-3), 128)


def _arm_slow(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.arm(rng, 300)
    model = nn.Sequential(*dense(rng, 3, 16, 2, activation=nn.Tanh, weights="glorot_uniform()"))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.02), 32)


def _pendulum_deep(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.pendulum(rng, 400)
    model = nn.Sequential(*dense(rng, 2, 24, 24, 24, 24, 24, 24, 2))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=1e-3), 32)


def _pendulum_sigmoid(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.pendulum(rng, 500)
    model = nn.Sequential(*dense(rng, 2, 40, 2, activation=nn.Sigmoid, weights="glorot_uniform()"))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=1e-2), 25)


def _gas(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.gas(rng, 700)
    model = nn.Sequential(*dense(rng, 9, 20, 10, 1, activation=nn.LeakyReLU))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.005, momentum=0.9), 64)


def _sounds(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.sounds(rng, 300)
    model = nn.Sequential(*dense(rng, 16, 12, 6))
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), nn.Adam(model, lr=2e-3), 32)


def _vibration(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.vibration(rng, 200)
    model = nn.Sequential(*dense(rng, 32, 2, 2, activation=nn.Tanh, weights="glorot_uniform()"))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.05, momentum=0.5), 20)


def _dots(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.dots(rng, 250)
    model = convolutional(rng, 12, 6, 2, nn.AveragePool2D(3), hidden=20)
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=2e-3), 32)


def _dots_two_convolutions(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.dots(rng, 200)
    front = [nn.Conv2D(1, 6, 3, weight_init="he_normal()", rng=rng), nn.LeakyReLU(), nn.MaxPool2D(2)]
    back = [nn.Conv2D(6, 8, 3, weight_init="he_normal()", rng=rng), nn.LeakyReLU(), nn.Flatten()]
    model = nn.Sequential(*front, *back, *dense(rng, 72, 2))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.01, momentum=0.9), 20)


def _bars(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.bars(rng, 240)
    model = convolutional(rng, 8, 8, 4, nn.MaxPool2D(2))
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), nn.SGD(model, lr=0.05), 16)


def _glyphs(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.glyphs(rng, 300)
    model = convolutional(rng, 8, 8, 10, nn.MaxPool2D(2), hidden=32)
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), nn.Adam(model, lr=2e-3), 32)


def _glyphs_flat(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.glyphs(rng, 400)
    model = nn.Sequential(nn.Flatten(), *dense(rng, 64, 40, 10, activation=nn.Tanh, weights="glorot_uniform()"))
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), nn.SGD(model, lr=0.02, momentum=0.9), 32)


def _autoencoder(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x = signals.vibration(rng, 300)[0]
    model = nn.Sequential(*dense(rng, 32, 20, 4, 20, 32, activation=nn.LeakyReLU))
    return Training(model, x, x, nn.MSELoss(), nn.Adam(model, lr=1e-3), 32)


HEALTHY = [
    Healthy("arm of four joints, 200 units, 20 epochs", _arm, 20),
    Healthy("arm, a small rate, still rising", _arm_slow, 100),
    Healthy("pendulum, seven layers", _pendulum_deep, 40),
    Healthy("pendulum, one layer of sigmoids", _pendulum_sigmoid, 50),
    Healthy("gas, sensors that drift", _gas, 30),
    Healthy("sounds, 10 epochs", _sounds, 10),
    Healthy("vibration, two units are enough", _vibration, 60),
    Healthy("dots, averages of 3 by 3", _dots, 25),
    Healthy("dots, two convolutions", _dots_two_convolutions, 20),
    Healthy("bars, one convolution", _bars, 30),
    Healthy("glyphs, 15 epochs", _glyphs, 15),
    Healthy("glyphs, flat, Tanh", _glyphs_flat, 30),
    Healthy("autoencoder of vibrations", _autoencoder, 120),
]
