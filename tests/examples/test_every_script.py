"""Every script: it can be copied alone, says what it takes, and is run by a test."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COPIED = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
EXPERIMENTS = sorted(f"experiments/{path.name}" for path in (ROOT / "examples" / "experiments").glob("*.py"))
WITHOUT_OPTIONS = {"first_network.py"}


@pytest.mark.parametrize("script", [name for name in COPIED if name not in WITHOUT_OPTIONS])
def test_a_script_that_is_copied_alone_says_what_it_takes(script: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples" / script, tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", script, "--help"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--out" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize("script", EXPERIMENTS)
def test_an_experiment_says_what_it_takes(
    run_here: Callable[..., subprocess.CompletedProcess[str]], script: str
) -> None:
    done = run_here(script, "--help")
    assert "--out" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize("script", COPIED + EXPERIMENTS)
def test_every_script_has_a_test_that_runs_it(script: str) -> None:
    name = Path(script)
    test = Path(__file__).parent / name.parent / f"test_{name.name}"
    assert re.search(rf'(run|run_here)\(\s*"{script}"', test.read_text()), f"{test.name} does not run {script}"
