"""python -m nnscratch profile: of a published network, and of a run's folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.__main__ import main as nnscratch_main
from nnscratch.keypoints import networks
from nnscratch.keypoints.scripts import profile
from nnscratch.profiling import roof, steps
from nnscratch.profiling.roof import Roof


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roof, "_measured", lambda dtype, threads: Roof(100.0, 10.0, threads, dtype))
    monkeypatch.setattr(steps, "_LEAST", 4)
    monkeypatch.setattr(steps, "_SECONDS", 0.0)
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    nn.save(networks.report_mlp(rng=0), tmp_path / "model.npz")
    config = {"data": "/nowhere/training.csv", "optimizer": "adam", "lr": 0.001, "weight_decay": 0.0}
    (tmp_path / "metrics.json").write_text(json.dumps({"config": config}))
    return tmp_path


def test_the_default_is_the_reports_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile.main(["--batch", "3", "--json", str(tmp_path / "a.json")])
    printed = capsys.readouterr()
    assert not printed.err
    assert printed.out.startswith("a training step of report\n")
    assert max(map(len, printed.out.splitlines())) <= 80
    assert "Conv2D+ReLU+MaxPool2D x4" in printed.out
    assert "batch of 3" in printed.out
    assert "update (SGD)" in printed.out
    facts = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert facts["network"] == "report"
    assert facts["machine"]["threads"] == facts["roof"]["threads"] == nn.get_threads()
    assert facts["total"] == pytest.approx(sum(row["milliseconds"] for row in facts["rows"]))


def test_more_pictures_than_are_drawn(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(profile, "_FACES", 2)
    profile.main(["--network", "mlp", "--batch", "5", "--threads", "1"])
    out = capsys.readouterr().out
    assert "batch of 5" in out
    assert "on 1 thread" in out


def test_a_run_is_profiled_with_its_optimizer(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And its data are not opened: there is no such file."""
    profile.main([str(run_folder), "--batch", "2"])
    out = capsys.readouterr().out
    assert out.startswith(f"a training step of {run_folder}\n")
    assert "update (Adam)" in out
    (run_folder / "metrics.json").unlink()
    profile.main([str(run_folder), "--batch", "2"])
    assert "update (SGD)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: got no such folder, expected"),
        (["--network", "alexnet"], "invalid choice"),
        (["nowhere", "--network", "mlp"], "argument --network: got it beside the run nowhere, expected one of the two"),
        (["--batch", "0"], "expected a whole number from 1 up"),
        (["--batch", "99999999"], "expected at most 4096"),
        (["--threads", "two"], "expected a whole number from 1 up"),
        (["--json", "nowhere/a.json"], "argument --json: nowhere/a.json: got a folder that does not exist"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        nnscratch_main(["profile", *arguments])
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not printed.out


@pytest.mark.parametrize("damage", [{"weight_decay": "much"}, {"lr": -1}, {"optimizer": 5}])
def test_a_damaged_config_is_named(run_folder: Path, damage: dict[str, object]) -> None:
    (run_folder / "metrics.json").write_text(json.dumps({"config": {"optimizer": "adam", **damage}}))
    with pytest.raises(ValueError, match=r"metrics.json: got a damaged config \(.*\), expected numbers; train again"):
        profile.main([str(run_folder), "--batch", "2"])


def test_a_damaged_network_is_named(run_folder: Path) -> None:
    (run_folder / "model.npz").write_bytes(np.random.default_rng(0).bytes(100))
    with pytest.raises(ValueError, match="model.npz"):
        profile.main([str(run_folder)])
