"""Training loops that their owners wrote, and what they forgot in them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import nnscratch as nn
from patients.patient import Patient, Training


def step(training: Training, rows: np.ndarray | slice) -> float:
    """One forward, backward and step on these rows; the loss."""
    loss = training.loss.forward(training.model.forward(training.x[rows], training=True), training.y[rows])
    training.model.backward(training.loss.backward())
    training.optimizer.step()
    return loss


def history() -> nn.History:
    return nn.History(["epoch", "loss"], score="loss")


def shuffled(training: Training, epochs: int) -> nn.History:
    """A fresh order every epoch."""
    record, rng = history(), np.random.default_rng(0)
    for epoch in range(1, epochs + 1):
        batches = np.array_split(rng.permutation(len(training.x)), len(training.x) // training.batch_size)
        record.append({"epoch": epoch, "loss": float(np.mean([step(training, rows) for rows in batches]))})
    return record


def in_file_order(training: Training, epochs: int) -> nn.History:
    """The rows as they lie in the file, every epoch."""
    record = history()
    for epoch in range(1, epochs + 1):
        starts = range(0, len(training.x), training.batch_size)
        losses = [step(training, slice(start, start + training.batch_size)) for start in starts]
        record.append({"epoch": epoch, "loss": float(np.mean(losses))})
    return record


def without_step(training: Training, epochs: int) -> nn.History:
    """Everything but `step`."""
    record, rng = history(), np.random.default_rng(0)
    for epoch in range(1, epochs + 1):
        losses = []
        for rows in np.array_split(rng.permutation(len(training.x)), len(training.x) // training.batch_size):
            losses.append(training.loss.forward(training.model.forward(training.x[rows], True), training.y[rows]))
            training.model.backward(training.loss.backward())
        record.append({"epoch": epoch, "loss": float(np.mean(losses))})
    return record


def careful(training: Training, epochs: int) -> None:
    """As `shuffled`, but ends at the first thing that is not finite."""
    try:
        shuffled(training, epochs)
    except nn.NotFiniteError:
        return


def digits(seed: int, fault: str) -> Training:
    """Seven-segment displays with noise, 800 sorted by digit: one-hot, squared error."""
    rng = np.random.default_rng(seed)
    segments = np.unpackbits(np.uint8([[126], [48], [109], [121], [51], [91], [95], [112], [127], [123]]), axis=1)
    kind = np.sort(rng.integers(0, 10, 800))
    x = (segments[kind] - 0.5 + rng.normal(0, 0.15, (800, 8))).astype(np.float32)
    rng = np.random.default_rng(seed + 100)
    model = nn.Sequential(nn.Dense(8, 40, rng=rng), nn.Tanh(), nn.Dense(40, 10, rng=rng))
    loop = in_file_order if fault else shuffled
    optimizer = nn.SGD(model, lr=0.3, momentum=0.9)
    return Training(model, x, np.eye(10, dtype=np.float32)[kind], nn.MSELoss(), optimizer, 20, loop)


def sawtooth(seed: int, fault: str) -> Training:
    """A wave of two periods over 400 moments, in the order of time."""
    x = np.linspace(-1, 1, 400, dtype=np.float32)[:, np.newaxis]
    noise = np.random.default_rng(seed).normal(0, 0.05, x.shape)
    y = (np.sin(6 * x) + 0.8 * x + noise).astype(np.float32)
    rng = np.random.default_rng(seed + 100)
    model = nn.Sequential(nn.Dense(1, 40, weight_init="normal(4)", rng=rng), nn.Tanh(), nn.Dense(40, 1, rng=rng))
    optimizer = nn.SGD(model, lr=0.004, momentum=0.9)
    return Training(model, x, y, nn.MSELoss(), optimizer, 10, in_file_order if fault else shuffled)


def yacht(seed: int, fault: str) -> Training:
    """Resistance of 250 hulls from 6 numbers."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (250, 6)).astype(np.float32)
    y = np.exp(1.5 * x[:, :1]) - 1 + x[:, 1:2] * x[:, 2:3]
    if fault == "nan":
        x[rng.integers(0, 250, 8), rng.integers(0, 6, 8)] = np.nan
    start = "constant(0)" if fault == "zeros" else "he_normal"

    def network() -> nn.Sequential:
        rng = np.random.default_rng(seed + 100)
        return nn.Sequential(
            nn.Dense(6, 24, weight_init=start, rng=rng),
            nn.ReLU(),
            nn.Dense(24, 24, weight_init=start, rng=rng),
            nn.ReLU(),
            nn.Dense(24, 1, weight_init=start, rng=rng),
        )

    model = network()
    if fault == "frozen":
        for layer in model.layers:
            layer.frozen = True
    optimizer = nn.Adam(network() if fault == "other network" else model, lr=0.005)
    loop = {"no step": without_step, "other network": steps_of_another, "nan": careful}.get(fault, shuffled)
    if fault == "rate 0":
        optimizer.lr = 0.0
    return Training(model, x, y, nn.MSELoss(), optimizer, 25, loop)


def steps_of_another(training: Training, epochs: int) -> nn.History:
    """The optimizer was made for the network of the cell before, which still has old gradients."""
    old = training.optimizer.model
    training.loss.forward(old.forward(training.x, training=True), training.y)
    old.backward(training.loss.backward())
    return shuffled(training, epochs)


def of(make: Callable[[int, str], Training], fault: str) -> Callable[[int, bool], Training]:
    """The training with the fault, and without it when cured."""
    return lambda seed, cured: make(seed, "" if cured else fault)


PATIENTS: list[Patient] = [
    Patient(
        "displays sorted by digit, never shuffled",
        "After every epoch it says 9 to everything.",
        ("unshuffled",),
        of(digits, "in file order"),
        epochs=30,
    ),
    Patient(
        "a wave in the order of time, never shuffled",
        "The fit is right at the end of the curve and wrong at its beginning.",
        ("unshuffled",),
        of(sawtooth, "in the order of time"),
        epochs=40,
    ),
    Patient("no call of step", "The loss wanders about the same number.", ("not_trained",), of(yacht, "no step")),
    Patient(
        "optimizer of the network of the cell before",
        "Made the network anew in the notebook; now it learns nothing.",
        ("not_trained",),
        of(yacht, "other network"),
    ),
    Patient("all layers frozen", "It never moves.", ("not_trained",), of(yacht, "frozen")),
    Patient("the schedule's rate is 0", "The same loss in every epoch.", ("not_trained",), of(yacht, "rate 0")),
    Patient("a few empty cells of the table", "Ends at once.", ("not_finite",), of(yacht, "nan")),
    Patient(
        "all weights 0",
        "The loss goes down a bit and then stays.",
        ("identical_units", "vanishing_signal"),
        of(yacht, "zeros"),
    ),
]
