"""The ablation, as a user runs it, on a few faces that are drawn here; and its switches, each on its own."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints.data import save_faces
from nnscratch.keypoints.generator import generate_faces

Run = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "examples" / "ablation.py"


@pytest.fixture(scope="module")
def ablation() -> ModuleType:
    specification = importlib.util.spec_from_file_location("ablation", SCRIPT)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["ablation"] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    return module


def test_writes_runs_table_and_picture_and_resumes(run: Run, tmp_path: Path) -> None:
    save_faces(generate_faces(16, seed=1, missing=False), tmp_path / "training.csv")
    out = tmp_path / "out"
    arguments = ["--data", tmp_path / "training.csv", "--out", out, "--epochs", 2, "--race-epochs", 1, "--seeds", 1]
    first = run("ablation.py", *arguments, "--only", "the ")
    assert (first.returncode, first.stderr) == (0, "")
    files = sorted(out.glob("*.json"))
    assert len(files) == 3  # "the report's CNN", "4 times the maps", "the cure"
    report = next(r for r in (json.loads(file.read_text()) for file in files) if r["name"] == "the report's CNN")
    assert report["switches"]["hidden_bias"] == 1
    assert len(report["history"]["rmse_px"]) == 2
    assert list(report["inside"]) == ["0", "1", "2"]
    hidden = report["inside"]["0"]["layers"]["13 Dense"]
    assert hidden["active"] > 0.99  # a bias of 1 keeps every unit on
    assert hidden["constant"] > 0.9
    assert report["inside"]["0"]["noise_px"] > 10
    table = (out / "table.md").read_text()
    assert "| report: the report's CNN | 1 | 2 |" in table
    assert (out / "ablation.png").stat().st_size > 1000
    times = [file.stat().st_mtime_ns for file in files]
    assert run("ablation.py", *arguments, "--only", "the ").returncode == 0
    assert [file.stat().st_mtime_ns for file in files] == times


def test_bad_input_is_one_line_and_status_2(run: Run, tmp_path: Path) -> None:
    done = run("ablation.py", "--data", tmp_path / "none.csv", "--out", tmp_path / "out", expect=2)
    assert done.returncode == 2
    assert "none.csv" in done.stderr
    assert "Traceback" not in done.stderr
    assert run("ablation.py", "--out", tmp_path / "out", expect=2).returncode == 2


def test_every_change_alone_is_one_change(ablation: ModuleType) -> None:
    groups = ablation.experiments()
    for name in ablation.CHANGES:
        changed = groups["report"][f"+ {name}"]
        different = {f.name for f in fields(changed) if getattr(changed, f.name) != getattr(ablation.REPORT, f.name)}
        assert different in ([{key} for key in ablation.CHANGES[name]] if name != "Adam" else [{"optimizer", "lr"}])


def test_the_switches_reach_the_network(ablation: ModuleType) -> None:
    def built(**change: object) -> nn.Sequential:
        return ablation.build(replace(ablation.REPORT, **change), np.random.default_rng(0))  # type: ignore[no-any-return]

    dense = [layer for layer in built().layers if isinstance(layer, nn.Dense)]
    assert [(layer.n_in, layer.n_out) for layer in dense] == [(144, 144), (144, 144), (144, 30)]
    assert [float(layer.params["bias"].mean()) for layer in dense] == [1, 1, 0]
    assert sum(isinstance(layer, nn.Dropout) for layer in built().layers) == 2
    assert not any(isinstance(layer, nn.Dropout) for layer in built(dropout=0.0).layers)
    assert "bias" not in built(last_bias=False).layers[-1].params
    assert built(width=2).predict(np.zeros((1, 96, 96, 1), np.float32)).shape == (1, 30)


def test_training_is_not_disturbed_by_the_measurements(ablation: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    faces = generate_faces(12, seed=2, missing=False)
    rows = ablation.prepare(faces, ablation.REPORT)
    watched = ablation.train(ablation.REPORT, *rows, epochs=2, seed=0)["history"]
    monkeypatch.setattr(ablation, "look_inside", lambda *_: {})
    assert ablation.train(ablation.REPORT, *rows, epochs=2, seed=0)["history"] == watched
