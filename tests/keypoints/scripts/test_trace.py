"""python -m nnscratch trace: of a network by its name, of a run, and its files."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints import networks
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.predictors import SingleNetwork
from nnscratch.keypoints.scripts import trace
from tests.tracing.read_page import ReadPage


def test_in_a_pipe_it_prints_80_columns_and_nothing_else() -> None:
    command = [sys.executable, "-W", "error", "-m", "nnscratch", "trace"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    lines = done.stdout.split("\n")
    assert lines[0] == "step 1 of report, batch of 8"
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in done.stdout
    assert done.stderr == ""


def test_the_step_is_the_one_that_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = []
    for step in ("1", "2"):
        trace.main(["--network", "mlp", "--batch", "4", "--step", step, "--json", str(tmp_path / "facts.json")])
        facts.append(json.loads((tmp_path / "facts.json").read_text()))
    assert "step 2 of mlp, batch of 4" in capsys.readouterr().out
    faces = draw_faces(64, seed=0)
    faces = faces.select(np.random.default_rng(0).permutation(64))
    network = networks.report_mlp(rng=0)
    optimizer = nn.SGD(network, lr=0.01, momentum=0.9)
    for step in range(2):
        rows = faces.select(slice(4 * step, 4 * step + 4))
        expected = nn.trace(network, rows.x, rows.y, nn.MSELoss(), optimizer)
        assert facts[step]["loss"]["value"] == pytest.approx(expected.loss.value, rel=1e-5)
        moved = expected.facts()["update"]["parameters"][0]["step_rms"]
        assert facts[step]["update"]["parameters"][0]["step_rms"] == pytest.approx(moved, rel=1e-4)


def test_a_run_stays_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    SingleNetwork(networks.report_mlp(rng=1)).save(tmp_path)
    (tmp_path / "metrics.json").write_text('{"config": {"optimizer": "adam", "lr": 0.5}}')
    before = (tmp_path / "model.npz").read_bytes()
    trace.main([str(tmp_path), "--image", "1"])
    out = capsys.readouterr().out
    assert "update: Adam(model, lr=0.5" in out
    assert "over row 1 of the batch" in out
    assert (tmp_path / "model.npz").read_bytes() == before


def test_a_run_that_names_no_optimizer(tmp_path: Path) -> None:
    SingleNetwork(networks.report_mlp(rng=1)).save(tmp_path)
    with pytest.raises(ValueError, match="names no optimizer"):
        trace.main([str(tmp_path)])


def test_a_page_with_the_epochs_that_the_run_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = networks.report_mlp(rng=1)
    SingleNetwork(network).save(tmp_path)
    (tmp_path / "metrics.json").write_text('{"config": {"optimizer": "adam", "lr": 0.5}}')
    (tmp_path / "epochs").mkdir()
    for epoch in (0, 5):
        nn.save(networks.report_mlp(rng=epoch), tmp_path / "epochs" / f"epoch_{epoch:04d}.npz")
    page = tmp_path / "page.html"
    trace.main([str(tmp_path), "--image", "2", "--html", str(page)])
    assert "step 1 of" in capsys.readouterr().out
    facts = ReadPage(page).facts
    assert facts["image"] == 2
    assert [epoch["epoch"] for epoch in facts["epochs"]] == [0, 5]
    assert all(epoch["score"].endswith(" px") for epoch in facts["epochs"])
    nn.save(networks.report_cnn(rng=0), tmp_path / "epochs" / "epoch_0006.npz")
    with pytest.raises(ValueError, match="epoch_0006.npz: got a network with other layers than the run's"):
        trace.main([str(tmp_path), "--html", str(page)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--image", "8"], "expected one of the batch, 0 to 7"),
        (["--image", "-1"], "expected one of the batch"),
        (["--network", "vgg"], "invalid choice"),
        (["--step", "0"], "--step"),
        (["--batch", "0"], "--batch"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        trace.main(arguments)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_json_file_that_cannot_be_written_is_found_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = (tmp_path, "a folder"), (tmp_path / "no" / "facts.json", "does not exist")
    for option, (path, message) in itertools.product(("--json", "--html"), wrong):
        with pytest.raises(SystemExit) as stop:
            trace.main([option, str(path)])
        assert stop.value.code == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


@pytest.mark.parametrize("option", [["--json", "-"], ["--quiet"]])
def test_the_table_is_left_out_for_programs(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    trace.main(["--network", "mlp", "--batch", "2", *option])
    printed = capsys.readouterr()
    assert printed.err == ""
    if option == ["--quiet"]:
        assert printed.out == ""
    else:
        assert json.loads(printed.out)["loss"]
