"""Named arrays in one file: what comes back, what is refused, and what damage says."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from nnscratch import array_files

ARRAYS = {
    "0.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "text": np.array("some text, of 21 chars"),
    "empty": np.zeros((0, 4)),
    "number": np.array(3),
    "file": np.array([True, False]),  # names that np.savez has for itself
    "args": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
}


def test_bit_for_bit(tmp_path: Path) -> None:
    array_files.write(tmp_path / "some.arrays", ARRAYS)
    assert [entry.name for entry in tmp_path.iterdir()] == ["some.arrays"]
    read = array_files.read(tmp_path / "some.arrays")
    assert list(read) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array)


def test_it_is_numpys_own_format(tmp_path: Path) -> None:
    array_files.write(tmp_path / "ours.npz", ARRAYS)
    with np.load(tmp_path / "ours.npz") as file:
        assert {name: file[name].tolist() for name in file.files} == {name: a.tolist() for name, a in ARRAYS.items()}
    np.savez(tmp_path / "theirs.npz", weight=np.ones(3), text=np.array("x"))
    assert {name: array.tolist() for name, array in array_files.read(tmp_path / "theirs.npz").items()} == {
        "weight": [1, 1, 1], "text": "x",
    }  # fmt: skip


def test_the_stray_array_of_numpy_2_0_is_left_out(tmp_path: Path, as_numpy_2_0: Callable[[Path], None]) -> None:
    array_files.write(tmp_path / "a.npz", ARRAYS)
    as_numpy_2_0(tmp_path / "a.npz")
    assert list(array_files.read(tmp_path / "a.npz")) == list(ARRAYS)


def test_objects_are_neither_written_nor_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="got array 'a' of Python objects, expected numbers or text"):
        array_files.write(tmp_path / "a.npz", {"a": np.array([object()])})
    assert list(tmp_path.iterdir()) == []
    np.savez(tmp_path / "a.npz", a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match=r"a\.npz: got a damaged file \(.*, expected arrays"):
        array_files.read(tmp_path / "a.npz")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        array_files.read(tmp_path / "nothing.npz")
    with pytest.raises(FileNotFoundError):
        array_files.write(tmp_path / "nowhere" / "a.npz", ARRAYS)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "text": lambda whole: b"hello",
    "start of a zip": lambda whole: b"PK",
    "a pickle": lambda whole: pickle.dumps([1, 2]),
    "one byte short": lambda whole: whole[:-1],
    "half": lambda whole: whole[: len(whole) // 2],
    "overwritten": lambda whole: whole[:200] + b"x" * (len(whole) - 200),
    "one number changed": lambda whole: whole.replace(np.float32(5).tobytes(), np.float32(7).tobytes(), 1),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damage_is_told_in_one_line(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "a.npz"
    array_files.write(path, ARRAYS)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"a\.npz: got a damaged file \(.*, expected arrays") as caught:
        array_files.read(path)
    assert "\n" not in str(caught.value)


def test_a_changed_byte_never_changes_a_number(tmp_path: Path) -> None:
    """It may lose an array or change its name: whoever reads a file knows the names it has."""
    path, x, y = tmp_path / "a.npz", np.arange(4.0), np.ones((2, 2), np.int8)
    array_files.write(path, {"x": x, "y": y})
    whole = path.read_bytes()
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 0x55
        path.write_bytes(damaged)
        with suppress(ValueError):
            read = array_files.read(path)
            assert all(np.array_equal(array, x) or np.array_equal(array, y) for array in read.values())
