"""From the report's failing CNN to one that learns: which changes are needed, and which are enough?

Four groups of experiments, all on the report's rows:
    alone    : the failing network with one change at a time, the rows in the report's order
    together : bias, dropout and L2, each as in the report or removed, in all 8 combinations, under
               each of 3 optimizers, shuffled. What all that learn have in common is necessary; what
               learns alone suffices.
    cure     : the cured network, with one thing taken back or added
    race     : the cured network beside the report's MLP, for the same number of epochs
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nnscratch.keypoints.experiments.settings import EXPERIMENTS, Experiment

Names = tuple[str, str]  # group, what was changed

_BY_NAME = {experiment.name: experiment for experiment in EXPERIMENTS}
FAILING, CURED, MLP = _BY_NAME["f1"], _BY_NAME["f1_cured"], _BY_NAME["mlp"]
PROBE_EPOCHS = (1, 2, 3, 5, 10, 20, 40, 80)


@dataclass(frozen=True)
class Change:
    """Other settings of an experiment, and other arguments of its network.

    >>> both = Change({"lr": 0.1}) | Change(network={"hidden_bias": 0.0})
    >>> both.settings, both.network
    ({'lr': 0.1}, {'hidden_bias': 0.0})
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)

    def __or__(self, other: Change) -> Change:
        return Change({**self.settings, **other.settings}, {**self.network, **other.network})

    def made_to(self, experiment: Experiment) -> Experiment:
        """The experiment with this change."""
        changed = experiment.changed(**self.settings)
        return changed.with_network(**self.network) if self.network else changed


NONE = Change()
_NO_BIAS = Change(network={"hidden_bias": 0.0})
_NO_DROPOUT, _NO_L2 = Change({"dropout": 0.0}), Change({"weight_decay": 0.0})
_ADAM = Change({"optimizer": "adam", "lr": 0.002})
_HE = Change(network={"weight_init": "he_normal()"})
ALONE = {
    "hidden bias 0": _NO_BIAS,
    "no dropout": _NO_DROPOUT,
    "no L2": _NO_L2,
    "L2 / 30": Change({"weight_decay": 0.001 / 30}),
    "lr x 10": Change({"lr": 0.01}),
    "lr x 100": Change({"lr": 0.1}),
    "Adam": _ADAM,
    "shuffled": Change({"shuffled": True}),
    "input centred": Change({"centred": True}),
    "init He": _HE,
    "init N(0, 0.01²), conv biases N(0, 1)": Change(
        network={"weight_init": "normal(0.01)", "conv_bias_init": "normal(1)"}
    ),
    "4 times the maps": Change(network={"width": 4}),
    "no last bias": Change(network={"last_bias": False}),
}
OPTIMIZERS = {"report's SGD": NONE, "SGD lr x 100": Change({"lr": 0.1}), "Adam": _ADAM}
SUSPECTS = {"bias 0": _NO_BIAS, "no dropout": _NO_DROPOUT, "no L2": _NO_L2}
CURE = {
    "the cure": NONE,
    "hidden bias 1": Change(network={"hidden_bias": 1.0}),
    "dropout .5": Change({"dropout": 0.5}),
    "the report's L2": Change({"weight_decay": 0.001}),
    "no L2": _NO_L2,
    "the report's SGD": Change({"optimizer": "sgd", "lr": 0.001}),
    "not shuffled": Change({"shuffled": False}),
    "input centred": Change({"centred": True}),
    "init He": _HE,
    "4 times the maps": Change(network={"width": 4}),
}


def experiments(epochs: int, race_epochs: int) -> dict[Names, Experiment]:
    """(group, what was changed) -> what is run, in the order of the table."""
    found: dict[Names, Experiment] = {("alone", "the report's CNN"): FAILING}
    for name, change in ALONE.items():
        found["alone", f"+ {name}"] = change.made_to(FAILING)
    for optimizer, away in itertools.product(OPTIMIZERS, _subsets(list(SUSPECTS))):
        change = OPTIMIZERS[optimizer] | Change({"shuffled": True})
        for name in away:
            change = change | SUSPECTS[name]
        found["together", ", ".join((optimizer, *away))] = change.made_to(FAILING)
    for name, change in CURE.items():
        found["cure", name if change == NONE else f"but {name}"] = change.made_to(CURED)
    found["race", "the report's MLP"], found["race", "the cure"] = MLP, CURED
    return {names: _limited(e, names, race_epochs if names[0] == "race" else epochs) for names, e in found.items()}


def _limited(experiment: Experiment, names: Names, epochs: int) -> Experiment:
    probed = tuple(sorted({*(epoch for epoch in PROBE_EPOCHS if epoch < epochs), epochs}))
    return replace(experiment, name=file_name(names), title=": ".join(names), epochs=epochs, probe_epochs=probed)


def _subsets(names: list[str]) -> list[tuple[str, ...]]:
    return [subset for count in range(len(names) + 1) for subset in itertools.combinations(names, count)]


def file_name(names: Names) -> str:
    """A name for files.

    >>> file_name(("alone", "+ L2 / 30"))
    'alone_with_L2_over_30'
    """
    words = " ".join(names).replace("+", "with").replace("/", "over").replace("²", "2").replace("'", "")
    return re.sub(r"[^\w.]+", "_", words).strip("_")
