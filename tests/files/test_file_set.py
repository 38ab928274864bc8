"""Files that arrive together: a reader sees one set, or is told that he does not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from nnscratch.files import atomic, file_set

OLD = {"model.npz": "old", "level_2.npz": "old", "stale.png": "old"}
NEW = {"model.npz": "new", "level_2.npz": "new", "extra.csv": "new"}


class Killed(BaseException):
    """The process is gone."""


def ours(name: str) -> bool:
    return name != "notes.txt"


def make(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def read(folder: Path) -> dict[str, str]:
    with file_set.one_set(folder, "model.npz"):
        return contents(folder)


def test_a_kill_at_any_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before each change of a name, one after the other: the old set, or none and then the new."""
    originals = {name: getattr(os, name) for name in ("link", "rename", "replace", "unlink", "rmdir")}
    outcomes = set()
    for moment in range(1000):
        folder = make(tmp_path / f"run{moment}", OLD | {"notes.txt": "mine"})
        new = make(folder / ".unfinished-x", NEW)
        left = [moment]

        def counted(name: str, left: list[int] = left) -> object:
            def call(*arguments: object, **options: object) -> object:
                if left[0] == 0:
                    raise Killed
                left[0] -= 1
                return originals[name](*arguments, **options)

            return call

        with monkeypatch.context() as patch:
            for name in originals:
                patch.setattr(os, name, counted(name))
            try:
                file_set.arrive(new, folder, ours)
                done = True
            except Killed:
                done = False
        try:
            seen = read(folder)
            outcomes.add("old" if seen["model.npz"] == "old" else "new")
            expected = OLD if seen["model.npz"] == "old" else NEW
            assert seen == expected | {"notes.txt": "mine"}
        except ValueError:
            outcomes.add("refused")
        was_old = read_or_none(folder) == OLD | {"notes.txt": "mine"}
        file_set.finish_arriving(folder, ours)
        atomic.remove_leftovers(folder)
        assert contents(folder) == (OLD if was_old else NEW) | {"notes.txt": "mine"}
        assert sorted(path.name for path in folder.iterdir()) == sorted(contents(folder))
        shutil.rmtree(folder)
        if done:
            break
    assert outcomes == {"old", "refused", "new"}


def read_or_none(folder: Path) -> dict[str, str] | None:
    try:
        return read(folder)
    except ValueError:
        return None


def test_a_file_system_without_second_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_link(*arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_link)
    folder = make(tmp_path / "run", OLD)
    file_set.arrive(make(folder / ".unfinished-x", NEW), folder, ours)
    assert contents(folder) == NEW


def test_files_that_arrive_while_others_are_read(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", OLD)

    def read_slowly() -> None:
        with file_set.one_set(folder, "model.npz"):
            (folder / "model.npz").read_text()
            file_set.arrive(make(folder / ".unfinished-x", NEW), folder, ours)
            (folder / "stale.png").read_text()  # gone: but that is not what is wrong

    with pytest.raises(ValueError, match="run: got files of two runs"):
        read_slowly()
    assert read(folder) == NEW
    with pytest.raises(ZeroDivisionError), file_set.one_set(folder, "model.npz"):
        raise ZeroDivisionError


def test_what_is_not_ours_in_a_folder_named_like_that(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", {"notes.txt": "mine"})
    make(folder / file_set.ARRIVING, {"notes.txt": "foreign"})
    file_set.finish_arriving(folder, ours)
    assert contents(folder) == {"notes.txt": "mine"}
