"""The cache is quick and never wrong: if anything is wrong with it, the file itself is read."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.kaggle import cache, training_file
from nnscratch.keypoints.kaggle.files import DataError, Limits
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


def entry_with(folder: Path, **changes: np.ndarray | None) -> None:
    """Changes arrays of the only entry; None leaves one out."""
    (path,) = folder.glob("*.npz")
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files} | changes
    with path.open("wb") as file:
        np.savez(file, **{name: array for name, array in arrays.items() if array is not None})


FOREIGN: dict[str, dict[str, np.ndarray | None]] = {
    "no images": {"images": None},
    "no points": {"points": None},
    "no ids": {"image_ids": None},
    "no checksum": {"checksum": None},
    "another array": {"more": np.ones(3)},
    "other images": {"images": np.zeros((2, 96, 96), np.uint8)},
    "float images": {"images": np.zeros((2, 96, 96))},
    "an image too few": {"images": np.zeros((1, 96, 96), np.uint8)},
    "ids of text": {"image_ids": np.array(["1", "2"])},
    "one id": {"image_ids": np.array(5)},
    "no faces": {
        "images": np.zeros((0, 96, 96), np.uint8), "points": np.zeros((0, 15, 2), np.float32),
        "image_ids": np.zeros(0, np.int64),
    },
}  # fmt: skip


@pytest.mark.parametrize("changes", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_entry_is_as_none(
    folder: Path, source: Path, readings: list[Path], changes: dict[str, np.ndarray | None]
) -> None:
    load_faces(source)
    entry_with(folder, **changes)
    np.testing.assert_array_equal(load_faces(source).images, faces_of(7).images)
    assert len(readings) == 2
    load_faces(source)  # it has been stored anew
    assert len(readings) == 2


@pytest.mark.parametrize(
    ("points", "image_ids"), [(np.inf, [1, 2]), (193.0, [1, 2]), (-97.0, [1, 2]), (40.0, [1, 1]), (40.0, [-1, 2])]
)
def test_an_entry_with_a_right_checksum_must_mean_something(
    folder: Path, source: Path, readings: list[Path], points: float, image_ids: list[int]
) -> None:
    load_faces(source)
    faces = Faces(faces_of(7).images, np.full((2, 15, 2), points, np.float32), np.array(image_ids))
    cache.Entry(source, Limits()).store(faces)
    np.testing.assert_array_equal(load_faces(source).points, faces_of(7).points)
    assert len(readings) == 2


def test_the_entry_of_another_file_is_as_none(folder: Path, source: Path, readings: list[Path]) -> None:
    load_faces(source)
    (entry,) = folder.iterdir()
    other = source.with_name("other.csv")
    save_faces(faces_of(9), other)  # as long
    os.utime(other, ns=(source.stat().st_atime_ns, source.stat().st_mtime_ns))
    load_faces(other)
    (other_entry,) = set(folder.iterdir()) - {entry}
    other_entry.write_bytes(entry.read_bytes())
    assert load_faces(other).images[0, 0, 0] == 9
    assert len(readings) == 3


def test_other_limits_are_another_reading(folder: Path, source: Path) -> None:
    load_faces(source)
    with pytest.raises(DataError, match="more than 1 rows"):
        load_faces(source, limits=Limits(rows=1))


def test_the_oldest_entries_and_old_leftovers_are_removed(
    folder: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_faces(source)
    (entry,) = folder.iterdir()
    size = entry.stat().st_size
    monkeypatch.setattr(cache, "MOST_BYTES", 3 * size)
    old, older, oldest = (folder / f"{letter * 32}.npz" for letter in "abc")
    left, young = folder / f".unfinished-{'d' * 32}-x.npz", folder / f".unfinished-{'e' * 32}-x.npz"
    others = [folder / name for name in ("notes.txt", "photo.npz", ".unfinished-thesis.txt", "A" * 32 + ".npz")]
    for age, path in enumerate([old, older, oldest, left, *others], 2):
        path.write_bytes(bytes(size))
        os.utime(path, (time.time() - 3600 * age,) * 2)
    young.write_bytes(b"")
    cache.Entry(source, Limits()).store(load_faces(source))
    assert set(folder.iterdir()) == {entry, old, older, young, *others}


def test_faces_that_are_larger_than_the_cache_are_not_stored(
    folder: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MOST_BYTES", 1000)
    load_faces(source)
    assert not folder.exists()


def test_any_cache_folder_is_survived(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, pipe = tmp_path / "loop", tmp_path / "pipe"
    loop.symlink_to(loop)
    os.mkfifo(pipe)
    for chosen in (loop, loop / "x", pipe, Path("/dev/null"), Path("/proc/1/none"), tmp_path / "a\udce9"):
        monkeypatch.setenv("NNSCRATCH_CACHE", str(chosen))
        assert len(load_faces(source)) == 2
    monkeypatch.setenv("NNSCRATCH_CACHE", str(tmp_path / "cache"))
    load_faces(source)
    (entry,) = (tmp_path / "cache").iterdir()
    for make in (lambda: entry.mkdir(), lambda: os.mkfifo(entry), lambda: entry.symlink_to(entry)):
        if entry.is_dir():
            entry.rmdir()
        entry.unlink(missing_ok=True)
        make()
        assert len(load_faces(source)) == 2
