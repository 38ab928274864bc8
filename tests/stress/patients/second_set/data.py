"""Rows whose labels or inputs are not what their owner thinks."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from patients.patient import Patient, Training
from patients.second_set import batches, blobs, dense_layers


def _table(seed: int, rows: int, columns: int, outputs: int = 1) -> tuple[np.random.Generator, np.ndarray, np.ndarray]:
    """Rows and smooth answers of unit size."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (rows, columns))
    y = np.tanh(x @ rng.normal(0, 1, (columns, outputs))) + np.sin(x @ rng.normal(0, 0.7, (columns, outputs)))
    return rng, x.astype(np.float32), y.astype(np.float32)


def _trained(x: np.ndarray, y: np.ndarray, hidden: list[int], seed: int, lr: float = 0.01) -> Training:
    model = nn.Sequential(nn.Flatten(), *dense_layers([x[0].size, *hidden, y.shape[1]], seed))
    x, y = x.astype(np.float32), y.astype(np.float32)
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=lr))


def sorted_labels(seed: int, cured: bool) -> Training:
    _, x, y = _table(seed, 800, 5)
    return _trained(x, y if cured else np.sort(y, axis=0), [24], seed)


def next_row(seed: int, cured: bool) -> Training:
    _, x, y = _table(seed, 1000, 4, 2)
    return _trained(x, y if cured else np.roll(y, 1, axis=0), [20, 20], seed)


def file_names(seed: int, cured: bool) -> Training:
    pictures, places = blobs(np.random.default_rng(seed), 400, 10)
    as_text = sorted(range(400), key=str)  # 0, 1, 10, 100, 101, ...
    return _trained(pictures if cured else pictures[as_text], places / 5 - 1, [16], seed, 0.003)


def heatmap(seed: int, cured: bool) -> Training:
    pictures, places = blobs(np.random.default_rng(seed), 500, 12)
    grid = np.arange(12)
    squares = np.square(grid[:, np.newaxis] - places[:, 0, np.newaxis, np.newaxis]) + np.square(
        grid - places[:, 1, np.newaxis, np.newaxis]
    )
    peak = squares == squares.min(axis=(1, 2), keepdims=True)
    y = np.exp(-squares / 8) if cured else peak
    return _trained(pictures, y.reshape(500, -1), [24], seed, 0.001)


def rare_claims(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (20000, 8))
    claim = (x[:, 0] + x[:, 1] - x[:, 2] > 4) * (1 + 0.3 * np.tanh(x[:, 3]))
    some = np.flatnonzero(claim > 0)
    rest = np.flatnonzero(claim == 0)
    kept = np.concatenate([some, rest[: len(some)]]) if cured else np.arange(2000)
    training = _trained(x[kept], claim[kept, np.newaxis], [16], seed)
    training.optimizer = nn.SGD(training.model, lr=0.02)
    return training


def minus_one(seed: int, cured: bool) -> Training:
    rng, x, y = _table(seed, 600, 12, 4)
    y = 0.5 + 0.2 * y
    y[rng.random(y.shape) < 0.45] = np.nan if cured else -1
    return _trained(x, y, [24], seed, 0.01)


def nines(seed: int, cured: bool) -> Training:
    rng, x, y = _table(seed, 700, 6)
    y = 15 + 8 * y
    y[rng.random(y.shape) < 0.04] = np.nan if cured else 999
    return _trained(x, y, [20], seed, 0.03)


def integer_division(seed: int, cured: bool) -> Training:
    pictures, places = blobs(np.random.default_rng(seed), 300, 12)
    counts = (250 * pictures).astype(np.uint8)
    return _trained(counts / 255 if cured else counts // 255, places / 6 - 1, [32], seed, 0.005)


def one_buffer(seed: int, cured: bool) -> Training:
    _, x, y = _table(seed, 300, 6)
    buffer = np.empty(6, np.float32)
    rows = []
    for row in x:
        buffer[:] = row
        rows.append(buffer.copy() if cured else buffer)
    return _trained(np.stack(rows), y, [24], seed)


def empty_columns(seed: int, cured: bool) -> Training:
    _, x, y = _table(seed, 500, 40)
    y = np.sin(2 * x[:, [0]]) + x[:, [1]] * x[:, [2]]
    if not cured:
        x[:, :3] = 0
        x[:, 3:] = 1
    return _trained(x, y, [24, 24], seed)


def plain_loop(training: Training, epochs: int) -> None:
    """A loop of the owner's own, which shuffles and skips what cannot be computed."""
    rng = np.random.default_rng(0)
    for _ in range(epochs):
        for rows in batches(len(training.x), training.batch_size, rng):
            try:
                prediction = training.model.forward(training.x[rows], training=True)
            except ValueError:
                continue
            training.loss.forward(prediction, training.y[rows])
            training.model.backward(training.loss.backward())
            training.optimizer.step()


def failed_join(seed: int, cured: bool) -> Training:
    _, x, y = _table(seed, 400, 6, 2)
    training = _trained(x, y if cured else np.full_like(y, np.nan), [24], seed)
    training.loop = plain_loop
    return training


def log_of_zero(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(2, (400, 6))
    with np.errstate(divide="ignore"):
        x = np.log(counts + 1) if cured else np.log(counts)
    y = np.sqrt(counts[:, [0]]) - np.sqrt(counts[:, [1]]) + counts[:, [2]] / 4
    training = _trained(x, y, [24], seed)
    training.loop = plain_loop
    return training


PATIENTS = [
    Patient(
        "labels sorted by themselves",
        "I sorted the table for a plot. Since then R2 is 0, with any network.",
        ("misaligned_rows",),
        sorted_labels,
    ),
    Patient(
        "labels of the row before",
        "The loss goes to the variance of the labels and stays there.",
        ("misaligned_rows",),
        next_row,
        30,
    ),
    Patient(
        "pictures in the order of their file names as text",
        "It predicts the middle of the picture for every blob.",
        ("misaligned_rows",),
        file_names,
        40,
    ),
    Patient(
        "heat maps of one bright pixel",
        "The loss is 0.007 at once, and the map that comes out is black.",
        ("sparse_targets",),
        heatmap,
        40,
    ),
    Patient(
        "claims, nearly all of them 0",
        "Predicts about 0 for everybody, and the error looks excellent.",
        ("sparse_targets",),
        rare_claims,
        30,
    ),
    Patient(
        "-1 for a missing label",
        "Some labels are missing, so I filled them. The predictions sit between -1 and the real ones.",
        ("placeholder_labels",),
        minus_one,
        80,
    ),
    Patient(
        "999 for a missing temperature",
        "The loss is in the tens of thousands, though temperatures go from 0 to 30.",
        ("placeholder_labels",),
        nines,
    ),
    Patient(
        "pixels divided as integers",
        "Every picture gets the same answer.",
        ("constant_input",),
        integer_division,
        40,
    ),
    Patient(
        "one buffer appended for every row",
        "My reader fills the rows one by one; the network gives one value for all of them.",
        ("constant_input",),
        one_buffer,
        40,
    ),
    Patient(
        "40 columns that a merge left empty",
        "I filled the gaps with constants after merging. R2 is 0.00, exactly the mean.",
        ("constant_input",),
        empty_columns,
        40,
    ),
    Patient(
        "a join that found no label",
        "The loss is 0.0 from the first batch, but the predictions are random.",
        ("unlabelled",),
        failed_join,
        30,
    ),
    Patient(
        "logarithm of counts of 0",
        "My loop skips batches that fail. It never learns anything.",
        ("not_finite",),
        log_of_zero,
        60,
    ),
]
