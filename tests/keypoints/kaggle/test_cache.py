"""The cache is quick and never wrong: if anything is wrong with it, the file itself is read."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.kaggle import cache, training_file
from nnscratch.keypoints.kaggle.files import Limits
from nnscratch.keypoints.kaggle.training_file import load_faces, save_faces


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NNSCRATCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    save_faces(faces_of(7), tmp_path / "faces.csv")
    return tmp_path / "faces.csv"


def faces_of(grey: int) -> Faces:
    points = np.full((2, 15, 2), 40.25, np.float32)
    points[1, 3] = np.nan
    return Faces(np.full((2, 96, 96), grey, np.uint8), points, np.array([1, 2]))


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read, not taken from the cache."""
    read, paths = training_file._read, []

    def counted(path: Path, limits: Limits) -> Faces:
        paths.append(path)
        return read(path, limits)

    monkeypatch.setattr(training_file, "_read", counted)
    return paths


def test_the_second_loading_gives_the_same_without_reading(folder: Path, source: Path, readings: list[Path]) -> None:
    first, second = load_faces(source), load_faces(os.path.relpath(source))
    assert len(readings) == 1
    for name in ("images", "points", "image_ids"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
        assert getattr(second, name).flags.writeable
    assert len(list(folder.iterdir())) == 1
    assert sorted(entry.name for entry in source.parent.iterdir()) == ["cache", "faces.csv"]


def test_an_entry_that_numpy_2_0_stored(
    folder: Path, source: Path, readings: list[Path], as_numpy_2_0: Callable[[Path], None]
) -> None:
    load_faces(source)
    (entry,) = folder.iterdir()
    as_numpy_2_0(entry)
    np.testing.assert_array_equal(load_faces(source).images, faces_of(7).images)
    assert len(readings) == 1


def test_a_changed_file_is_read_again(folder: Path, source: Path, readings: list[Path]) -> None:
    load_faces(source)
    before = source.stat()
    save_faces(faces_of(9), source)  # as long as before
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert source.stat().st_size == before.st_size
    assert load_faces(source).images[0, 0, 0] == 9
    assert load_faces(source).images[0, 0, 0] == 9
    assert len(readings) == 2


def test_another_version_is_read_again(
    folder: Path, source: Path, readings: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    load_faces(source)
    monkeypatch.setattr(cache, "VERSION", cache.VERSION + 1)
    load_faces(source)
    assert len(readings) == 2


def test_cache_false_neither_reads_nor_writes_it(folder: Path, source: Path, readings: list[Path]) -> None:
    load_faces(source, cache=False)
    assert not folder.exists()
    load_faces(source)
    load_faces(source, cache=False)
    assert len(readings) == 3


def test_a_damaged_cache_is_rebuilt_whatever_the_damage(folder: Path, source: Path) -> None:
    load_faces(source)
    (entry,) = folder.iterdir()
    whole = entry.read_bytes()
    rng = np.random.default_rng(0)
    damages = [b"", b"PK", whole[:-1], whole[: len(whole) // 2], whole + b"x", b"\x80\x04N."]
    for _ in range(300):
        damaged = bytearray(whole)
        # Most bytes are pixels; headers, where the parsers are, deserve half of the trials.
        at = int(rng.choice([rng.integers(len(damaged)), rng.integers(400), -rng.integers(1, 900)]))
        damaged[at] ^= int(rng.integers(1, 256))
        damages.append(bytes(damaged))
    for content in damages:
        entry.write_bytes(content)
        faces = load_faces(source)
        np.testing.assert_array_equal(faces.images, faces_of(7).images)
        np.testing.assert_array_equal(faces.points, faces_of(7).points)


def test_a_cache_that_cannot_be_written_is_no_error(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the last folder is a relative one
    (tmp_path / "a_file").touch()
    monkeypatch.setenv("NNSCRATCH_CACHE", str(tmp_path / "a_file" / "cache"))
    assert len(load_faces(source)) == 2
    monkeypatch.setenv("NNSCRATCH_CACHE", str(tmp_path / "a_file"))
    assert len(load_faces(source)) == 2
    monkeypatch.setenv("NNSCRATCH_CACHE", "no\nsuch/\x01folder" + "x" * 300)
    assert len(load_faces(source)) == 2


def test_without_a_home_nothing_is_kept(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("no home")

    monkeypatch.delenv("NNSCRATCH_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    assert len(load_faces(source)) == 2


def test_the_folder_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNSCRATCH_CACHE", "/a")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    monkeypatch.setenv("HOME", "/home/c")
    assert cache.folder() == Path("/a")
    monkeypatch.setenv("NNSCRATCH_CACHE", "")
    assert cache.folder() == Path("/b/nnscratch")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache.folder() == Path("/home/c/.cache/nnscratch")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache.folder() == Path("/home/c/Library/Caches/nnscratch")
