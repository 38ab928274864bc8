"""Named arrays in one file, NumPy's `.npz`: written whole or not at all, read without pickle.

A file may come from somebody else. Before memory is taken for an array, its header has been
compared with the file's length, and with what the caller expects. So no array is larger than the
file, and a file of over 1 GiB (`MOST_BYTES`) is refused unless the caller gives another limit.
"""

from __future__ import annotations

import math
import os
import re
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from typing import Any, BinaryIO
from zipfile import ZipFile

import numpy as np

from nnscratch.files import atomic
from nnscratch.files.stored_files import open_stored, told
from nnscratch.files.zip_members import Member, members
from nnscratch.messages import shown

# NumPy 2.0 and 2.1 took the `allow_pickle` of np.savez(file, allow_pickle=False, ...) for an array
# of that name. Files that were saved with those versions hold it.
_STRAY = "allow_pickle"

MOST_BYTES = 1 << 30
_LONGEST_HEADER = 1024  # bytes; NumPy pads headers to a multiple of 64, and writes 128 for most arrays
_MOST_AXES = 32
_HEADER = re.compile(
    r"\{'descr': '([<>|=]?)([biufcUS])([0-9]{1,10})', 'fortran_order': (True|False), "
    r"'shape': \(((?:[0-9]{1,15}, ?)*(?:[0-9]{1,15})?)\), \} *\n"
)
_NUMBERS = {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"}


def write(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Writes `arrays` to `path`, whole or not at all, bit for bit.

    arrays : name -> array of numbers or of text, any shape

    The file is what np.savez would make. The only difference: an array may have any name, also
    `file` and `allow_pickle`, which np.savez takes for its own arguments.

    Raises
        ValueError : an array holds Python objects, which could only be stored as code
        OSError : the folder is missing or cannot be written

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(folder + "/answer.npz", {"answer": np.array([42])})
    ...     read(folder + "/answer.npz")
    {'answer': array([42])}
    """
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise ValueError(
                f"{path}: got array {name!r} of Python objects, expected numbers or text; convert it first"
            )
    with atomic.write(path) as temporary, ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            # force_zip64: an array's size is not known before it is written, and may be over 2 GiB.
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


@dataclass(frozen=True)
class Form:
    """What an array is before it is read: its dtype and shape.

    >>> str(Form(np.dtype(np.float32), (2, 3)))
    'float32 (2, 3)'
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.dtype} {self.shape}"


class Arrays:
    """An opened file of arrays. Nothing is read but headers until `read` or `text` is called.

    forms : name -> `Form`, in the order of writing
    """

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self._members = {member.name.removesuffix(".npy"): member for member in members(file)}
        headers = {name: _header(file, member) for name, member in self._members.items()}
        self.forms = {name: form for name, (form, _, _) in headers.items()}
        self._headers = {name: (header, in_order) for name, (_, header, in_order) in headers.items()}
        if _STRAY in self.forms and self.forms[_STRAY].shape == ():
            del self.forms[_STRAY]

    def read(self, name: str) -> np.ndarray:
        """The array of that name.

        Raises
            KeyError : there is none
            ValueError : its checksum is wrong, or it holds what its dtype cannot be
        """
        form, (header, in_order), member = self.forms[name], self._headers[name], self._members[name]
        content = np.empty(member.size - len(header), np.uint8)
        self._file.seek(member.start + len(header))
        count = self._file.readinto(content.data)
        if count != content.size or zlib.crc32(content.data, zlib.crc32(header)) != member.crc:
            raise ValueError(f"the checksum of its array {shown(name)} is wrong")
        if form.dtype.kind == "b" and content.size and content.max() > 1:
            raise ValueError(f"its array {shown(name)} has values that are neither True nor False")
        if form.dtype.kind == "U":
            codes = content.view(np.uint32)
            # NumPy makes a str of any number, and such a str breaks the interpreter.
            if (codes > sys.maxunicode).any() or ((codes >= 0xD800) & (codes < 0xE000)).any():
                raise ValueError(f"its array {shown(name)} holds what is no text")
        flat = content.view(form.dtype)
        return flat.reshape(form.shape) if in_order else flat.reshape(form.shape[::-1]).T

    def text(self, name: str, *, at_most: int = 1 << 22) -> str:
        """The one text that the array of that name is.

        at_most : characters

        Raises
            KeyError : there is no such array
            ValueError : it is no text, or a longer one
        """
        form = self.forms[name]
        if form.dtype.kind != "U" or form.shape != () or form.dtype.itemsize > 4 * at_most:
            raise ValueError(f"its array {shown(name)} is {form}, expected a text of at most {at_most:,} characters")
        return str(self.read(name))


def read(
    path: str | os.PathLike[str], expected: Mapping[str, Form] | None = None, *, most_bytes: int = MOST_BYTES
) -> dict[str, np.ndarray]:
    """The arrays of the file at `path`, by name, in the order of writing. Never runs a pickle.

    expected   : name -> `Form` of every array that the file must hold; None: any
    most_bytes : of the file, and so of the arrays in memory

    Raises
        OSError : there is no such file, or it cannot be opened
        ValueError : it is damaged, holds no arrays or other ones, or is larger
    """
    with opened(path, most_bytes=most_bytes) as arrays:
        if expected is not None:
            check_forms(arrays.forms, expected)
        return {name: arrays.read(name) for name in arrays.forms}


@contextmanager
def opened(path: str | os.PathLike[str], *, most_bytes: int = MOST_BYTES) -> Iterator[Arrays]:
    """Opens the file at `path`: the caller sees what it holds before memory is taken.

    Any ValueError or KeyError in the block is taken for damage, and told as such. Errors as of
    `read`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(folder + "/answer.npz", {"answer": np.array([42])})
    ...     with opened(folder + "/answer.npz") as arrays:
    ...         print(arrays.forms["answer"], arrays.read("answer"))
    int64 (1,) [42]
    """
    with told(path, expected="arrays in NumPy's .npz format", fix="write it again"), open_stored(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most_bytes:
            raise ValueError(f"it has {size:,} bytes, more than the limit of {most_bytes:,}")
        yield Arrays(file)


def check_forms(forms: Mapping[str, Form], expected: Mapping[str, Form]) -> None:
    """Raises ValueError, which names the first difference, unless `forms` are as `expected`."""
    for name, form in expected.items():
        if name not in forms:
            raise ValueError(f"there is no array {shown(name)}")
        if forms[name] != form:
            raise ValueError(f"its array {shown(name)} is {forms[name]}, expected {form}")
    for name in forms:
        if name not in expected:
            raise ValueError(f"its array {shown(name)} is unknown")


def _header(file: BinaryIO, member: Member) -> tuple[Form, bytes, bool]:
    """Form of a member, the bytes of its header, and whether its last axis is contiguous.

    The header is a Python literal; its few words are matched, never evaluated.
    """
    name = member.name.removesuffix(".npy")
    if name == member.name or not name.isprintable() or "/" in name or "\\" in name:
        raise ValueError(f"its member {shown(member.name)} is no array")
    file.seek(member.start)
    start = file.read(min(12, member.size))
    prefix = 10 if start[6:7] == b"\1" else 12  # the length of the header has 2 bytes, or 4
    length = int.from_bytes(start[8:prefix], "little")
    if start[:6] != b"\x93NUMPY" or start[6:8] not in (b"\1\0", b"\2\0", b"\3\0") or length > _LONGEST_HEADER:
        raise ValueError(f"its array {shown(name)} has no header of NumPy's")
    file.seek(member.start)
    header = file.read(min(prefix + length, member.size))
    match = _HEADER.fullmatch(header[prefix:].decode("latin-1"))
    if match is None:
        raise ValueError(f"its array {shown(name)} has the header {shown(header[prefix:].decode('latin-1').strip())}")
    order, kind, digits, fortran, axes = match.groups()
    shape = tuple(int(axis) for axis in axes.split(",") if axis.strip())
    is_text = kind in "US" and int(digits) > 0
    bytes_each = int(digits) * (4 if kind == "U" else 1)
    if len(shape) > _MOST_AXES or not (is_text or f"{kind}{digits}" in _NUMBERS):
        raise ValueError(f"its array {shown(name)} is {shown(f'{order}{kind}{digits} ({axes})')}")
    if math.prod(shape) * bytes_each != member.size - len(header):
        raise ValueError(f"its array {shown(name)} says {kind}{digits} ({axes[:80]}), but has other bytes than that")
    dtype = np.dtype(f"{order}{kind}{digits}")
    if not dtype.isnative:
        raise ValueError(f"its array {shown(name)} is {dtype.str}, expected the byte order of this machine")
    return Form(dtype, shape), header, fortran == "False"
