"""The ablation: every change is the one that its name says, and a run is told by what came out of it."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.experiments import running
from nnscratch.keypoints.experiments.ablation import report, settings
from nnscratch.keypoints.experiments.settings import Experiment, Split

EXPERIMENTS = settings.experiments(epochs=2, race_epochs=3)
RUN = {"name", "title", "epochs", "looks", "quick_epochs", "reported", "reported_note", "note"}  # not what is trained


def differences(one: Experiment, other: Experiment) -> set[str]:
    names = {field.name for field in fields(one)} - RUN - {"network"}
    changed = {name for name in names if getattr(one, name) != getattr(other, name)}
    networks = [repr(e.changed(dropout=0.5).make(0)) for e in (one, other)]
    return changed | ({"network"} if networks[0] != networks[1] else set())


def test_every_change_alone_is_one_change() -> None:
    for name, change in settings.ALONE.items():
        changed = EXPERIMENTS["alone", f"+ {name}"]
        of_network = set(change) - {field.name for field in fields(changed)}
        assert differences(changed, settings.FAILING) == set(change) - of_network | (
            {"network"} if of_network else set()
        )


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


@pytest.fixture(scope="module")
def split() -> Split:
    return Split.of(draw_faces(40, seed=0, missing=False), "generated")


def test_l2_is_in_adams_gradient_and_centring_in_its_input(split: Split) -> None:
    """Under Adam, a decay of 1e6 is all that a weight sees: each step goes against the weight's sign, by lr."""
    first = EXPERIMENTS["alone", "+ Adam"].changed(epochs=1, looks=(1,), weight_decay=1e6)
    fresh = first.make(0).layers[0].params["weight"]
    shrunk = running.run(first, split, seed=0)["inside"][1]["layers"]["0 Conv2D"]["weight"]
    expected = np.sqrt(np.mean((fresh - 0.002 * np.sign(fresh)) ** 2))  # one batch of 32: one step
    assert shrunk == pytest.approx(expected, rel=1e-4)
    centred = EXPERIMENTS["alone", "+ input centred"].changed(epochs=1, looks=())
    plain = EXPERIMENTS["alone", "the report's CNN"].changed(epochs=1, looks=())
    assert running.run(centred, split, seed=0)["rmse_px"] != running.run(plain, split, seed=0)["rmse_px"]


def test_looking_inside_does_not_disturb_the_training(split: Split) -> None:
    failing = EXPERIMENTS["alone", "the report's CNN"]
    watched, unwatched = (running.run(failing.changed(looks=looks), split, seed=0) for looks in ((1, 2), ()))
    assert watched["history"] == unwatched["history"]
    assert list(watched["inside"]) == [0, 1, 2]
    assert "inside" not in unwatched
    start = watched["inside"][0]
    hidden = start["layers"]["13 Dense"]
    assert hidden["active"] > 0.99  # a bias of 1 keeps every unit on
    assert hidden["constant"] > 0.9
    assert start["noise_px"] > 10
    for layer in start["layers"].values():
        assert layer["decay_gradient"] == pytest.approx(0.001 * layer["weight"])
        assert layer["gradient"] > 0


def some_result(error: float, epochs: int = 30) -> dict[str, Any]:
    layer = {"active": 0.014, "never": 0.98, "always": 0.013}
    history = {"epoch": list(range(1, epochs + 1)), "rmse_px": np.linspace(9, error, epochs).tolist()}
    return {"rmse_px": error, "ratio": error / 4, "mean_face_rmse_px": 4.0, "spread_px": 0.03, "history": history,
            "inside": {"1": {"layers": {"a": layer, "b": {}}, "noise_px": 8.0}}}  # fmt: skip


def test_the_table_and_the_race(tmp_path: Path) -> None:
    done = {
        ("alone", "the report's CNN"): [some_result(4.1), some_result(3.9)],
        ("cure", "the cure"): [some_result(2.4), some_result(2.6)],
        ("cure", "but luck"): [some_result(2.4), some_result(4.0)],
        ("race", "the report's MLP"): [some_result(5.0)],
        ("race", "the cure"): [some_result(2.5)],
    }
    assert [report.learns(results) for results in done.values()] == ["no", "yes", "some", "no", "yes"]
    files = report.write(done, tmp_path)
    text = (tmp_path / "ablation.md").read_text()
    cells = "2 | 30 | 4.00 ± 0.10 | 1.00 | 0.030 | 1% | 98% | 1% | 8.00 | no |"
    assert f"| alone: the report's CNN | {cells}" in text
    assert "| 30 | 5.00 | 2.50 | 50% |" in text
    assert (tmp_path / files[1]).read_bytes().startswith(b"\x89PNG")
