"""What all tests share."""

from __future__ import annotations

import ast
import gc
import inspect
import io
import os
import re
import runpy
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from nnscratch.kernels.threads import get_threads, set_threads

collect_ignore = ["stress"]  # programs of the nightly script

ROOT = Path(__file__).parent.parent
ONE_BLAS_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1")

# A suite in the background inherits ignored signals (`nohup`, `&` in a script), and so would
# all that it starts.
for _number, _usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)


def pytest_configure() -> None:
    """BLAS computes on one thread, the library's own kernels on as many as there are cores.

    Two workers with two threads each on two cores wait for one another, and OpenBLAS waits by
    computing: the equations of a blend took 16 times as long.
    """
    threadpool_limits(1, user_api="blas")


def pytest_collection_finish() -> None:
    """Python's garbage collector no longer goes through 10,000 tests, a second each time."""
    gc.collect()
    gc.freeze()


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
        threads = {"NNSCRATCH_NUM_THREADS": str(get_threads())}  # as many as without ONE_BLAS_THREAD
        environment = {**ONE_BLAS_THREAD, **threads, **os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
        assert done.returncode == expect, done.stderr
        return done

    return run_example


@dataclass(frozen=True)
class Ended:
    """How a script ended, and what it printed."""

    status: int
    stdout: str
    stderr: str


@pytest.fixture
def run_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], pictures_not_drawn: object
) -> Iterator[Callable[..., Ended]]:
    """run_here(script, *arguments, expect=0): as `run`, but in this process, and without drawing
    its pictures, which is faster.
    """

    def run_example(name: str, *arguments: object, expect: int = 0) -> Ended:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        status = 0
        capsys.readouterr()
        try:
            runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
        except SystemExit as end:
            status = int(end.code or 0)
        ended = Ended(status, *capsys.readouterr())
        assert status == expect, ended
        return ended

    yield run_example
    set_threads(None)


@pytest.fixture
def pictures_not_drawn() -> Iterator[pytest.MonkeyPatch]:
    """Figures are made and not drawn, and a run's page is not made, which takes two seconds per
    run: for tests that ask whether their files are there. `undo()` of it has them drawn.
    """
    from matplotlib.figure import Figure

    from nnscratch.keypoints.scripts import run_folder

    def savefig(figure: Figure, path: Path, *, format: str) -> None:
        assert format == "png"
        path.write_bytes(b"\x89PNG\r\n\x1a\n, not drawn")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", savefig)
        patch.setattr(run_folder, "run_report", lambda *run: "<!doctype html>")
        yield patch


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


@pytest.fixture
def defaults_stated() -> Callable[[Callable[..., object]], set[str]]:
    """defaults_stated(nn.Adam): the arguments whose defaults its docstring states, as they are.

    A docstring states a default as "(default 0.1)" in the lines of the argument. All defaults other
    than None must be stated, apart from empty ones.
    """

    def stated(function: Callable[..., object]) -> set[str]:
        text = inspect.getdoc(function) or ""
        lines = {match["name"]: match["text"] for match in ARGUMENT.finditer(text)}
        found = {name: DEFAULT.search(line) for name, line in lines.items()}
        values = {name: ast.literal_eval(match[1]) for name, match in found.items() if match}
        parameters = inspect.signature(function).parameters.values()
        defaults = {each.name: each.default for each in parameters if each.default is not inspect.Parameter.empty}
        assert values == {name: value for name, value in defaults.items() if value not in (None, ())}
        assert all(type(values[name]) is type(defaults[name]) for name in values)
        return set(values)

    return stated


ARGUMENT = re.compile(r"^ +(?P<name>\w+) : (?P<text>.*(?:\n {8,}(?!\w+ : ).*)*)", re.MULTILINE)
DEFAULT = re.compile(r"\(default (.+?)\)(?=[ .;:,\n]|$)")
