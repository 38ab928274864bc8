"""A start that leaves BLAS to the processor: for programs of our own alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nnscratch.profiling import machine
from tests.kernels.interpreter import Interpreter

ROOT = Path(__file__).parents[2]
PROGRAM = """
import os
from nnscratch.profiling import machine
machine.start()
print(sorted(set(machine.BLAS_OVERRIDES) & set(os.environ)), machine.blas())
"""


@pytest.mark.parametrize("overrides", [{}, {"OPENBLAS_L2_SIZE": "512", "OPENBLAS_CORETYPE": "Haswell"}])
def test_start_leaves_blas_to_the_processor(overrides: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name not in machine.BLAS_OVERRIDES}
    command = [sys.executable, str(tmp_path / "program.py")]
    environment |= {"PYTHONPATH": str(ROOT)} | overrides
    lines = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(lines) == 1 + bool(overrides)
    assert lines[-1].startswith("[] ")
    assert len(lines[-1]) > len("[] ")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_program_starts_itself_again_and_not_the_one_that_forked(tmp_path: Path) -> None:
    """Many tests run scripts so, on machines that set these variables for all programs."""
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    with Interpreter(tmp_path, f"sys.path.insert(0, {str(ROOT)!r})") as interpreter:
        variables = {"PYTHONPATH": str(ROOT), "OPENBLAS_CORETYPE": "Haswell"}
        done = interpreter.run_file([str(tmp_path / "program.py")], tmp_path, **variables)
        lines = done.stdout.splitlines()
        assert (done.returncode, len(lines), lines[-1][:3]) == (0, 2, "[] "), done
        assert interpreter.run("print(1)", tmp_path).stdout == "1\n"


def test_a_command_in_another_program_does_not_replace_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in machine.BLAS_OVERRIDES:
        monkeypatch.delenv(name, raising=False)
    machine.start_command()
    assert capsys.readouterr().out == ""
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("the test's own program would be gone"))
    machine.start_command()
    assert capsys.readouterr().out == "NumPy's products may be slow: OPENBLAS_CORETYPE=Haswell is set\n"


def test_a_command_of_our_own_program_starts_again() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_CORETYPE": "Haswell"}
    command = [sys.executable, "-W", "error", "-m", "nnscratch", "compare", "dense", "--shape", "3,4,5,6"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout.startswith("started again without OPENBLAS_CORETYPE=Haswell")
    assert done.stderr.count("\n") == 1


def test_the_description_names_what_a_time_depends_on() -> None:
    facts = machine.description()
    assert {"processor", "BLAS", "cores", "threads", "python", "numpy", "numba"} == facts.keys()
    assert all(facts.values())


def test_the_blas_is_numpys_and_not_scipys(monkeypatch: pytest.MonkeyPatch) -> None:
    def library(folder: str, architecture: str) -> dict[str, str]:
        path = f"/a/{folder}/libopenblas.so"
        return {"user_api": "blas", "internal_api": "openblas", "architecture": architecture, "filepath": path}

    found = [library("scipy.libs", "Haswell"), library("numpy.libs", "SkylakeX")]
    monkeypatch.setattr(machine, "threadpool_info", lambda: found)
    assert machine.blas() == "openblas SkylakeX"
    found[1] = library("lib", "Zen")  # a system's own, which both use
    assert machine.blas() == "openblas Haswell and openblas Zen"
    found.clear()
    assert machine.blas() == "none that threadpoolctl knows"


def test_windows_waits_for_the_program_that_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setattr(machine, "_WINDOWS", True)
    monkeypatch.setattr(sys, "orig_argv", ["python", "-c", "import os; exit(3 + ('OPENBLAS_CORETYPE' in os.environ))"])
    with pytest.raises(SystemExit) as stop:
        machine.start()
    assert stop.value.code == 3


def test_a_system_that_hides_its_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", hidden)
    monkeypatch.setattr(machine.platform, "processor", lambda: "arm")
    assert machine.processor() == "arm"
