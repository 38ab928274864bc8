"""The benchmarks start, and measure what they say; their figures belong in no test."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks"
PROGRAMS = sorted(path.name for path in FOLDER.glob("*.py") if path.name != "machine.py")


@pytest.mark.parametrize("program", PROGRAMS)
def test_help(program: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(FOLDER.parent)}
    command = [sys.executable, "-W", "error", str(FOLDER / program), "--help"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--json" in done.stdout


@pytest.fixture
def machine() -> ModuleType:
    specification = importlib.util.spec_from_file_location("machine", FOLDER / "machine.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_works_take_turns_after_a_warm_up(machine: ModuleType) -> None:
    calls: list[str] = []
    times = machine.in_turn([lambda: calls.append("a"), lambda: calls.append("b")], repeats=3)
    assert "".join(calls) == "aabb" + "ababab"
    assert [len(column) for column in times] == [3, 3]


def test_the_ratio_is_taken_pair_by_pair(machine: ModuleType) -> None:
    # The machine was three times slower in the second round; each pair still says 2.
    assert machine.ratio([2.0, 6.0, 2.0], [1.0, 3.0, 1.0]) == 2.0
