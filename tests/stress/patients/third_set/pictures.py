"""Convolutions on pictures of 8x8 to 20x20."""

from __future__ import annotations

import numpy as np

import nnscratch as nn

from ..patient import Patient, Training


def blobs(seed: int, rows: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows, side, side, 1) pictures of a noisy blob, 0..1, and its place, (rows, 2)."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(-0.55, 0.55, (rows, 2))
    axis = np.linspace(-1, 1, side)
    down = np.square(axis[:, np.newaxis] - place[:, :1, np.newaxis])
    across = np.square(axis - place[:, 1:, np.newaxis])
    x = np.exp(-(down + across) / 0.06) + 0.03 * rng.normal(size=(rows, side, side))
    return x[..., np.newaxis].astype(np.float32), place.astype(np.float32)


def stripes(seed: int, rows: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of stripes 0..1 and which of four directions they run in, (rows,)."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, rows)
    angle, phase = (y * np.pi / 4)[:, np.newaxis, np.newaxis], rng.uniform(0, 6.3, (rows, 1, 1))
    down, across = np.mgrid[:side, :side]
    x = 0.5 + 0.4 * np.sin(1.6 * (np.cos(angle) * down + np.sin(angle) * across) + phase)
    return (x + 0.1 * rng.normal(size=x.shape))[..., np.newaxis].astype(np.float32), y


def averaged(seed: int, cured: bool) -> Training:
    x, y = blobs(seed, 300, 12)
    rng = np.random.default_rng(seed)
    body = [nn.Conv2D(1, 8, 3, weight_init="he_normal", rng=rng), nn.ReLU(), nn.MaxPool2D(2)]
    head = [nn.Flatten(), nn.Dense(200, 2, rng=rng)]
    if not cured:
        head = [nn.AveragePool2D(5), nn.Flatten(), nn.Dense(8, 2, rng=rng)]
    model = nn.Sequential(*body, *head)
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.003))


def one_window(seed: int, cured: bool) -> Training:
    x, place = blobs(seed, 300, 16)
    y = (2 * (place[:, 0] > 0) + (place[:, 1] > 0)).astype(np.int64)
    rng = np.random.default_rng(seed)
    pool, size = (4, 3) if cured else (14, 1)
    model = nn.Sequential(
        nn.Conv2D(1, 6, 3, rng=rng), nn.LeakyReLU(), nn.MaxPool2D(pool), nn.Flatten(), nn.Dense(6 * size**2, 4, rng=rng)
    )
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), nn.Adam(model, lr=0.01))


def lenet(seed: int, side: int) -> nn.Sequential:
    rng = np.random.default_rng(seed)
    half = (side - 2) // 2
    return nn.Sequential(
        nn.Conv2D(1, 6, 3, rng=rng),
        nn.Tanh(),
        nn.MaxPool2D(2),
        nn.Flatten(),
        nn.Dense(6 * half**2, 24, rng=rng),
        nn.Tanh(),
        nn.Dense(24, 4, rng=rng),
    )


def bytes_into_lenet(seed: int, cured: bool) -> Training:
    x, y = stripes(seed, 300, 10)
    model = lenet(seed, 10)
    return Training(model, x if cured else 255 * x, y, nn.SoftmaxCrossEntropy(), nn.SGD(model, lr=0.05, momentum=0.9))


def whole_division(seed: int, cured: bool) -> Training:
    x, y = stripes(seed, 300, 8)
    pixels = np.clip(200 * x, 0, 254)
    model = lenet(seed, 8)
    x = (pixels / 255 if cured else pixels // 255).astype(np.float32)
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), nn.Adam(model, lr=0.005))


def file_names(seed: int, cured: bool) -> Training:
    x, y = blobs(seed, 250, 14)
    order = sorted(range(250)) if cured else sorted(range(250), key=str)
    rng = np.random.default_rng(seed)
    model = nn.Sequential(nn.Conv2D(1, 4, 3, stride=2, rng=rng), nn.ReLU(), nn.Flatten(), nn.Dense(144, 2, rng=rng))
    return Training(model, x[order], y, nn.MSELoss(), nn.Adam(model, lr=0.003))


