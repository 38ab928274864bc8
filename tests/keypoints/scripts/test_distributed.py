"""Programs on several ranks: one speaks, all end; the scripts on two processes of MPI."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.kaggle.training_file import save_faces
from nnscratch.keypoints.scripts import command_line, distributed, interruption
from tests.mpi import mpiexec


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_faces(draw_faces(24, seed=1, missing=False), tmp_path / "faces.csv")
    return tmp_path


def test_a_script_on_two_processes(folder: Path) -> None:
    # Without mpiexec it is one process. Its run is replaced then: only rank 0 looks there.
    single = mpiexec(0, "tests/keypoints/scripts/on_mpi.py", folder, "train_mlp.py")
    assert (single.returncode, single.stderr) == (0, "")
    alone = json.loads((folder / "train_mlp" / "metrics.json").read_text())
    done = mpiexec(2, "tests/keypoints/scripts/on_mpi.py", folder, "train_mlp.py")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.count("faces: 20 to learn from, 4 to validate on") == 1
    assert done.stdout.count("written to ") == 1
    shared = json.loads((folder / "train_mlp" / "metrics.json").read_text())
    assert shared["rmse_px"] == pytest.approx(alone["rmse_px"], rel=1e-4)
    assert shared["outcome"] == {"all": "ALL_EPOCHS"}
    assert not (folder / "train_mlp" / "checkpoints").exists()


@pytest.mark.nightly
def test_all_scripts_on_two_processes(folder: Path) -> None:
    done = mpiexec(2, "tests/keypoints/scripts/on_mpi.py", folder)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.count("faces: 20 to learn from, 4 to validate on") == 2  # each script once
    assert done.stdout.count("written to ") == 3
    cascade = json.loads((folder / "train_cascade" / "metrics.json").read_text())
    assert len(cascade["outcome"]) == 1 + 9
    assert not (folder / "train_cascade" / "checkpoints").exists()
    results = sorted(file.name for file in (folder / "ablation" / "seed_0").iterdir())
    assert results == ["cure_the_cure.json", "race_the_cure.json"]
    assert (folder / "ablation" / "ablation.md").exists()


def test_a_mistake_is_one_line_of_two_processes(tmp_path: Path) -> None:
    one = mpiexec(2, "examples/train_mlp.py", "--distributed", "--data", tmp_path / "none.csv", "--out", tmp_path / "x")
    assert one.returncode == 2
    lines = [line for line in one.stderr.splitlines() if "error" in line]
    assert lines == [
        f"train_mlp.py: error: {tmp_path / 'none.csv'}: got no file of this name, expected a CSV, plain, zipped or "
        "gzipped; check the path"
    ]
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("script", ["train_mlp.py", "train_cnn.py", "train_cascade.py"])
def test_without_mpi4py_it_is_one_line_and_status_2(
    script: str, run_here: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed.world.cache_clear()
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    monkeypatch.setitem(sys.modules, "mpi4py.MPI", None)
    ended = run_here(script, "--distributed", "--out", tmp_path / "out", expect=2)
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"{script}: error: --distributed: got no package mpi4py")
    assert line.endswith("expected one; pip install 'nnscratch[mpi]'")
    assert not (tmp_path / "out").exists()
    distributed.world.cache_clear()


def test_mpi4py_without_an_mpi_is_one_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*names: Any, **more: Any) -> None:
        raise RuntimeError("cannot load MPI library\nlibmpi.so: not found\n")

    distributed.world.cache_clear()
    monkeypatch.setattr(distributed, "required", fail)
    with pytest.raises(ImportError, match=r"^--distributed: got no MPI \(cannot load MPI library libmpi.so: .*\[mpi\]"):
        distributed.world()


class World:
    """A communicator of two, of which this process is one; the other has ended or never will."""

    def __init__(self, rank: int, *, other_ends: bool) -> None:
        self.rank, self.other_ends = rank, other_ends
        self.aborted: list[int] = []

    def Get_rank(self) -> int:
        return self.rank

    def Get_size(self) -> int:
        return 2

    def Dup(self) -> World:
        return self

    Ibarrier = Dup

    def Test(self) -> bool:
        return self.other_ends

    def Abort(self, errorcode: int = 1) -> None:
        self.aborted.append(errorcode)

    Allreduce = allgather = Get_size


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, World]]:
    """program(main, rank, other_ends): the status of a program, and its world."""

    def run(main: Callable[[], None], *, rank: int, other_ends: bool) -> tuple[int, World]:
        streams = sys.stdout, sys.stderr
        world = World(rank, other_ends=other_ends)
        monkeypatch.setattr(sys, "argv", ["train.py", "--distributed"])
        monkeypatch.setattr(distributed, "world", lambda: world)
        monkeypatch.setattr(distributed, "_SECONDS_FOR_OTHERS", 0.05)
        try:
            command_line.run(main)
        except SystemExit as end:
            return int(end.code or 0), world
        finally:
            sys.stdout, sys.stderr = streams
        return 0, world

    return run


def no_disk() -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("rank", [0, 1])
def test_what_fails_on_all_ends_as_on_one(program: Any, rank: int, capfd: pytest.CaptureFixture[str]) -> None:
    status, world = program(no_disk, rank=rank, other_ends=True)
    assert (status, world.aborted) == (2, [])
    assert capfd.readouterr().err == ("" if rank else "train.py: error: No space left on device\n")


@pytest.mark.parametrize("rank", [0, 1])
def test_what_fails_on_one_ends_all_with_its_line(program: Any, rank: int, capfd: pytest.CaptureFixture[str]) -> None:
    status, world = program(no_disk, rank=rank, other_ends=False)
    assert (status, world.aborted) == (2, [2])
    before = "rank 1 of 2: " if rank else ""
    assert capfd.readouterr().err == f"{before}train.py: error: No space left on device\n"


def test_a_bug_on_one_rank_is_told(program: Any, capfd: pytest.CaptureFixture[str]) -> None:
    def bug() -> None:
        raise ZeroDivisionError("by nothing")

    with pytest.raises(ZeroDivisionError):
        program(bug, rank=1, other_ends=False)
    assert capfd.readouterr().err == "rank 1 of 2: ZeroDivisionError: by nothing\n"
    with pytest.raises(ZeroDivisionError):
        program(bug, rank=0, other_ends=False)
    assert "Traceback" in capfd.readouterr().err


def test_only_rank_0_speaks(program: Any, capfd: pytest.CaptureFixture[str]) -> None:
    def speak() -> None:
        print("results")
        print("warning", file=sys.stderr)
        interruption._say_now("a signal")

    assert program(speak, rank=1, other_ends=True)[0] == 0
    assert capfd.readouterr() == ("", "")
    assert program(speak, rank=0, other_ends=True)[0] == 0
    assert capfd.readouterr() == ("results\n", "warning\ntrain.py: a signal\n")


def test_whoever_is_done_waits_for_the_others(program: Any) -> None:
    other = threading.Event()

    class Later(World):
        def Test(self) -> bool:
            return other.wait(0.01)

    timer = threading.Timer(0.2, other.set)
    timer.start()
    World.Test, kept = Later.Test, World.Test  # type: ignore[method-assign]
    try:
        assert program(lambda: None, rank=1, other_ends=True)[1].aborted == []
    finally:
        World.Test = kept  # type: ignore[method-assign]
    assert other.is_set()


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["--distributed"], True), (["--dist"], True), (["--di"], True), (["--d"], False), (["--distributed=1"], False),
        ([], False), (["--data", "distributed"], False), (["distributed"], False),
    ],
)  # fmt: skip
def test_the_option_is_seen_as_argparse_sees_it(words: list[str], asked: bool) -> None:
    assert distributed.is_asked(words) is asked
