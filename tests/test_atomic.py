from __future__ import annotations

from pathlib import Path

import pytest

from nnscratch import atomic


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
