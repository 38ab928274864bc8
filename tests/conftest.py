"""What all tests share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or fills the user's cache."""
    monkeypatch.setenv("NNSCRATCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """run(script, *arguments, expect=0): an example as a program of its own, in a pipe; its warnings are errors.

    The package is found wherever it is installed, or here.
    """

    def run_example(script: str, *arguments: object, expect: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", str(ROOT / "examples" / script), *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
        assert done.returncode == expect, done.stderr
        return done

    return run_example