def small_kernels(seed: int, cured: bool) -> Training:
    x, y = blobs(seed, 150, 10)
    init = "he_normal()" if cured else "normal(0.01)"
    rng = np.random.default_rng(seed)
    convolutions = [nn.Conv2D(1 if n == 0 else 6, 6, 3, padding=1, weight_init=init, rng=rng) for n in range(3)]
    body = [layer for conv in convolutions for layer in (conv, nn.ReLU())]
    model = nn.Sequential(*body, nn.MaxPool2D(2), nn.Flatten(), nn.Dense(150, 2, weight_init=init, rng=rng))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.03, momentum=0.9))


def keypoints(seed: int, side: int, *last: nn.Layer) -> nn.Sequential:
    rng = np.random.default_rng(seed)
    half = (side - 2) // 2
    return nn.Sequential(
        nn.Conv2D(1, 6, 3, weight_init="he_normal", rng=rng),
        nn.ReLU(),
        nn.MaxPool2D(2),
        nn.Flatten(),
        nn.Dense(6 * half**2, 20, weight_init="he_normal", rng=rng),
        nn.ReLU(),
        nn.Dense(20, 2, rng=rng),
        *last,
    )


def places_above_zero(seed: int, cured: bool) -> Training:
    x, y = blobs(seed, 250, 10)
    model = keypoints(seed, 10, *([] if cured else [nn.ReLU()]))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.003))


def fine_tuning_rate(seed: int, cured: bool) -> Training:
    x, y = blobs(seed, 250, 10)
    model = keypoints(seed, 10)
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.002 if cured else 1e-6))


def raw_bytes(seed: int, cured: bool) -> Training:
    x, y = blobs(seed, 250, 10)
    model = keypoints(seed, 10)
    return Training(model, x if cured else 255 * x, y, nn.MSELoss(), nn.SGD(model, lr=0.05, momentum=0.9))


PATIENTS: list[Patient] = [
    Patient(
        "global average before a keypoint, 12x12",
        "The mean place for all pictures, with the head of a classifier (pvnet #131)",
        ("pooled_away",),
        averaged,
        40,
    ),
    Patient(
        "one maximum of the whole 16x16 picture, which quarter",
        "A quarter right of four quarters",
        ("pooled_away",),
        one_window,
        30,
    ),
    Patient(
        "pixels 0..255 into LeNet with tanh, stripes",
        "The same class for all (deep-learning-models #20: img = img / 255)",
        ("input_unscaled", "saturated_units"),
        bytes_into_lenet,
        25,
    ),
    Patient(
        "uint8 pixels, // 255",
        "Every input produces the same output (caffe #4300)",
        ("constant_input",),
        whole_division,
        40,
    ),
    Patient(
        "pictures in the order of their names, 1 10 100",
        "Training loss stays at the variance of the labels (fast-DiT #4, own_data_cnn #4)",
        ("misaligned_rows",),
        file_names,
        40,
    ),
    Patient(
        "gaussian weights of 0.01, three convolutions",
        "AlexNet's numbers give any body the same joints (caffe #1396)",
        ("vanishing_signal", "vanishing_gradient"),
        small_kernels,
        25,
    ),
    Patient(
        "coordinates -1..1 and a relu behind them",
        "Places right of the middle are found, all others are 0 (Character_Animation #3)",
        ("relu_output", "silent_output"),
        places_above_zero,
        30,
    ),
    Patient(
        "fine-tuning's rate, 1e-6, on a fresh network",
        "The loss is the same to three digits after all epochs",
        ("step_too_small",),
        fine_tuning_rate,
        30,
    ),
    Patient(
        "pixels 0..255, relu, SGD with momentum",
        "Loss of 1e5, then nan or a constant (keras #2711: check the value range)",
        ("input_unscaled", "exploding_signal", "step_too_large", "dead_units"),
        raw_bytes,
        30,
    ),
]
