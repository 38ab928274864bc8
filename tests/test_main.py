"""python -m nnscratch: what it prints about a run, and how it ends on bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import nnscratch as nn
from nnscratch.__main__ import main
from nnscratch.keypoints import networks
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.kaggle.training_file import save_faces


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder, with a network whose hidden units are all dead."""
    network = networks.report_cnn(rng=0)
    network.layers[-4].params["bias"][:] = -100
    nn.save(network, tmp_path / "model.npz")
    (tmp_path / "metrics.json").write_text(json.dumps({"config": {"data": None, "rows": "all", "seed": 3}}))
    (tmp_path / "history.csv").write_text("epoch,loss,lr\n1,0.5,0.001\n2,0.4,0.001\n")
    save_faces(draw_faces(40, seed=1), tmp_path / "faces.csv")
    return tmp_path


def test_diagnose(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["diagnose", str(run), "--data", str(run / "faces.csv")])
    printed = capsys.readouterr()
    assert "saturated_by_bias (layer" in printed.out
    assert "constant_output" in printed.out
    assert max(map(len, printed.out.splitlines())) <= 80
    assert not printed.err


@pytest.mark.parametrize(("optimizer", "momentum"), [("sgd", 0.9), ("Adam", None)])
def test_optimizer_of_the_config(
    run: Path, capsys: pytest.CaptureFixture[str], optimizer: str, momentum: float | None
) -> None:
    """With it, the steps can be judged; a history alone does not tell how they were made."""
    nn.save(networks.report_cnn(rng=0, dropout=0, hidden_bias=0), run / "model.npz")
    (run / "history.csv").write_text("epoch,loss,lr\n1,0.5,1e-9\n2,0.4999,1e-9\n")
    config = {"optimizer": optimizer, "lr": 1e-9, "weight_decay": 0.0, "batch_size": 8}
    config |= {} if momentum is None else {"momentum": momentum}
    for given, expected in ((config, True), ({}, False)):
        (run / "metrics.json").write_text(json.dumps({"config": given}))
        main(["diagnose", str(run), "--data", str(run / "faces.csv")])
        assert ("step_too_small" in capsys.readouterr().out) == expected


def test_config_that_is_damaged(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "metrics.json").write_text(json.dumps({"config": {"optimizer": "sgd", "weight_decay": "much"}}))
    with pytest.raises(SystemExit) as stop:
        main(["diagnose", str(run), "--data", str(run / "faces.csv")])
    assert stop.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


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
