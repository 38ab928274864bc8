"""Small runs of the programs in tests/stress, and that they find what they look for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).parent / "stress" / "mutate_files.py"


def test_a_hundred_files_of_all_kinds(tmp_path: Path) -> None:
    command = [sys.executable, str(PROGRAM), "--count", "100", "--seed", "7", "--keep", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "100 files, 0 failures" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_suite_hears_signals_in_the_background() -> None:
    tests = Path(__file__).parent / "training" / "test_interrupts.py"
    ignored = 'trap "" INT HUP; exec "$0" "$@"'
    command = ["sh", "-c", ignored, sys.executable, "-m", "pytest", "-n", "0", str(tests)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def fails(kind: str) -> object:
    def read(folder: Path) -> None:
        if kind == "hang":
            while True:
                pass
        if kind == "out of range":
            assert np.isfinite(np.nan)
        if kind == "undocumented":
            raise TypeError("odd")
        if kind == "memory":
            raise MemoryError
        if kind != "accepted":
            raise ValueError({"refused": "short", "two lines": "a\nb", "long": "x" * 300, "empty": ""}[kind])

    return read


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("accepted", "accepted"), ("refused", "refused"), ("two lines", "bad message"), ("long", "bad message"),
        ("empty", "bad message"), ("undocumented", "undocumented"), ("memory", "memory"),
        ("out of range", "out of range"), ("hang", "hang"),
    ],
)  # fmt: skip
def test_each_outcome_is_told_apart(monkeypatch: pytest.MonkeyPatch, kind: str, outcome: str) -> None:
    import importlib.util
    import signal

    specification = importlib.util.spec_from_file_location("mutate_files", PROGRAM)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    monkeypatch.setattr(module, "SECONDS", 0.2)
    before = signal.signal(signal.SIGPROF, module._alarm)
    try:
        assert module.judge(fails(kind), Path())[0] == outcome
    finally:
        signal.signal(signal.SIGPROF, before)
