"""The lock on a folder: one holder at a time, and none that is dead."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.scripts import run_lock
from nnscratch.keypoints.scripts.run_lock import locked

HOLD = """
import sys, time
from pathlib import Path
from nnscratch.keypoints.scripts import run_lock
from nnscratch.keypoints.scripts.run_lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_second_is_told_who_holds_it_and_a_dead_process_does_not(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3])
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        expected = f"{tmp_path}: got a folder into which process {holder.pid} trains now, expected one that is free"
        with pytest.raises(DataError, match=expected), locked(tmp_path):
            pass
    finally:
        holder.kill()
        holder.communicate()
    assert (tmp_path / ".lock").exists()  # what a kill leaves
    with locked(tmp_path):
        assert (tmp_path / ".lock").read_text() == f"{os.getpid()}\n"
    assert list(tmp_path.iterdir()) == []


def test_it_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        raise ZeroDivisionError
    with locked(tmp_path), pytest.raises(DataError, match="trains now"), locked(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / ".lock").symlink_to(tmp_path / "mine")
    with pytest.raises(OSError, match="symbolic"), locked(tmp_path):
        pass
    assert (tmp_path / "mine").read_text() == "mine"


class Msvcrt:
    """Windows' locks: one holder per byte, who is refused twice as PermissionError."""

    LK_NBLCK = 2

    def __init__(self) -> None:
        self.held: dict[tuple[int, int], int] = {}

    def locking(self, descriptor: int, mode: int, count: int) -> None:
        assert (mode, count) == (self.LK_NBLCK, 1)
        key = os.fstat(descriptor).st_ino, os.lseek(descriptor, 0, os.SEEK_CUR)
        if key in self.held:
            raise PermissionError(13, "Permission denied")
        self.held[key] = descriptor


def test_on_windows_its_own_locks_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = Msvcrt()
    monkeypatch.setattr(run_lock, "fcntl", None)
    monkeypatch.setattr(run_lock, "msvcrt", system)
    with locked(tmp_path):
        assert (tmp_path / ".lock").read_text() == f"{os.getpid()}\n"
        ((_, place),) = system.held
        assert place > 1000  # the process id stays readable
        with pytest.raises(DataError, match=f"process {os.getpid()} trains now"), locked(tmp_path):
            pass


def test_without_locks_nothing_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_lock, "fcntl", None)
    monkeypatch.setattr(run_lock, "msvcrt", None)
    with locked(tmp_path), locked(tmp_path):
        assert (tmp_path / ".lock").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_windows_does_not_remove_while_it_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unlink(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "in use by another process")

    with monkeypatch.context() as windows:
        windows.setattr(Path, "unlink", unlink)
        with locked(tmp_path):
            pass
    with locked(tmp_path):  # what is left disturbs nobody
        assert (tmp_path / ".lock").read_text() == f"{os.getpid()}\n"
