"""Tables of measured columns: house prices, cars, a clinic; and what their owners got wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import nnscratch as nn
from patients.patient import Patient, Training


def houses(seed: int, rows: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Area, rooms, year, distance, floor, noise, garden, garage -> price; all standardised."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 1, (rows, 8))
    z[:, 1] = 0.8 * z[:, 0] + 0.6 * z[:, 1]
    price = z[:, 0] + 0.5 * np.tanh(2 * z[:, 2]) - 0.6 * np.abs(z[:, 3]) + 0.4 * z[:, 0] * z[:, 6] + 0.3 * z[:, 7]
    price += rng.normal(0, 0.2, rows)
    return z.astype(np.float32), ((price - price.mean()) / price.std()).astype(np.float32)[:, np.newaxis]


def house_prices(seed: int, fault: str) -> Training:
    """8 columns, two hidden layers, Adam."""
    x, y = houses(seed)
    rng = np.random.default_rng(seed + 100)
    layers: list[nn.Layer] = [
        nn.Dense(8, 32, weight_init="he_normal", rng=rng),
        nn.ReLU(),
        nn.Dense(32, 16, weight_init="he_normal", rng=rng),
        nn.ReLU(),
        nn.Dense(16, 1, rng=rng),
    ]
    if fault == "decibel column in thousands":
        x = x * np.float32([1, 1, 1, 1, 1, 5000, 1, 1])
    elif fault == "price far from 0":
        y = y + np.float32(80)
    elif fault == "price in euros":
        y = y * np.float32(900_000)
    elif fault == "relu":
        layers.append(nn.ReLU())
    elif fault == "dropout 0.95":
        layers.insert(4, nn.Dropout(0.95, rng=rng))
    elif fault == "dropout":
        layers.append(nn.Dropout(0.7, rng=rng))
    elif fault == "sigmoid":
        layers.append(nn.Sigmoid())
    elif fault == "shuffled labels":
        y = rng.permutation(y)
    elif fault == "shifted labels":
        y = np.roll(y, 1, axis=0)
    model = nn.Sequential(*layers)
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=0.003))


def cars(seed: int, fault: str) -> Training:
    """Fuel consumption of 300 cars by 6 columns, SGD with momentum."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 1, (300, 6))
    y = 0.8 * z[:, 0] - 0.5 * z[:, 1] * z[:, 2] + 0.6 * np.sin(2 * z[:, 3]) + rng.normal(0, 0.1, 300)
    x, y = z.astype(np.float32), y.astype(np.float32)[:, np.newaxis]
    lr, decay, start = 0.02, 0.0, "glorot_uniform"
    if fault == "kilograms, cubic centimetres":
        x = np.float32([1500, 1800, 110, 2005, 4500, 1400]) + x * np.float32([300, 600, 40, 6, 400, 200])
    elif fault == "tiny rate":
        lr = 1e-6
    elif fault == "rate of Adam's cousin":
        lr = 3.0
    elif fault == "decay 1":
        decay = 1.0
    elif fault == "ones":
        start = "constant(0.2)"
    rng = np.random.default_rng(seed + 100)
    model = nn.Sequential(
        nn.Dense(6, 40, weight_init=start, rng=rng),
        nn.Tanh(),
        nn.Dense(40, 1, weight_init=start, rng=rng),
    )
    optimizer = nn.SGD(model, lr=lr, momentum=0.9, weight_decay=decay)
    return Training(model, x, y, nn.MSELoss(), optimizer, batch_size=25)


