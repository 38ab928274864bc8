"""Healthy trainings on tables: noise, few epochs, small rates, missing labels, many kinds."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from patients.fourth_set import tables
from patients.fourth_set.networks import by_hand, dense, standard
from patients.patient import Healthy, Training


def _spectra_slow(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.spectra(rng, 250)
    model = nn.Sequential(*dense(rng, 60, 40, 2))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=2e-4), 32)


def _spectra_line(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.spectra(rng, 150, columns=100)
    model = nn.Sequential(nn.Dense(100, 2, rng=rng))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.005), 16)


def _load(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.load(rng, 1500)
    model = nn.Sequential(*dense(rng, 4, 32, 16, 1, activation=nn.LeakyReLU))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=3e-3), 128)


def _load_by_hand(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.load(rng, 400)
    model = nn.Sequential(*dense(rng, 4, 20, 1, activation=nn.Tanh, weights="glorot_uniform()"))
    optimizer = nn.SGD(model, lr=0.03, momentum=0.9)
    return Training(model, x, y, nn.MSELoss(), optimizer, 25, by_hand(rng, optimizer))


def _ratings(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.ratings(rng, 900)
    model = nn.Sequential(*dense(rng, 35, 16, 1, activation=nn.Tanh, weights="glorot_uniform()"))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=5e-3, weight_decay=1e-3), 64)


def _counts(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.counts(rng, 300)
    model = nn.Sequential(*dense(rng, 6, 12, 1))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.01, momentum=0.5), 16)


def _matches(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.matches(rng, 350, noise=4.0)
    model = nn.Sequential(*dense(rng, 12, 8, 1, activation=nn.Tanh, weights="glorot_uniform()"))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.02), 32)


def _returns(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.returns(rng, 1200)
    model = nn.Sequential(*dense(rng, 10, 4, 1, activation=nn.Tanh, weights="glorot_uniform()"))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=2e-3), 64)


def _returns_line(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.returns(rng, 1500, signal=0.4)
    model = nn.Sequential(nn.Dense(10, 1, rng=rng))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.01), 128)


def _blood(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.patients(rng, 500, missing=0.6)
    model = nn.Sequential(*dense(rng, 12, 24, 3, dropout=0.1))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=3e-3), 32)


def _three_tasks(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.patients(rng, 800, missing=0)
    y = standard(y + (0, 1, 2) * rng.standard_normal(y.shape))
    model = nn.Sequential(*dense(rng, 12, 32, 32, 3))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=1e-3), 64)


def _two_kinds(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.kinds(rng, 60, 2, columns=4)
    model = nn.Sequential(*dense(rng, 4, 6, 2))
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), nn.SGD(model, lr=0.05), 8)


def _twelve_kinds(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.kinds(rng, 900, 12, columns=6, spread=1.5)
    model = nn.Sequential(*dense(rng, 6, 64, 32, 12))
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), nn.Adam(model, lr=2e-3), 64)


def _one_hot_by_squares(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.kinds(rng, 400, 4, spread=1.5)
    model = nn.Sequential(*dense(rng, 8, 20, 4, activation=nn.LeakyReLU))
    return Training(model, x, np.eye(4, dtype=np.float32)[y], nn.MSELoss(), nn.Adam(model, lr=3e-3), 32)


def _autoencoder(seed: int) -> Training:
    rng = np.random.default_rng(seed)
    x = standard(rng.standard_normal((500, 4)) @ rng.standard_normal((4, 16)) + rng.standard_normal((500, 16)))
    model = nn.Sequential(*dense(rng, 16, 24, 6, 24, 16, activation=nn.Tanh, weights="glorot_uniform()"))
    return Training(model, x, x, nn.MSELoss(), nn.Adam(model, lr=2e-3), 50)


HEALTHY = [
    Healthy("spectra, a small rate, still rising", _spectra_slow, 40),
    Healthy("spectra, one layer on 100 columns, 15 epochs", _spectra_line, 15),
    Healthy("load, 1500 rows", _load, 40),
    Healthy("load, its owner's loop", _load_by_hand, 60),
    Healthy("ratings, light decay", _ratings, 70),
    Healthy("counts of a shop, plain SGD", _counts, 50),
    Healthy("matches with much luck", _matches, 40),
    Healthy("returns, a tenth known", _returns, 60),
    Healthy("returns, a line, 10 epochs", _returns_line, 10),
    Healthy("blood values, 60% missing, light dropout", _blood, 60),
    Healthy("three tasks, two of them noisy", _three_tasks, 50),
    Healthy("two kinds, 60 rows, six units", _two_kinds, 40),
    Healthy("twelve kinds that overlap", _twelve_kinds, 40),
    Healthy("one-hot of four kinds by squares", _one_hot_by_squares, 40),
    Healthy("autoencoder of noisy columns", _autoencoder, 60),
]
