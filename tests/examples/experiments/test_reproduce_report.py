"""examples/experiments/reproduce_report.py as a user runs it: on a small file, in a pipe, stopped
and started again.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.kaggle.training_file import save_faces

Run = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("faces") / "training.csv"
    save_faces(draw_faces(60, seed=3), path)
    return path


@pytest.mark.nightly
def test_it_goes_on_where_it_was_stopped(run: Run, run_here: Run, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    arguments = "--data", data, "--out", out, "--quick", "--most-epochs", 1
    first = run("experiments/reproduce_report.py", *arguments, "--only", "mean_face", "f1")
    assert first.stderr == ""  # no progress in a pipe
    assert "experiments to run: 2, about" in first.stdout
    assert "done already: 0" in first.stdout
    kept = (out / "results" / "f1.json").read_bytes()

    second = run_here("experiments/reproduce_report.py", *arguments, "--only", "f1", "f1_cured", "eyes")
    assert "experiments to run: 2," in second.stdout
    assert "done already: 2" in second.stdout
    assert (out / "results" / "f1.json").read_bytes() == kept
    text = (out / "report.md").read_text()
    for title in ("mean face", "F1 CNN, the code's head", "F1 CNN, cured", "eigenfaces"):
        assert f"| {title}" in text
        assert any(line.startswith(title) for line in second.stdout.splitlines())
    lines = [line for line in second.stdout.splitlines() if str(out) not in line]
    assert max(map(len, lines)) <= 80

    other = run_here(
        "experiments/reproduce_report.py", "--data", data, "--out", out, "--quick", "--most-epochs", 2, "--only", "f1"
    )
    assert "experiments to run: 1," in other.stdout  # other epochs, another result; the baselines have none
    assert "done already: 2" in other.stdout


def test_bad_input_is_one_line_and_nothing_is_written(run: Run, run_here: Run, data: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("nonsense\n1\n")
    (tmp_path / "file").write_text("")
    small = tmp_path / "small.csv"
    save_faces(draw_faces(3, seed=0), small)
    before = sorted(tmp_path.iterdir())
    for way, arguments, part in (
        (run, ("--data", tmp_path / "bad.csv", "--out", tmp_path / "out"), "line 1"),
        (run_here, ("--data", tmp_path / "none.csv", "--out", tmp_path / "out"), "no file of this name"),
        (run_here, ("--data", small, "--out", tmp_path / "out"), "of 3 rows with all 15 points"),
        (run_here, ("--data", data, "--only", "everything"), "everything"),
        (run_here, ("--data", data, "--out", tmp_path / "file"), "file"),
        (run_here, (), "--data"),
    ):
        done = way("experiments/reproduce_report.py", *arguments, expect=2)
        assert done.stderr.count("\n") == 1
        assert part in done.stderr
        assert "Traceback" not in done.stderr
    assert sorted(tmp_path.iterdir()) == before