def clinic(seed: int, fault: str) -> Training:
    """Three laboratory values of 900 patients from 15 columns, some labels missing."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 1, (900, 15))
    y = np.tanh(z @ rng.normal(0, 0.35, (15, 6))) @ rng.normal(0, 0.8, (6, 3)) + rng.normal(0, 0.1, (900, 3))
    y = (y - y.mean(axis=0)) / y.std(axis=0)
    missing = rng.random(y.shape) < 0.2
    y[missing] = {"999": 999.0, "-20": -20.0}.get(fault, np.nan)
    x = z.astype(np.float32)
    if fault == "empty columns":
        x = np.full_like(x, 0.5) + np.float32(1e-7) * x
    if fault == "all missing":
        y[:] = np.nan
    rng = np.random.default_rng(seed + 100)
    units = 1 if fault == "one unit" else 30
    model = nn.Sequential(nn.Dense(15, units, rng=rng), nn.Tanh(), nn.Dense(units, 3, rng=rng))
    return Training(model, x, y.astype(np.float32), nn.MSELoss(), nn.Adam(model, lr=0.004), batch_size=50, loop=by_hand)


def by_hand(training: Training, epochs: int) -> None:
    """Forward, loss, backward, step, in a fresh order every epoch."""
    order = np.random.default_rng(0)
    for _ in range(epochs):
        for rows in np.array_split(order.permutation(len(training.x)), len(training.x) // training.batch_size):
            training.loss.forward(training.model.forward(training.x[rows], training=True), training.y[rows])
            training.model.backward(training.loss.backward())
            training.optimizer.step()


def of(make: Callable[[int, str], Training], fault: str) -> Callable[[int, bool], Training]:
    """The training with the fault, and without it when cured."""
    return lambda seed, cured: make(seed, "" if cured else fault)


PATIENTS: list[Patient] = [
    Patient(
        "one column in thousands, house prices",
        "The loss jumps about and the predictions have nothing to do with the price.",
        ("columns_unscaled", "input_unscaled"),
        of(house_prices, "decibel column in thousands"),
    ),
    Patient(
        "prices far from 0",
        "It always predicts too little, for all houses nearly the same.",
        ("targets_off_centre",),
        of(house_prices, "price far from 0"),
    ),
    Patient(
        "prices in euros",
        "The loss is in the billions and hardly moves.",
        ("targets_unscaled",),
        of(house_prices, "price in euros"),
    ),
    Patient(
        "relu behind the output, house prices",
        "Cheap houses are all predicted as 0.",
        ("relu_output", "silent_output"),
        of(house_prices, "relu"),
    ),
    Patient(
        "sigmoid behind the output, house prices",
        "No prediction is ever outside 0 and 1.",
        ("silent_output",),
        of(house_prices, "sigmoid"),
    ),
    Patient(
        "dropout behind the output, house prices",
        "The training loss stays high and jumps.",
        ("dropout_output",),
        of(house_prices, "dropout"),
    ),
    Patient(
        "labels shuffled without the rows",
        "It predicts the mean price for every house.",
        ("misaligned_rows",),
        of(house_prices, "shuffled labels"),
        epochs=15,
    ),
    Patient(
        "labels one row too late",
        "After the new export it does not learn any more.",
        ("misaligned_rows",),
        of(house_prices, "shifted labels"),
        epochs=15,
    ),
    Patient(
        "raw columns of cars",
        "The loss does not go below the variance.",
        ("input_unscaled", "columns_unscaled"),
        of(cars, "kilograms, cubic centimetres"),
    ),
    Patient("a rate of 1e-6, cars", "The loss goes down, very slowly.", ("step_too_small",), of(cars, "tiny rate")),
    Patient("a rate of 3, cars", "Loss is nan.", ("step_too_large",), of(cars, "rate of Adam's cousin")),
    Patient("weight decay 1, cars", "It gives 0 for every car.", ("decay_dominates",), of(cars, "decay 1")),
    Patient("all weights equal, cars", "40 units do no better than one.", ("identical_units",), of(cars, "ones")),
    Patient(
        "dropout 0.95 between two layers, house prices",
        "Training is all noise.",
        ("dropout_too_strong",),
        of(house_prices, "dropout 0.95"),
    ),
    Patient(
        "999 for a missing value, clinic",
        "The loss is enormous and the answers lie between the real ones and nonsense.",
        ("placeholder_labels",),
        of(clinic, "999"),
    ),
    Patient(
        "-20 for a missing value, clinic",
        "All answers are too low.",
        ("placeholder_labels",),
        of(clinic, "-20"),
    ),
    Patient("empty columns, clinic", "Always the mean.", ("constant_input",), of(clinic, "empty columns")),
    Patient("no label at all, clinic", "The loss is 0.", ("unlabelled",), of(clinic, "all missing")),
    Patient("one hidden unit, clinic", "Half of it is learnt, no more.", ("too_small",), of(clinic, "one unit")),
]
