"""python -m nnscratch export: a run as one ONNX file; what is wrong is said in one line."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.kaggle.training_file import save_faces
from nnscratch.keypoints.predictors import SingleNetwork, load_predictor
from nnscratch.keypoints.scripts import export
from tests.keypoints.onnx_graphs.computed import run_file

FACES = draw_faces(6, seed=0)


@pytest.fixture(autouse=True)
def _few_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "_FACES", 4)


def network() -> nn.Sequential:
    return nn.Sequential(nn.MaxPool2D(16), nn.Flatten(), nn.Dense(36, 30, rng=1))


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    SingleNetwork(network(), both_ways=True).save(folder)
    return folder


def ends(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line with which a command ends: of its parser, or what `python -m nnscratch` shows of
    an error. (Without that program, which imports every command.)
    """
    with pytest.raises((SystemExit, ValueError, OSError)) as end:
        export.main([*map(str, arguments)])
    line = capsys.readouterr().err or f"{end.value}\n"
    assert isinstance(end.value, ValueError | OSError) or end.value.code == 2
    assert line.count("\n") == 1
    return line


def test_a_run_becomes_a_file(run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "network.onnx"
    export.main([str(run_folder), "--out", str(out), "--json", str(tmp_path / "facts.json")])
    printed = capsys.readouterr().out
    facts = json.loads((tmp_path / "facts.json").read_text(encoding="utf-8"))
    assert facts["bytes"] == out.stat().st_size
    assert facts["faces"] == 4
    assert 0 <= facts["largest_difference_px"] < 1e-3
    lines = printed.splitlines()
    assert re.fullmatch(rf"{out}: 0\.0 MB, \d\d nodes", lines[0])
    assert re.fullmatch(r"ONNX Runtime's points are within \S+ px of nnscratch's \(4 drawn faces\)\.", lines[2])
    assert max(map(len, lines[1:])) <= 80
    (points,) = run_file(out, images=FACES.images)
    np.testing.assert_allclose(points, load_predictor(run_folder).predict_points(FACES.images), rtol=1e-5)


def test_faces_of_a_file_and_a_second_time(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_faces(FACES, tmp_path / "faces.csv")
    out = run_folder / "network.onnx"  # in the run's own folder
    for _ in range(2):
        export.main([str(run_folder), "--out", str(out), "--data", str(tmp_path / "faces.csv")])
    assert capsys.readouterr().out.count("nnscratch's (3 faces of faces.csv).") == 2


def test_bad_input_is_one_line(run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, before = tmp_path / "x.onnx", sorted(run_folder.iterdir())
    assert "no such folder" in ends(capsys, tmp_path / "none", "--out", out)
    assert "a folder without model.npz" in ends(capsys, tmp_path, "--out", out)
    assert "--out" in ends(capsys, run_folder)
    assert "got a folder" in ends(capsys, run_folder, "--out", tmp_path)
    assert "does not exist" in ends(capsys, run_folder, "--out", tmp_path / "none" / "x.onnx")
    assert "a file that is read" in ends(capsys, run_folder, "--out", run_folder / "model.npz")
    assert "none.csv" in ends(capsys, run_folder, "--out", out, "--data", tmp_path / "none.csv")
    (run_folder / "model.npz").write_bytes(b"hello")
    assert "model.npz" in ends(capsys, run_folder, "--out", out)
    assert not out.exists()
    assert sorted(run_folder.iterdir()) == before


def test_no_graph_of_a_network_that_has_diverged(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    diverged = network()
    diverged.layers[-1].params["weight"][:] = 1e30
    SingleNetwork(diverged).save(run_folder)
    assert "the training has diverged" in ends(capsys, run_folder, "--out", tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()


def test_a_missing_package_is_said(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    export.main([str(run_folder), "--out", str(tmp_path / "x.onnx")])
    assert "Not compared with nnscratch's points: no package onnxruntime." in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert "pip install 'nnscratch[onnx]'" in ends(capsys, run_folder, "--out", tmp_path / "y.onnx")
    assert not (tmp_path / "y.onnx").exists()


@pytest.mark.parametrize("wrong", [1.0, np.nan])
def test_a_graph_that_finds_other_points_is_not_left(
    wrong: float, run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = export.answers_of
    monkeypatch.setattr(export, "answers_of", lambda *arguments: right(*arguments) + wrong)
    (tmp_path / "x.onnx").write_text("of before")
    line = ends(capsys, run_folder, "--out", tmp_path / "x.onnx")
    assert f"points of ONNX Runtime that differ by {wrong:.2g} px, expected less than 0.01" in line
    assert (tmp_path / "x.onnx").read_text() == "of before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "x.onnx"]


def test_a_graph_that_onnx_runtime_does_not_run_is_not_left(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Fail(Exception):
        pass

    def fails(path: Path, images: np.ndarray) -> np.ndarray:
        raise Fail("[ONNXRuntimeError] : 1 : opset 17 is\nunknown")

    monkeypatch.setattr(export, "answers_of", fails)
    monkeypatch.chdir(tmp_path)  # for a short line
    line = ends(capsys, run_folder, "--out", "x.onnx")
    assert "does not run ([ONNXRuntimeError] : 1 : opset 17 is), expected version 1.20 or newer; pip install" in line
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
