"""Series of measurements in the order of time, cut into windows; and curves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import nnscratch as nn
from patients.patient import Healthy, Patient, Training


def sales(seed: int) -> np.ndarray:
    """Weekly sales of 20 years: seasons, two cycles and noise, about mean 0 and spread 1."""
    t = np.arange(1040)
    slow = np.cumsum(np.random.default_rng(seed).normal(0, 0.15, t.size))
    series = np.sin(2 * np.pi * t / 52) + 0.5 * np.sin(2 * np.pi * t / 13) + 0.2 * np.sin(slow)
    return series + np.random.default_rng(seed + 1).normal(0, 0.1, t.size)


def windows(series: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """`length` values and the one that follows, from every moment, in the order of time."""
    cut = np.lib.stride_tricks.sliding_window_view(series, length + 1).astype(np.float32)
    return np.ascontiguousarray(cut[:, :-1]), np.ascontiguousarray(cut[:, -1:])


def forecast(seed: int, fault: str) -> Training:
    """The next week from the last 12."""
    series = sales(seed)
    x, y = windows(series, 12)
    lr, p = 0.02, 0.0
    if fault == "pieces sold":
        y = y + np.float32(200)
    elif fault == "labels a quarter late":
        y = np.random.default_rng(seed).permutation(y)
    elif fault in ("tanh", "counted from 1.5"):
        y = y + np.float32(1.5)
    elif fault == "momentum":
        lr = 4.0
    elif fault == "dropout on the window":
        p = 0.8
    elif fault == "thousands":
        x = x * np.float32(2000) + np.float32(9000)
    rng = np.random.default_rng(seed + 100)
    layers: list[nn.Layer] = [nn.Dense(12, 24, weight_init="he_normal", rng=rng), nn.ReLU(), nn.Dense(24, 1, rng=rng)]
    if fault == "tanh":
        layers.append(nn.Tanh())
    if p:
        layers.insert(0, nn.Dropout(p, rng=rng))
    model = nn.Sequential(*layers)
    adam = fault in ("pieces sold", "Adam")
    optimizer = nn.Adam(model, lr=0.003) if adam else nn.SGD(model, lr=lr, momentum=0.9)
    return Training(model, x, y, nn.MSELoss(), optimizer, 64)


def heart(seed: int, fault: str) -> Training:
    """When the next beat comes: the place of a peak among 40 samples, a picture of one row."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(8, 32, 300)
    x = np.exp(-np.square(np.arange(40) - place[:, np.newaxis]) / 4) + rng.normal(0, 0.05, (300, 40))
    y = ((place - 20) / 7).astype(np.float32)[:, np.newaxis]
    rng = np.random.default_rng(seed + 100)
    pooled = 40 if fault else 4
    model = nn.Sequential(
        nn.Conv2D(1, 6, (1, 5), padding=(0, 2), weight_init="he_normal", rng=rng),
        nn.ReLU(),
        nn.AveragePool2D((1, pooled)),
        nn.Flatten(),
        nn.Dense(240 // pooled, 20, weight_init="he_normal", rng=rng),
        nn.ReLU(),
        nn.Dense(20, 1, rng=rng),
    )
    pictures = x.astype(np.float32).reshape(300, 1, 40, 1)
    return Training(model, pictures, y, nn.MSELoss(), nn.Adam(model, lr=0.01), 30)


def curve(seed: int, fault: str) -> Training:
    """y over np.linspace, 150 points, one hidden layer."""
    x = np.linspace(-2, 2, 150, dtype=np.float32)[:, np.newaxis]
    noise = np.random.default_rng(seed).normal(0, 0.05, x.shape)
    y = (np.sin(4 * x) * np.exp(-np.abs(x) / 2) + noise).astype(np.float32)
    units = 2 if fault == "two units" else 60
    spread = "normal(3)"
    rng = np.random.default_rng(seed + 100)
    model = nn.Sequential(
        nn.Dense(1, units, weight_init=spread, bias_init=spread, rng=rng), nn.Tanh(), nn.Dense(units, 1, rng=rng)
    )
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.01), 15)


