"""From the report's failing CNN to one that learns: which changes are needed, and which are enough?

Four groups of experiments, all on the report's rows. "Rate" is the optimiser: the report's, or one with longer steps.
    alone    : the failing network, and each change on its own; the order of the rows is the report's
    together : bias, dropout and L2, each as in the report or away, in all 8 combinations, under each of 3 optimisers;
               shuffled. What is in every learning one of the 24 is necessary; what learns by itself is sufficient.
    cure     : the cured network, with things taken back or added that the two groups above leave out
    race     : the cured network beside the report's MLP, for as many epochs
"""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from typing import Any

from nnscratch.keypoints.experiments.settings import EXPERIMENTS, Experiment

Names = tuple[str, str]  # group, what was changed

_BY_NAME = {experiment.name: experiment for experiment in EXPERIMENTS}
FAILING, CURED, MLP = _BY_NAME["f1"], _BY_NAME["f1_cured"], _BY_NAME["mlp"]
LOOKS = (1, 2, 3, 5, 10, 20, 40, 80)

_NO_BIAS, _NO_DROPOUT, _NO_L2 = {"hidden_bias": 0.0}, {"dropout": 0.0}, {"weight_decay": 0.0}
_ADAM: dict[str, Any] = {"optimizer": "adam", "lr": 0.002}
ALONE: dict[str, dict[str, Any]] = {
    "hidden bias 0": _NO_BIAS,
    "no dropout": _NO_DROPOUT,
    "no L2": _NO_L2,
    "L2 / 30": {"weight_decay": 0.001 / 30},
    "lr x 10": {"lr": 0.01},
    "lr x 100": {"lr": 0.1},
    "Adam": _ADAM,
    "shuffled": {"shuffled": True},
    "input centred": {"centred": True},
    "init He": {"weight_init": "he_normal()"},
    "init N(0, 0.01²), conv biases N(0, 1)": {"weight_init": "normal(0.01)", "conv_bias_init": "normal(1)"},
    "4 times the maps": {"width": 4},
    "no last bias": {"last_bias": False},
}
OPTIMIZERS: dict[str, dict[str, Any]] = {"report's SGD": {}, "SGD lr x 100": {"lr": 0.1}, "Adam": _ADAM}
SUSPECTS: dict[str, dict[str, Any]] = {"bias 0": _NO_BIAS, "no dropout": _NO_DROPOUT, "no L2": _NO_L2}
CURE: dict[str, dict[str, Any]] = {
    "the cure": {},
    "hidden bias 1": {"hidden_bias": 1.0},
    "dropout .5": {"dropout": 0.5},
    "the report's L2": {"weight_decay": 0.001},
    "no L2": _NO_L2,
    "the report's SGD": {"optimizer": "sgd", "lr": 0.001},
    "not shuffled": {"shuffled": False},
    "input centred": {"centred": True},
    "init He": {"weight_init": "he_normal()"},
    "4 times the maps": {"width": 4},
}


def experiments(epochs: int, race_epochs: int) -> dict[Names, Experiment]:
    """(group, what was changed) -> what is run, in the order of the table."""
    found: dict[Names, Experiment] = {("alone", "the report's CNN"): FAILING}
    for name, change in ALONE.items():
        found["alone", f"+ {name}"] = FAILING.changed(**change)
    for optimizer, away in itertools.product(OPTIMIZERS, _subsets(list(SUSPECTS))):
        changes = OPTIMIZERS[optimizer] | {"shuffled": True}
        for name in away:
            changes = changes | SUSPECTS[name]
        found["together", ", ".join((optimizer, *away))] = FAILING.changed(**changes)
    for name, change in CURE.items():
        found["cure", name if not change else f"but {name}"] = CURED.changed(**change)
    found["race", "the report's MLP"], found["race", "the cure"] = MLP, CURED
    return {names: _limited(e, names, race_epochs if names[0] == "race" else epochs) for names, e in found.items()}


def _limited(experiment: Experiment, names: Names, epochs: int) -> Experiment:
    looks = tuple(sorted({*(epoch for epoch in LOOKS if epoch < epochs), epochs}))
    return replace(experiment, name=file_name(names), title=": ".join(names), epochs=epochs, looks=looks)


def _subsets(names: list[str]) -> list[tuple[str, ...]]:
    return [subset for count in range(len(names) + 1) for subset in itertools.combinations(names, count)]


def file_name(names: Names) -> str:
    """A name for files.

    >>> file_name(("alone", "+ L2 / 30"))
    'alone_with_L2_over_30'
    """
    words = " ".join(names).replace("+", "with").replace("/", "over").replace("²", "2").replace("'", "")
    return re.sub(r"[^\w.]+", "_", words).strip("_")
