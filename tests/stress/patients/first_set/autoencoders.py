"""Autoencoders: networks that give back their own input through a narrow middle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import nnscratch as nn
from patients.patient import Healthy, Patient, Training


def sensors(seed: int, rows: int = 700) -> np.ndarray:
    """20 sensors that hang on 4 causes; each has mean 0, spread 1."""
    rng = np.random.default_rng(seed)
    x = np.tanh(rng.normal(0, 1, (rows, 4)) @ rng.normal(0, 0.7, (4, 20))) + rng.normal(0, 0.05, (rows, 20))
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)


def of_sensors(seed: int, fault: str) -> Training:
    """20 - 32 - 5 - 32 - 20, Tanh, Adam."""
    x = sensors(seed)
    y = x.copy()
    middle = 1 if fault == "middle of 1" else 5
    decay = 20.0 if fault == "decay" else 0.0
    rng = np.random.default_rng(seed + 100)
    layers: list[nn.Layer] = [
        nn.Dense(20, 32, rng=rng),
        nn.Tanh(),
        nn.Dense(32, middle, rng=rng),
        nn.Dense(middle, 32, rng=rng),
        nn.Tanh(),
        nn.Dense(32, 20, rng=rng),
    ]
    if fault == "relu":
        layers.append(nn.ReLU())
    elif fault == "dropout in the middle":
        layers.insert(3, nn.Dropout(0.9, rng=rng))
    elif fault == "dropout at the end":
        layers.append(nn.Dropout(0.75, rng=rng))
    elif fault == "shuffled":
        y = rng.permutation(y)
    elif fault in ("code of a dead sensor", "gaps"):
        code = np.float32(np.nan if fault == "gaps" else -99)
        y[:, ::2] = np.where(rng.random((len(y), 10)) < 0.3, code, y[:, ::2])
    model = nn.Sequential(*layers)
    optimizer = nn.Adam(model, lr=0.003, weight_decay=decay)
    return Training(model, x, y, nn.MSELoss(), optimizer, 50)


def of_pictures(seed: int, fault: str) -> Training:
    """8 x 8 pictures of soft waves, 0..1; a Sigmoid gives them back."""
    rng = np.random.default_rng(seed)
    phase, pitch = rng.uniform(0, 2 * np.pi, (500, 1)), rng.uniform(0, 2 * np.pi, (500, 1))
    at = np.arange(64)
    x = 0.5 + 0.25 * np.sin(at // 8 * 0.8 + phase) + 0.2 * np.sin(at % 8 * 0.8 + pitch) + rng.normal(0, 0.02, (500, 64))
    x = np.clip(x, 0, 1).astype(np.float32)
    y = x * np.float32(255) if fault == "bytes" else x.copy()
    rng = np.random.default_rng(seed + 100)
    model = nn.Sequential(
        nn.Dense(64, 30, weight_init="he_normal", rng=rng),
        nn.ReLU(),
        nn.Dense(30, 6, weight_init="he_normal", rng=rng),
        nn.Dense(6, 30, weight_init="he_normal", rng=rng),
        nn.ReLU(),
        nn.Dense(30, 64, rng=rng),
        nn.Sigmoid(),
    )
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.005), 50)


def of(make: Callable[[int, str], Training], fault: str, cure: str = "") -> Callable[[int, bool], Training]:
    """The training with the fault, and without it when cured."""
    return lambda seed, cured: make(seed, cure if cured else fault)


PATIENTS: list[Patient] = [
    Patient("a middle of one unit, sensors", "Gives back a tenth.", ("too_small",), of(of_sensors, "middle of 1"), 40),
    Patient(
        "relu behind the output, sensors",
        "Nothing below 0 ever comes back.",
        ("relu_output", "silent_output"),
        of(of_sensors, "relu"),
        40,
    ),
    Patient(
        "dropout in the narrow middle, sensors",
        "The loss is hardly below 1.",
        ("dropout_too_strong",),
        of(of_sensors, "dropout in the middle"),
        40,
    ),
    Patient(
        "dropout behind the output, sensors",
        "The loss stays high, what comes back is pale.",
        ("dropout_output",),
        of(of_sensors, "dropout at the end"),
        40,
    ),
    Patient("targets from another shuffle, sensors", "All 0.", ("misaligned_rows",), of(of_sensors, "shuffled"), 15),
    Patient(
        "-99 of a dead sensor, sensors",
        "Half of the sensors come back far too low.",
        ("placeholder_labels",),
        of(of_sensors, "code of a dead sensor", "gaps"),
        40,
    ),
    Patient("weight decay 20, sensors", "It gives back zeros.", ("decay_dominates",), of(of_sensors, "decay"), 40),
    Patient(
        "a Sigmoid for pixels 0 to 255",
        "White pictures come out, all the same.",
        ("silent_output", "targets_unscaled"),
        of(of_pictures, "bytes"),
        40,
    ),
]

HEALTHY: list[Healthy] = [
    Healthy("autoencoder of 20 sensors", lambda seed: of_sensors(seed, ""), 60),
    Healthy("autoencoder of pictures, sigmoid at the end", lambda seed: of_pictures(seed, ""), 60),
]
