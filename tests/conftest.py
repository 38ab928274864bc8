"""What all tests share."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

collect_ignore = ["stress"]  # programs of the nightly script

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or fills the user's cache."""
    monkeypatch.setenv("NNSCRATCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """run(script, *arguments, expect=0): an example as a program of its own, in a pipe; its
    warnings are errors.

    The package is found wherever it is installed, or here.
    """

    def run_example(script: str, *arguments: object, expect: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", str(ROOT / "examples" / script), *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
        assert done.returncode == expect, done.stderr
        return done

    return run_example


@pytest.fixture
def as_numpy_2_0() -> Callable[[Path], None]:
    """as_numpy_2_0(path): makes of an .npz what NumPy 2.0 and 2.1 wrote for np.savez(path,
    allow_pickle=False, ...).
    """

    def add_stray_array(path: Path) -> None:
        member = io.BytesIO()
        np.save(member, np.array(False))
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("allow_pickle.npy", member.getvalue())
        with np.load(path) as file:
            assert file.files[-1] == "allow_pickle"

    return add_stray_array
