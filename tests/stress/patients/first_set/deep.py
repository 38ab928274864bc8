"""Deep networks, and networks whose first weights, units or shapes do not fit the task."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import nnscratch as nn
from patients.first_set.losses_of_their_own import Sine
from patients.patient import Healthy, Patient, Training


def waves(seed: int, rows: int, columns: int, outputs: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Sums of waves along a few directions of the columns; x standardised, y too."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (rows, columns))
    y = np.sin(1.5 * x[:, :3]) @ rng.normal(0, 1, (3, outputs)) + 0.5 * x[:, 1:2] + rng.normal(0, 0.1, (rows, outputs))
    return x.astype(np.float32), ((y - y.mean(axis=0)) / y.std(axis=0)).astype(np.float32)


def deep_relu(seed: int, fault: str) -> Training:
    """Six hidden ReLU layers."""
    x, y = waves(seed, 500, 10)
    start = {"small": "normal(0.02)", "large": "normal(2)"}.get(fault, "he_normal")
    rng = np.random.default_rng(seed + 100)
    layers: list[nn.Layer] = []
    for n_in in (10, 32, 32, 32, 32, 32):
        layers += [nn.Dense(n_in, 32, weight_init=start, rng=rng), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Dense(32, 1, weight_init=start, rng=rng))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.02, momentum=0.8))


def deep_sigmoid(seed: int, fault: str) -> Training:
    """Four hidden Sigmoid layers of 30; the cure's weights make up for a Sigmoid's slope."""
    x, y = waves(seed, 500, 6)
    rng = np.random.default_rng(seed + 100)
    start, bias = f"normal({4 / 30**0.5})", "constant(0)"
    if fault == "glorot":
        start = "normal(0.1)"
    elif fault == "bias":
        bias = "constant(-12)"
    layers: list[nn.Layer] = []
    for n_in in (6, 30, 30, 30):
        layers += [nn.Dense(n_in, 30, weight_init=start, bias_init=bias, rng=rng), nn.Sigmoid()]
    model = nn.Sequential(*layers, nn.Dense(30, 1, rng=rng))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.05, momentum=0.9))


def deep_tanh(seed: int, fault: str) -> Training:
    """Five hidden Tanh layers of 24."""
    x, y = waves(seed, 400, 5)
    start = "normal(8)" if fault == "wide" else "glorot_normal"
    bias = "constant(6)" if fault == "bias" else "constant(0)"
    rng = np.random.default_rng(seed + 100)
    layers: list[nn.Layer] = []
    for n_in in (5, 24, 24, 24, 24):
        layers += [nn.Dense(n_in, 24, weight_init=start, bias_init=bias, rng=rng), nn.Tanh()]
    model = nn.Sequential(*layers, nn.Dense(24, 1, rng=rng))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.008, momentum=0.9))


def sines(seed: int, fault: str) -> Training:
    """Five layers of sines: forward within 1 whatever the weights, back as steep as these are."""
    x, y = waves(seed, 400, 6)
    rng = np.random.default_rng(seed + 100)
    start = "normal(1)" if fault else "glorot_normal"
    layers: list[nn.Layer] = []
    for n_in in (6, 40, 40, 40, 40):
        layers += [nn.Dense(n_in, 40, weight_init=start, rng=rng), Sine()]
    model = nn.Sequential(*layers, nn.Dense(40, 1, weight_init="glorot_normal", rng=rng))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.02, momentum=0.8))


def peaks(seed: int, fault: str) -> Training:
    """A product and a distance of two columns: nothing in it is linear."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.5, 1.5, (500, 2)).astype(np.float32)
    y = x[:, :1] * x[:, 1:] + np.exp(-4 * np.square(x).sum(axis=1, keepdims=True))
    rng = np.random.default_rng(seed + 100)
    layers: list[nn.Layer] = [nn.Dense(2, 40, weight_init="he_normal", rng=rng), nn.ReLU()]
    layers += [nn.Dense(40, 40, weight_init="he_normal", rng=rng), nn.ReLU(), nn.Dense(40, 1, rng=rng)]
    if fault:
        layers = [layer for layer in layers if not isinstance(layer, nn.ReLU)]
    model = nn.Sequential(*layers)
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.004))


