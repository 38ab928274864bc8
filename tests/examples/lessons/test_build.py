"""build.py runs a lesson and keeps its outputs, or says in one line why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "01_test.ipynb"
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": ["print(6 * 7)"], "outputs": []}
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def test_outputs_are_kept(run_here: Run, path: Path) -> None:
    done = run_here("lessons/build.py", path)
    assert done.stdout.startswith("01_test.ipynb: ")
    assert json.loads(path.read_text())["cells"][0]["outputs"][0]["text"] == ["42\n"]


def test_a_cell_that_fails_is_told_in_one_line(run_here: Run, path: Path) -> None:
    path.write_text(path.read_text().replace("6 * 7", "6 / 0"))
    done = run_here("lessons/build.py", path, expect=1)
    assert done.stderr == f"{path}: ZeroDivisionError: division by zero\n"


def test_what_is_no_notebook_is_refused(run_here: Run, path: Path) -> None:
    done = run_here("lessons/build.py", path.with_name("missing.ipynb"), expect=2)
    assert done.stderr.count("\n") == 1
    assert "expected a notebook, .ipynb" in done.stderr
