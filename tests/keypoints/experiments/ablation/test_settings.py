"""Every change of the ablation is the one that its name says."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

import nnscratch as nn
from nnscratch.keypoints.experiments.ablation import settings
from nnscratch.keypoints.experiments.settings import Experiment

EXPERIMENTS = settings.experiments(epochs=2, race_epochs=3)
RUN = {
    "name",
    "title",
    "epochs",
    "probe_epochs",
    "quick_epochs",
    "reported",
    "reported_note",
    "note",
}  # not what is trained


def differences(one: Experiment, other: Experiment) -> set[str]:
    names = {field.name for field in fields(one)} - RUN - {"network"}
    changed = {name for name in names if getattr(one, name) != getattr(other, name)}
    networks = [repr(e.changed(dropout=0.5).make(0)) for e in (one, other)]
    return changed | ({"network"} if networks[0] != networks[1] else set())


def test_every_change_alone_is_one_change() -> None:
    for name, change in settings.ALONE.items():
        changed = EXPERIMENTS["alone", f"+ {name}"]
        expected = {*change.settings, *(["network"] if change.network else [])}
        assert differences(changed, settings.FAILING) == expected


def test_together_has_every_combination_once() -> None:
    together = {names: e for names, e in EXPERIMENTS.items() if names[0] == "together"}
    seen = {(e.optimizer, e.lr, e.dropout, e.weight_decay, repr(e.make(0))) for e in together.values()}
    assert len(seen) == len(together) == 3 * 2**3
    assert all(e.shuffled for e in together.values())
    all_away = EXPERIMENTS["together", "Adam, bias 0, no dropout, no L2"]
    assert differences(all_away, EXPERIMENTS["cure", "but no L2"]) == set()
    assert differences(EXPERIMENTS["together", "report's SGD"], settings.FAILING) == {"shuffled"}


def test_the_race_is_the_reports_mlp_and_the_cure_for_as_many_epochs() -> None:
    mlp, cure = EXPERIMENTS["race", "the report's MLP"], EXPERIMENTS["race", "the cure"]
    assert mlp.epochs == cure.epochs == 3
    assert (differences(mlp, settings.MLP), differences(cure, settings.CURED)) == (set(), set())
    assert len({e.name for e in EXPERIMENTS.values()}) == len(EXPERIMENTS)  # a file for each


def test_the_changes_reach_the_network() -> None:
    def built(name: str) -> nn.Sequential:
        return EXPERIMENTS["alone", name].make(0)

    dense = [layer for layer in built("the report's CNN").layers if isinstance(layer, nn.Dense)]
    assert [(layer.n_in, layer.n_out) for layer in dense] == [(144, 144), (144, 144), (144, 30)]
    assert [float(layer.params["bias"].mean()) for layer in dense] == [1, 1, 0]
    hidden = [layer for layer in built("+ hidden bias 0").layers if isinstance(layer, nn.Dense)]
    assert not hidden[0].params["bias"].any()
    assert not any(isinstance(layer, nn.Dropout) for layer in built("+ no dropout").layers)
    assert "bias" not in built("+ no last bias").layers[-1].params
    wide = built("+ 4 times the maps")
    assert wide.layers[0].params["weight"].shape == (5, 5, 1, 8)
    assert wide.predict(np.zeros((1, 96, 96, 1), np.float32)).shape == (1, 30)
