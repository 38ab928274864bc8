"""Patients whose rows are at fault: units, labels, order."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from patients.fourth_set import signals, tables
from patients.fourth_set.networks import by_hand, convolutional, dense
from patients.patient import Patient, Training


def _blood_unlabelled(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.patients(rng, 400, missing=0.3)
    if not cured:  # the tables were joined on a key that neither has
        y = np.full_like(y, np.nan)
    model = nn.Sequential(*dense(rng, 12, 40, 3))
    optimizer = nn.Adam(model, lr=5e-3)
    return Training(model, x, y, nn.MSELoss(), optimizer, 32, by_hand(rng, optimizer))


def _blood_placeholders(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.patients(rng, 500, missing=0.15)
    if not cured:
        y = np.where(np.isnan(y), np.float32(99), y)
    model = nn.Sequential(*dense(rng, 12, 48, 3, activation=nn.Tanh, weights="glorot_uniform()"))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=5e-3), 32)


def _barometers(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.gas(rng, 400)
    if not cured:  # in hectopascal
        x = 1013 + 6 * x
    model = nn.Sequential(*dense(rng, 9, 30, 15, 1, activation=nn.Tanh, weights="glorot_uniform()"))
    return Training(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.02, momentum=0.9), 16)


def _platelets(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.patients(rng, 400, missing=0)
    if not cured:  # platelets and leukocytes per microlitre among values near 1
        x[:, 10:] = (250_000, 7_000) + (60_000, 2_000) * x[:, 10:]
    model = nn.Sequential(*dense(rng, 12, 40, 3, activation=nn.LeakyReLU))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=5e-3), 32)


def _grams_and_degrees(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.patients(rng, 500, missing=0)
    if not cured:  # one measure in other units
        y[:, 2] *= 300
    model = nn.Sequential(*dense(rng, 12, 48, 3))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=2e-2), 32)


def _black_pictures(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.bars(rng, 200)
    if not cured:  # the reader found no file and gave zeros
        x = np.zeros_like(x)
    model = convolutional(rng, 8, 8, 4, nn.MaxPool2D(2), hidden=16)
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), nn.Adam(model, lr=5e-3), 20)


def _load_in_kilowatts(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.load(rng, 600)
    if not cured:
        y = 60_000 * y
    model = nn.Sequential(*dense(rng, 4, 32, 32, 1))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=3e-3), 64)


def _kelvin(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.load(rng, 400)
    if not cured:
        y = 288 + 2 * y
    model = nn.Sequential(*dense(rng, 4, 24, 1, activation=nn.Tanh, weights="glorot_uniform()"))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=5e-3), 32)


def _rare_alarms(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((900, 6)).astype(np.float32)
    risk = x[:, 0] * x[:, 1] + x[:, 2]
    alarm = risk > np.sort(risk)[-12]
    rows = np.arange(900)
    if cured:  # as many rows with an alarm as without
        rows = np.concatenate([rows[~alarm][:450], np.resize(rows[alarm], 450)])
    model = nn.Sequential(*dense(rng, 6, 12, 1, activation=nn.Tanh, weights="glorot_uniform()"))
    y = alarm[rows, None].astype(np.float32)
    return Training(model, x[rows], y, nn.MSELoss(), nn.SGD(model, lr=0.05), 64)


def _load_sorted_by_name(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.load(rng, 500)
    if not cured:  # "day10" comes before "day2" in one of the folders
        y = y[sorted(range(len(y)), key=str)]
    model = nn.Sequential(*dense(rng, 4, 24, 1))
    return Training(model, x, y, nn.MSELoss(), nn.Adam(model, lr=5e-3), 32)


def _kinds_by_folder(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = tables.kinds(rng, 480, 8, columns=5, spread=0.6)
    order = np.argsort(y, kind="stable")
    x, y = x[order], y[order]
    model = nn.Sequential(*dense(rng, 5, 24, 8))
    optimizer = nn.SGD(model, lr=0.1, momentum=0.9)
    return Training(model, x, y, nn.SoftmaxCrossEntropy(), optimizer, 16, by_hand(rng, optimizer, shuffled=cured))


def _hole_in_the_log(seed: int, cured: bool) -> Training:
    rng = np.random.default_rng(seed)
    x, y = signals.gas(rng, 300)
    if not cured:  # a sensor was off for some minutes
        x[120:125, 3] = np.nan
    model = nn.Sequential(*dense(rng, 9, 20, 1))
    optimizer = nn.Adam(model, lr=5e-3)
    return Training(model, x, y, nn.MSELoss(), optimizer, 20, by_hand(rng, optimizer, tried=True))


PATIENTS = [
    Patient(
        "joined on a wrong key, blood values", "The loss is 0 from the start.", ("unlabelled",), _blood_unlabelled, 40
    ),
    Patient(
        "99 for a missing measure, blood values",
        "The loss stays in the thousands.",
        ("placeholder_labels", "targets_unscaled"),
        _blood_placeholders,
        60,
    ),
    Patient(
        "barometers in hectopascal, gas",
        "It always answers about the mean.",
        ("input_unscaled", "saturated_units"),
        _barometers,
        40,
    ),
    Patient(
        "platelets per microlitre, blood values",
        "The loss is huge and jumps.",
        ("columns_unscaled", "input_unscaled"),
        _platelets,
        50,
    ),
    Patient(
        "one measure in other units, blood values",
        "The third measure is learnt, the others are not half as good.",
        ("columns_unscaled", "output_not_learnt", "targets_unscaled"),
        _grams_and_degrees,
        40,
    ),
    Patient("black pictures of bars", "Accuracy stays at a quarter.", ("constant_input",), _black_pictures, 30),
    Patient(
        "load of a city in kilowatts", "The loss falls by a little only.", ("targets_unscaled",), _load_in_kilowatts, 40
    ),
    Patient(
        "temperatures in kelvin",
        "After 40 epochs it answers a few degrees.",
        ("targets_off_centre", "targets_unscaled"),
        _kelvin,
        60,
    ),
    Patient("twelve alarms in 900 rows", "It never raises an alarm.", ("sparse_targets",), _rare_alarms, 60),
    Patient(
        "labels sorted by file name, load",
        "The loss stays at the variance.",
        ("misaligned_rows",),
        _load_sorted_by_name,
        40,
    ),
    Patient(
        "a folder per class, one after the other, eight kinds",
        "It answers one kind nearly always.",
        ("unshuffled",),
        _kinds_by_folder,
        20,
    ),
    Patient("a hole in the log, gas", "The answers are an error.", ("not_finite",), _hole_in_the_log, 40),
]
