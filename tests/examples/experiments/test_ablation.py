"""examples/experiments/ablation.py as a user runs it, on a few drawn faces; and the code of its
lesson.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.kaggle.training_file import save_faces

Run = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).parents[3]


def test_writes_runs_table_and_picture_and_resumes(run: Run, run_here: Run, tmp_path: Path) -> None:
    save_faces(draw_faces(16, seed=1, missing=False), tmp_path / "training.csv")
    out = tmp_path / "out"
    arguments = ["--data", tmp_path / "training.csv", "--out", out, "--epochs", 2, "--race-epochs", 1, "--seeds", 1]
    first = run("experiments/ablation.py", *arguments, "--only", "the cure")
    assert first.stderr == ""
    assert "2 kinds of runs, 1 of each" in first.stdout
    files = sorted((out / "seed_0").glob("*.json"))
    assert [file.name for file in files] == ["cure_the_cure.json", "race_the_cure.json"]
    assert "| cure: the cure | 1 | 2 |" in (out / "ablation.md").read_text()
    assert (out / "ablation.png").stat().st_size > 1000
    times = [file.stat().st_mtime_ns for file in files]
    run_here("experiments/ablation.py", *arguments, "--only", "the cure")
    assert [file.stat().st_mtime_ns for file in files] == times


def test_bad_input_is_one_line_and_status_2(run: Run, run_here: Run, tmp_path: Path) -> None:
    done = run("experiments/ablation.py", "--data", tmp_path / "none.csv", "--out", tmp_path / "out", expect=2)
    assert "none.csv" in done.stderr
    assert "Traceback" not in done.stderr
    run_here("experiments/ablation.py", "--out", tmp_path / "out", expect=2)
    nothing = run_here(
        "experiments/ablation.py",
        "--data",
        tmp_path / "none.csv",
        "--out",
        tmp_path / "out",
        "--only",
        "luck",
        expect=2,
    )
    assert nothing.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_the_lessons_code_runs(tmp_path: Path) -> None:
    save_faces(draw_faces(60, seed=1, missing=False), tmp_path / "training.csv")
    lesson = (ROOT / "examples" / "lessons" / "why_the_cnn_did_not_learn.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", lesson, re.DOTALL)
    command = [sys.executable, "-W", "error", "-c", code, str(tmp_path / "training.csv")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("curvature")
    spreads = [float(line.split()[-2]) for line in lines[1:]]
    assert spreads == sorted(spreads, reverse=True)  # none, L2 / 30, L2, dropout, both
    assert spreads[-1] < spreads[0]