def robot_arm(seed: int, fault: str) -> Training:
    """Three joint forces from 8 readings; in other units, or one from another file."""
    x, y = waves(seed, 600, 8, 3)
    rng = np.random.default_rng(seed + 100)
    if fault == "one output's labels shuffled":
        y[:, 1] = rng.permutation(y[:, 1])
    elif fault == "one output in other units":
        y[:, 1] *= np.float32(0.003)
        y[:, 2] *= np.float32(30)
        y[:, 0] *= np.float32(0.003)
    model = nn.Sequential(nn.Dense(8, 40, rng=rng), nn.Tanh(), nn.Dense(40, 3, rng=rng))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.005))


def spectra(seed: int, fault: str) -> Training:
    """200 channels of a spectrum, made by 6 substances, whose amounts are asked."""
    rng = np.random.default_rng(seed)
    amounts = rng.normal(0, 1, (300, 6))
    lines = np.exp(-np.square(np.linspace(0, 1, 200) - rng.uniform(0, 1, (6, 1))) / 0.004)
    x = amounts @ lines + rng.normal(0, 0.05, (300, 200))
    neck = 1 if fault else 12
    rng = np.random.default_rng(seed + 100)
    model = nn.Sequential(
        nn.Dense(200, 40, rng=rng),
        nn.Tanh(),
        nn.Dense(40, neck, rng=rng),
        nn.Tanh(),
        nn.Dense(neck, 6, rng=rng),
    )
    return Training(model, x.astype(np.float32), amounts.astype(np.float32), nn.MSELoss(), nn.Adam(model, lr=0.003))


def of(make: Callable[[int, str], Training], fault: str) -> Callable[[int, bool], Training]:
    """The training with the fault, and without it when cured."""
    return lambda seed, cured: make(seed, "" if cured else fault)


PATIENTS: list[Patient] = [
    Patient(
        "six ReLU layers, normal(0.02)",
        "The loss is the variance, flat.",
        ("vanishing_signal", "vanishing_gradient"),
        of(deep_relu, "small"),
        40,
    ),
    Patient(
        "six ReLU layers, normal(2)",
        "nan after two batches.",
        ("exploding_signal", "exploding_gradient"),
        of(deep_relu, "large"),
        40,
    ),
    Patient(
        "four Sigmoid layers, normal(0.1)",
        "Always the mean, whatever the rate.",
        ("vanishing_gradient", "vanishing_signal"),
        of(deep_sigmoid, "glorot"),
    ),
    Patient(
        "four Sigmoid layers, biases of -12",
        "The same for every row.",
        ("saturated_by_bias",),
        of(deep_sigmoid, "bias"),
    ),
    Patient("five Tanh layers, normal(8)", "Noise.", ("saturated_units",), of(deep_tanh, "wide")),
    Patient("five Tanh layers, biases of 6", "A flat line.", ("saturated_by_bias",), of(deep_tanh, "bias")),
    Patient("five layers of sines, normal(1)", "Noise.", ("exploding_gradient",), of(sines, "normal(1)"), 40),
    Patient(
        "three Dense layers in a row",
        "More layers do not help, more units neither.",
        ("no_nonlinearity",),
        of(peaks, "linear"),
    ),
    Patient(
        "one force of three from another file",
        "Two outputs are fine, one is its mean.",
        ("output_not_learnt", "misaligned_rows"),
        of(robot_arm, "one output's labels shuffled"),
        30,
    ),
    Patient(
        "forces in different units",
        "The two small ones are nothing but noise.",
        ("columns_unscaled", "output_not_learnt"),
        of(robot_arm, "one output in other units"),
        30,
    ),
    Patient("a bottleneck of one, spectra", "One substance at most.", ("too_small",), of(spectra, "neck"), 40),
]

HEALTHY: list[Healthy] = [
    Healthy("six ReLU layers", lambda seed: deep_relu(seed, "")),
    Healthy("five layers of sines, own layer", lambda seed: sines(seed, ""), 40),
    Healthy("four Sigmoid layers", lambda seed: deep_sigmoid(seed, ""), 80),
    Healthy("five Tanh layers", lambda seed: deep_tanh(seed, ""), 80),
    Healthy("three forces, one hidden layer", lambda seed: robot_arm(seed, "")),
    Healthy("spectra of 200 channels", lambda seed: spectra(seed, "")),
]
