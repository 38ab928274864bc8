"""Loops of the owner's, and what never reaches the parameters."""

from __future__ import annotations

import numpy as np

import nnscratch as nn

from ..patient import Patient, Training
from . import own_code
from .classes import clusters
from .tables import dense, plain_loop, table


def second_model(seed: int, cured: bool) -> Training:
    x, y = table(seed, 400, 12)
    model = nn.Sequential(*dense([12, 32, 1], seed))
    trained = model if cured else nn.Sequential(*dense([12, 32, 1], seed))
    optimizer = nn.Adam(trained, lr=0.005)
    for layer in trained.layers:
        layer.grads = {name: np.zeros_like(value) for name, value in layer.params.items()}
    return Training(model, x, y, nn.MSELoss(), optimizer, loop=plain_loop)


def all_frozen(seed: int, cured: bool) -> Training:
    x, y = clusters(seed, 500, 20, 6)
    model = nn.Sequential(*dense([20, 40, 6], seed))
    for layer in model.layers[: 1 if cured else 3]:
        layer.frozen = True
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), nn.Adam(model, lr=0.005))


def warm_up(training: Training, epochs: int) -> nn.History:
    """The rate rises with epoch // 1000, which is 0."""
    trainer = nn.Trainer(
        training.model, training.loss, training.optimizer, batch_size=training.batch_size, lr=lambda progress: 0.0
    )
    return trainer.fit(training.x, training.y, epochs=epochs, keep_best=False)


def whole_warm_up(seed: int, cured: bool) -> Training:
    x, y = table(seed, 300, 7)
    model = nn.Sequential(*dense([7, 32, 1], seed))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.05), loop=None if cured else warm_up)


def skips_errors(training: Training, epochs: int) -> None:
    """A loop that goes on after a batch that cannot be computed."""
    rng = np.random.default_rng(0)
    for _ in range(epochs):
        order = rng.permutation(len(training.x))
        for start in range(0, len(order), training.batch_size):
            rows = order[start : start + training.batch_size]
            try:
                training.loss.forward(training.model.forward(training.x[rows], training=True), training.y[rows])
                training.model.backward(training.loss.backward())
            except ValueError:
                continue
            training.optimizer.step()


def miles_per_gallon(seed: int, cured: bool) -> Training:
    x, y = table(seed, 392, 7)
    if not cured:
        x[::20, 3] = np.nan
    model = nn.Sequential(*dense([7, 64, 64, 1], seed))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.001), loop=skips_errors)


def log_of_zero(seed: int, cured: bool) -> Training:
    x, y = table(seed, 300, 5)
    counts = np.maximum(np.round(4 + 4 * y), 0)
    with np.errstate(divide="ignore"):
        y = np.log(counts + 1) if cured else np.log(counts)
    model = nn.Sequential(*dense([5, 32, 1], seed))
    return Training(model, x, y.astype(np.float32), nn.MSELoss(), nn.Adam(model, lr=0.01), loop=skips_errors)


PATIENTS: list[Patient] = [
    Patient(
        "Huber without the sign beyond delta",
        "Predictions run away to one side, the built-in Huber is fine (LightGBM #3532)",
        ("wrong_gradient",),
        own_code.huber,
    ),
    Patient(
        "L1 with target - prediction in its slope",
        "The loss grows from epoch to epoch",
        ("wrong_gradient",),
        own_code.median,
        30,
    ),
    Patient(
        "pinball loss, both slopes positive",
        "The 40% quantile lies below all rows",
        ("wrong_gradient",),
        own_code.quantile,
    ),
    Patient(
        "log-cosh of errors of 1500",
        "The loss is inf in the first batch",
        ("targets_unscaled", "not_finite", "targets_off_centre"),
        own_code.log_cosh,
    ),
    Patient(
        "(N, 1) minus (N,), 25 columns, 50 and 10",
        "Training with 25 features stops at the mean; the loss is of an N x N matrix (keras #5441, pytorch #16045)",
        ("wrong_gradient",),
        own_code.square_of_shapes,
    ),
    Patient(
        "a sum of squares over 64 rows and ten outputs",
        "NaN, with the rate that works with the mean",
        ("step_too_large",),
        own_code.sum_of_squares,
    ),
    Patient(
        "third weight of the loss still 0 from a test",
        "Two outputs are very good",
        ("output_not_learnt",),
        own_code.third_left_out,
    ),
    Patient(
        "own logistic with y (y - 1)",
        "Trained backwards: what was right gets wrong (Stack Overflow 59399842)",
        ("wrong_gradient",),
        own_code.logistic,
        30,
    ),
    Patient(
        "gradients that add up",
        "Down for three batches, then up (pytorch #47175, DN-DETR #19)",
        ("step_too_large", "wrong_gradient"),
        own_code.never_zeroed,
    ),
    Patient(
        "optimizer of the model made before this one",
        "The loss goes up and down and does not diminish (practical-pytorch #9)",
        ("not_trained",),
        second_model,
    ),
    Patient(
        "fine-tuning with all layers frozen, the last too",
        "Weights are equal after 50 epochs and after 100 (detr-pytorch #6)",
        ("not_trained",),
        all_frozen,
    ),
    Patient(
        "warm-up by whole thousands of epochs",
        "The first 60 epochs have exactly the same loss",
        ("not_trained",),
        whole_warm_up,
    ),
    Patient(
        "'?' in horsepower, read as NaN",
        "Training fails without an error (sirepo #2983)",
        ("not_finite",),
        miles_per_gallon,
    ),
    Patient(
        "log of counts, some are 0",
        "The loss is inf or nan",
        ("not_finite",),
        log_of_zero,
    ),
]
