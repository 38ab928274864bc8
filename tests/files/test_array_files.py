"""Named arrays in one file: what comes back, what is refused, and what damage says."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from nnscratch.files import array_files
from nnscratch.files.array_files import Form

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


def header(text: str, data: bytes = b"") -> bytes:
    padded = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\1\0" + len(padded).to_bytes(2, "little") + padded + data


def described(descr: str = "<f4", shape: str = "(2,)", data: bytes = bytes(8)) -> bytes:
    return header(f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}", data)


BAD_MEMBERS: dict[str, tuple[str, bytes, str]] = {
    "10^12 numbers": ("a.npy", described(shape="(1000000000000,)"), "has other bytes than that"),
    "10^12 numbers, some 0": ("a.npy", described(shape="(1000000000000, 0, 2)", data=b"x"), "other bytes than that"),
    "too few bytes": ("a.npy", described(data=bytes(7)), "other bytes"),
    "too many bytes": ("a.npy", described(data=bytes(9)), "other bytes"),
    "negative": ("a.npy", described(shape="(-2,)"), "has the header"),
    "33 axes": ("a.npy", described(shape=f"({'1, ' * 32}2)"), "its array 'a' is|has the header"),
    "big-endian": ("a.npy", described(">f4"), "expected the byte order of this machine"),
    "a text of 10^10": ("a.npy", described("<U9999999999"), "other bytes"),
    "texts of no length": ("a.npy", described("<U0", "(1000000000,)", b""), "its array 'a' is"),
    "objects": ("a.npy", described("|O"), "has the header"),
    "dates": ("a.npy", described("<M8"), "has the header"),
    "three bytes a number": ("a.npy", described("<i3", data=bytes(6)), "its array 'a' is"),
    "code": ("a.npy", header("__import__('os').abort()"), "has the header"),
    "deep": ("a.npy", header("(" * 100), "has the header"),
    "fields": ("a.npy", header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }"), "has the header"),
    "a header of 64 kB": ("a.npy", b"\x93NUMPY\1\0\xff\xff" + bytes(70_000), "no header of NumPy's"),
    "a header of 4 GB": ("a.npy", b"\x93NUMPY\2\0\xff\xff\xff\xff", "no header of NumPy's"),
    "a short member": ("a.npy", b"\x93NUMPY", "no header of NumPy's"),
    "version 9": ("a.npy", b"\x93NUMPY\x09\0" + described()[8:], "no header of NumPy's"),
    "a bool of 7": ("a.npy", described("|b1", data=b"\1\7"), "neither True nor False"),
    "a bool of 255": ("a.npy", described("|b1", data=b"\1\xff"), "neither True nor False"),
    "a character that is none": ("a.npy", described("<U1", data=b"\xff" * 8), "what is no text"),
    "half a character": ("a.npy", described("<U1", data=b"\x00\xd8\0\0" * 2), "what is no text"),
    "no array": ("a.txt", b"text", "member 'a.txt' is no array"),
    "a path": ("../a.npy", described(), "is no array"),
    "another path": ("c:\\a.npy", described(), "is no array"),
}


@pytest.mark.parametrize(("name", "member", "message"), BAD_MEMBERS.values(), ids=BAD_MEMBERS)
def test_a_member_that_lies(tmp_path: Path, name: str, member: bytes, message: str) -> None:
    with ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr(name, member)
    with pytest.raises(ValueError, match=rf"a\.npz: got a damaged file .*({message}).*, expected arrays") as caught:
        array_files.read(tmp_path / "a.npz")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_what_is_expected_is_compared_before_memory_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    array_files.write(path, {"w": np.ones((2, 3), np.float32)})
    good = Form(np.dtype(np.float32), (2, 3))
    assert list(array_files.read(path, {"w": good})) == ["w"]
    for expected, message in (
        ({"w": Form(np.dtype(np.float64), (2, 3))}, "'w' is float32 (2, 3), expected float64 (2, 3)"),
        ({"w": Form(np.dtype(np.float32), (3, 2))}, "'w' is float32 (2, 3), expected float32 (3, 2)"),
        ({"w": good, "b": good}, "there is no array 'b'"),
        ({}, "its array 'w' is unknown"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            array_files.read(path, expected)


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    array_files.write(path, ARRAYS)
    size = path.stat().st_size
    assert array_files.read(path, most_bytes=size).keys() == ARRAYS.keys()
    with pytest.raises(ValueError, match=f"more than the limit of {size - 1:,}"):
        array_files.read(path, most_bytes=size - 1)
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a terabyte that takes no disk
    with pytest.raises(ValueError, match="more than the limit"):
        array_files.read(path)


def test_text_is_one_text_of_a_bounded_length(tmp_path: Path) -> None:
    array_files.write(tmp_path / "a.npz", {"text": np.array("short é"), "more": np.array(["a", "b"]), "n": np.ones(2)})
    with array_files.opened(tmp_path / "a.npz") as arrays:
        assert arrays.text("text") == "short é"
    for name, most in (("text", 6), ("more", 100), ("n", 100), ("none", 100)):
        with (
            pytest.raises(ValueError, match=f"a.npz: got a damaged file .*'{name}'"),
            array_files.opened(tmp_path / "a.npz") as arrays,
        ):
            arrays.text(name, at_most=most)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_a_header_is_read(tmp_path: Path, version: tuple[int, int]) -> None:
    array = np.arange(6.0).reshape(2, 3)
    with ZipFile(tmp_path / "a.npz", "w") as archive, archive.open("a.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, array, version=version, allow_pickle=False)
    np.testing.assert_array_equal(array_files.read(tmp_path / "a.npz")["a"], array)
