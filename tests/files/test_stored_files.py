from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest

from nnscratch.files.stored_files import DamagedError, open_stored, read_bytes, told


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe: got a damaged file .it is a pipe or a device"):
        open_stored(tmp_path / "pipe")
    with pytest.raises(ValueError, match="a pipe or a device"):
        read_bytes("/dev/zero", 10)


def test_folders_and_missing_files_are_os_errors_with_their_name(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError) as folder:
        open_stored(tmp_path)
    assert folder.value.filename == str(tmp_path)
    with pytest.raises(FileNotFoundError):
        open_stored(tmp_path / "none")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(OSError, match="loop"):
        open_stored(tmp_path / "loop")


def test_a_limit_of_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_bytes(tmp_path / "a", 5) == b"12345"
    with pytest.raises(ValueError, match="it has more than 4 bytes"):
        read_bytes(tmp_path / "a", 4)


def test_a_large_limit_takes_no_memory_for_a_small_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    tracemalloc.start()
    try:
        assert read_bytes(tmp_path / "a", 1 << 30) == b"12345"
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("odd"), "odd"),
        (KeyError("layers"), "there is no 'layers'"),
        (MemoryError(), "it needs more memory than there is"),
        (OverflowError(), "OverflowError"),
        (DamagedError.at("folder/b.npz", "cut off", expected="x", fix="y"), "b.npz: cut off"),
        (DamagedError.at("a.json", "cut off", expected="x", fix="y"), "cut off"),
        (ValueError("x" * 10**6), "x" * 50),
    ],
)
def test_what_the_content_makes_the_block_raise_is_told(error: Exception, reason: str) -> None:
    with pytest.raises(DamagedError) as caught, told("a.json", expected="JSON", fix="write it again"):
        raise error
    assert str(caught.value).startswith(f"a.json: got a damaged file ({reason}")
    assert len(str(caught.value)) < 300


def test_other_errors_stay_what_they_are() -> None:
    for kind in (OSError, TypeError, AttributeError, KeyboardInterrupt):
        with pytest.raises(kind), told("a.json", expected="JSON", fix="write it again"):
            raise kind
