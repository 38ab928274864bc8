"""Which of several classes is it: softmax, and what goes wrong around it."""

from __future__ import annotations

import numpy as np

import nnscratch as nn

from ..patient import Patient, Training
from .depth import circles
from .tables import dense, table


def clusters(seed: int, rows: int, columns: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows, columns) points around two centres per class, and their (rows,) classes."""
    rng = np.random.default_rng(seed)
    centres = 1.2 * rng.normal(size=(classes, 2, columns))
    y = rng.integers(0, classes, rows)
    x = centres[y, rng.integers(0, 2, rows)] + 0.6 * rng.normal(size=(rows, columns))
    return x.astype(np.float32), y


def relu_logits(seed: int, cured: bool) -> Training:
    x, y = clusters(seed, 600, 20, 10)
    last = [] if cured else [nn.ReLU()]
    model = nn.Sequential(*dense([20, 64, 10], seed), *last)
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), nn.SGD(model, lr=0.5, momentum=0.9))


def tanh_one_hot(seed: int, cured: bool) -> Training:
    x, y = clusters(seed, 500, 12, 4)
    model = nn.Sequential(*dense([12, 14, 8, 4], seed, nn.Tanh))
    one_hot = np.eye(4, dtype=np.float32)[y]
    return Training(model, x, one_hot if cured else np.roll(one_hot, 1, axis=0), nn.MSELoss(), nn.Adam(model, lr=0.003))


def in_order(training: Training, epochs: int) -> None:
    """Rows as they lie there, never shuffled."""
    for _ in range(epochs):
        for start in range(0, len(training.x), training.batch_size):
            rows = slice(start, start + training.batch_size)
            training.loss.forward(training.model.forward(training.x[rows], training=True), training.y[rows])
            training.model.backward(training.loss.backward())
            training.optimizer.step()


def by_label(seed: int, cured: bool) -> Training:
    x, y = clusters(seed, 2000, 16, 5)
    if not cured:
        order = np.argsort(y, kind="stable")
        x, y = x[order], y[order]
    model = nn.Sequential(*dense([16, 32, 5], seed))
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), nn.SGD(model, lr=0.3, momentum=0.9), 20, in_order)


def by_size(seed: int, cured: bool) -> Training:
    x, y = table(seed, 800, 8)
    if not cured:
        order = np.argsort(y[:, 0])
        x, y = x[order], y[order]
    model = nn.Sequential(*dense([8, 32, 1], seed, nn.LeakyReLU))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.1), 10, in_order)


def adam_at_a_tenth(seed: int, cured: bool) -> Training:
    x, y = clusters(seed, 800, 30, 10)
    model = nn.Sequential(*dense([30, 100, 100, 100, 10], seed))
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), nn.Adam(model, lr=0.001 if cured else 0.3))


def places_into_sigmoids(seed: int, cured: bool) -> Training:
    x, inner = circles(seed)
    x = x if cured else 4480 + 240 * x
    model = nn.Sequential(*dense([2, 16, 2], seed, nn.Sigmoid))
    y = inner[:, 0].astype(np.int64)
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), nn.Adam(model, lr=0.03))


def saturated_logistic(seed: int, cured: bool) -> Training:
    x, y = clusters(seed, 500, 10, 2)
    model = nn.Sequential(*dense([10, 30, 1], seed, nn.Tanh), nn.Sigmoid())
    model.layers[-2].params["bias"][:] = 0 if cured else -20
    y = y[:, np.newaxis].astype(np.float32)
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.1, momentum=0.9))


def stars(seed: int, cured: bool) -> Training:
    x, y = table(seed, 500, 14)
    y = np.round(5 + 2 * y)
    last = [] if cured else [nn.Dropout(0.5, rng=seed)]
    model = nn.Sequential(*dense([14, 24, 16, 1], seed), *last)
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.005))


def dropped_logits(seed: int, cured: bool) -> Training:
    x, y = clusters(seed, 400, 60, 3)
    p = 0.2 if cured else 0.97
    layers = dense([60, 24, 12, 3], seed)
    model = nn.Sequential(nn.Dropout(p, rng=seed), *layers[:2], nn.Dropout(p, rng=seed + 1), *layers[2:])
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), nn.Adam(model, lr=0.003))


def decayed_classes(seed: int, cured: bool) -> Training:
    x, y = clusters(seed, 600, 20, 5)
    model = nn.Sequential(*dense([20, 40, 20, 5], seed))
    optimizer = nn.Adam(model, lr=0.003, weight_decay=0.01 if cured else 50.0)
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), optimizer)


PATIENTS: list[Patient] = [
    Patient(
        "relu before the softmax, 10 classes",
        "Some classes are never predicted, the loss stays near 2.3 (DeepKE #21, AUTOTRAINER dying ReLU)",
        ("silent_output", "relu_output", "dead_units", "step_too_large"),
        relu_logits,
    ),
    Patient(
        "one-hot rows rolled by one, axis 0 for axis 1",
        "As good as a guess since I made the labels begin at 0 (Explaining-In-Style #9)",
        ("misaligned_rows",),
        tanh_one_hot,
        40,
    ),
    Patient(
        "five classes, one file after the other",
        "It says the last class for all of them (fastText #74, NormFace #4)",
        ("unshuffled",),
        by_label,
        6,
    ),
    Patient(
        "table sorted by its target, in this order",
        "The answers are all near the largest (anny #95: sorted training data)",
        ("unshuffled",),
        by_size,
        20,
    ),
    Patient(
        "ten classes, three layers of 100, Adam at 0.3",
        "Accuracy is around 10% (keras #2711, AUTOTRAINER oscillating loss)",
        ("step_too_large", "dead_units"),
        adam_at_a_tenth,
        30,
    ),
    Patient(
        "metres on a map, 4240..4720, into 16 sigmoids",
        "Same probabilities for any point (deep-learning-models #20: divide by 255)",
        ("input_unscaled", "saturated_units"),
        places_into_sigmoids,
    ),
    Patient(
        "a prior of e-20 in the bias of the last sigmoid",
        "0.0000 for all rows, and the loss is the share of the ones",
        ("saturated_by_bias", "silent_output", "vanishing_gradient", "saturated_units"),
        saturated_logistic,
    ),
    Patient(
        "stars 0..10, dropout behind the last layer",
        "All answers are too low, by half (deepchem #303, keras #5992)",
        ("dropout_output",),
        stars,
    ),
    Patient(
        "dropout of 0.97 on 60 columns, and on 24 units",
        "Three classes and it knows one, epoch after epoch",
        ("dropout_too_strong",),
        dropped_logits,
    ),
    Patient(
        "AdamW with decay 50, five classes",
        "Cross-entropy is log 5 (caffe #1396: all the weights become zero)",
        ("decay_dominates",),
        decayed_classes,
    ),
]
