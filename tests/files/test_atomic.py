from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path

import pytest

from nnscratch.files import atomic


def test_the_file_appears_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "result.csv"
    with atomic.write(path) as temporary:
        temporary.write_text("new")
        assert temporary.suffix == ".csv"
        assert temporary.parent == tmp_path
        assert not path.exists()
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == _rights_of_a_plain_file(tmp_path)


def _rights_of_a_plain_file(folder: Path) -> int:
    plain = folder / "plain"
    plain.write_text("")
    return plain.stat().st_mode & 0o777


def test_a_failure_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "result.csv"
    path.write_text("old")

    def fail_half_way() -> None:
        with atomic.write(path) as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic.write(tmp_path / "nowhere" / "result.csv"):
        pass


def test_the_file_is_on_disk_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    flush, rename = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        flush(descriptor)

    def replace(source: Path, target: Path) -> None:
        done.append("rename")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    with atomic.write(tmp_path / "result.csv") as temporary:
        temporary.write_text("new")
    assert done == ["file", "rename", "folder"]


def test_a_disk_that_does_not_take_the_file_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "result.csv"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"), atomic.write(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_its_place_and_a_name_as_long_as_they_get(tmp_path: Path) -> None:
    (tmp_path / "model.npz").mkdir()
    with pytest.raises(OSError), atomic.write(tmp_path / "model.npz") as temporary:  # noqa: PT011
        temporary.write_text("new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.npz"]
    long = tmp_path / ("n" * 251 + ".csv")
    with atomic.write(long) as temporary:
        temporary.write_text("new")
    assert long.read_text() == "new"


def test_text_is_written_whole_and_with_the_same_line_ends_everywhere(tmp_path: Path) -> None:
    atomic.write_text(tmp_path / "a.txt", "größer\n2\n")
    assert (tmp_path / "a.txt").read_bytes() == "größer\n2\n".encode()
    with pytest.raises(UnicodeEncodeError):
        atomic.write_text(tmp_path / "a.txt", "half\ud800")
    assert (tmp_path / "a.txt").read_bytes() == "größer\n2\n".encode()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_only_what_was_left_unfinished_is_removed(tmp_path: Path) -> None:
    with atomic.write(tmp_path / "a.csv") as temporary:
        shutil.copyfile(__file__, tmp_path / f"{temporary.name}.killed")  # what a kill would leave
    (tmp_path / "a.csv").unlink()
    (tmp_path / ".unfinished-run").mkdir()
    (tmp_path / ".unfinished-run" / "model.npz").write_text("half")
    (tmp_path / "outside").mkdir()
    (tmp_path / ".unfinished-link").symlink_to(tmp_path / "outside")
    for name in ("notes.txt", ".hidden", "unfinished-letter"):
        (tmp_path / name).write_text("mine")
    atomic.remove_leftovers(tmp_path)
    assert {entry.name for entry in tmp_path.iterdir()} == {"notes.txt", ".hidden", "unfinished-letter", "outside"}
    atomic.remove_leftovers(tmp_path / "nowhere")


def test_a_leftover_that_another_program_removes_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".unfinished-still-there").touch()
    names = [tmp_path / ".unfinished-gone", tmp_path / ".unfinished-still-there"]
    monkeypatch.setattr(Path, "iterdir", lambda folder: iter(names))
    atomic.remove_leftovers(tmp_path)
    assert not names[1].exists()


def test_a_system_that_opens_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_any = os.open

    def open_files(path: Path, flags: int, *mode: int) -> int:
        if Path(path).is_dir():
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return open_any(path, flags, *mode)

    monkeypatch.setattr(os, "open", open_files)
    atomic.write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"
    with pytest.raises(FileNotFoundError):
        atomic.flush(tmp_path / "nowhere")


def test_a_system_that_flushes_only_what_may_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "_TO_FLUSH", os.O_RDWR)  # as on Windows
    atomic.write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"