def failures(seed: int, fault: str) -> Training:
    """Hours that a pump stood still per day, from 9 sensors: 0 but for a few days of the year."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (1000, 9))
    stress = x[:, 0] + np.abs(x[:, 1]) + rng.normal(0, 0.2, 1000)
    y = np.maximum(stress - np.quantile(stress, 0.985 if fault else 0.3), 0).astype(np.float32)[:, np.newaxis]
    rng = np.random.default_rng(seed + 100)
    model = nn.Sequential(nn.Dense(9, 20, weight_init="he_normal", rng=rng), nn.ReLU(), nn.Dense(20, 1, rng=rng))
    return Training(model, x.astype(np.float32), y, nn.MSELoss(), nn.SGD(model, lr=0.02), 50)


def straight_line(seed: int) -> Training:
    """A trend of 60 points, one Dense layer, plain SGD."""
    x = np.linspace(-1, 1, 60, dtype=np.float32)[:, np.newaxis]
    y = (1.5 * x + 0.3 + np.random.default_rng(seed).normal(0, 0.2, x.shape)).astype(np.float32)
    model = nn.Sequential(nn.Dense(1, 1, rng=seed + 100))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.1), 10)


def three_steps_ahead(seed: int) -> Training:
    """The next three weeks from 20, Adam, mild weight decay."""
    x, _ = windows(sales(seed), 22)
    rng = np.random.default_rng(seed + 100)
    model = nn.Sequential(nn.Dense(19, 32, rng=rng), nn.Tanh(), nn.Dense(32, 3, rng=rng))
    y = np.ascontiguousarray(x[:, 19:])
    optimizer = nn.Adam(model, lr=0.003, weight_decay=0.001)
    return Training(model, np.ascontiguousarray(x[:, :19]), y, nn.MSELoss(), optimizer, 50)


def of(make: Callable[[int, str], Training], fault: str, cure: str = "") -> Callable[[int, bool], Training]:
    """The training with the fault, and without it when cured."""
    return lambda seed, cured: make(seed, cure if cured else fault)


PATIENTS: list[Patient] = [
    Patient(
        "sales of about 200 with little spread, Adam",
        "The loss falls and falls, the forecast is far off.",
        ("targets_off_centre",),
        of(forecast, "pieces sold", "Adam"),
        40,
    ),
    Patient(
        "windows and the next week from two exports",
        "Last year the same notebook gave a forecast.",
        ("misaligned_rows",),
        of(forecast, "labels a quarter late"),
        20,
    ),
    Patient(
        "tanh behind the output, sales",
        "A flat line at 1.",
        ("silent_output",),
        of(forecast, "tanh", "counted from 1.5"),
        40,
    ),
    Patient("momentum 0.9 at a rate of 4, sales", "nan.", ("step_too_large",), of(forecast, "momentum"), 20),
    Patient(
        "dropout 0.8 on the window, sales",
        "Curves as if drawn with a blunt pencil.",
        ("dropout_too_strong",),
        of(forecast, "dropout on the window"),
        40,
    ),
    Patient("raw sales in the window", "nan, or a flat line.", ("input_unscaled",), of(forecast, "thousands"), 40),
    Patient("pooled over all moments, heart", "The mean time, always.", ("pooled_away",), of(heart, "all"), 20),
    Patient("two units for four bends", "It follows one bend.", ("too_small",), of(curve, "two units"), 150),
    Patient("a pump that rarely fails", "It forecasts no failure.", ("sparse_targets",), of(failures, "rare"), 40),
]

HEALTHY: list[Healthy] = [
    Healthy("next week's sales, SGD", lambda seed: forecast(seed, ""), 60),
    Healthy("place of a peak, one-row pictures", lambda seed: heart(seed, ""), 25),
    Healthy("a curve over linspace", lambda seed: curve(seed, ""), 200),
    Healthy("a straight line", straight_line, 60),
    Healthy("three weeks ahead, mild weight decay", three_steps_ahead, 60),
]
