"""python -m nnscratch: what it prints about a run, and how it ends on bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import nnscratch as nn
from nnscratch.__main__ import main
from nnscratch.keypoints import networks
from nnscratch.keypoints.data import save_faces
from nnscratch.keypoints.generator import generate_faces


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder, with a network whose hidden units are all dead."""
    network = networks.report_cnn(rng=0)
    network.layers[-4].params["bias"][:] = -100
    nn.save(network, tmp_path / "model.npz")
    (tmp_path / "metrics.json").write_text(json.dumps({"config": {"data": None, "rows": "all", "seed": 3}}))
    (tmp_path / "history.csv").write_text("epoch,loss,lr\n1,0.5,0.001\n2,0.4,0.001\n")
    save_faces(generate_faces(40, seed=1), tmp_path / "faces.csv")
    return tmp_path


def test_diagnose(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["diagnose", str(run), "--data", str(run / "faces.csv")])
    printed = capsys.readouterr()
    assert "saturated_by_bias (layer" in printed.out
    assert "constant_output" in printed.out
    assert max(map(len, printed.out.splitlines())) <= 80
    assert not printed.err


@pytest.mark.parametrize("damage", ["model.npz", "metrics.json", "history.csv", "faces.csv", "missing folder"])
def test_bad_input(run: Path, damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run / "none" if damage == "missing folder" else run
    if folder == run:
        (run / damage).write_text("damaged\n1\n")
    with pytest.raises(SystemExit) as stop:
        main(["diagnose", str(folder), "--data", str(run / "faces.csv")])
    assert stop.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_wrong_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["heal"])
    assert stop.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
