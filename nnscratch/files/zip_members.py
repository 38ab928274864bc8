"""The members of a zip whose members are stored as they are, as array files are.

    [local header, name, extra, content] for each member
    [directory entry, name, extra] for each member
    [zip64 end, its locator] for files over 2 GiB
    end

Everything is said twice in a zip, and readers differ in which of the two they believe. Here the two
must agree, each member must begin where the one before it ended, and nothing may stand between or
behind them. So no member is larger than the file, and no two share a byte.

Source: PKWARE, "APPNOTE.TXT: .ZIP File Format Specification" (2022), sections 4.3 and 4.5.3.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

MOST_MEMBERS = 10_000
_LONGEST_NAME = 500  # bytes, also of what stands behind a name

# signature, version, flags, method, time, date, crc, packed size, size, lengths of name and extra
_LOCAL = struct.Struct("<4s5H3L2H")
# signature, 2 versions, flags, method, time, date, crc, packed size, size, lengths of name, extra
# and comment, disk, 2 kinds of attributes, offset of the local header
_ENTRY = struct.Struct("<4s6H3L5H2L")
# signature, 2 disks, 2 counts of members, size and offset of the directory, length of the comment
_END = struct.Struct("<4s4H2LH")
_END_64, _LOCATOR = struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
_UTF_8 = 0x800  # the only flag that is allowed: others mean a password, or sizes behind the content
_IN_EXTRA = 0xFFFFFFFF  # says that the number stands in the extra field, with 64 bits


@dataclass(frozen=True)
class Member:
    """A member: its name, where its content begins in the file, how long it is, its checksum."""

    name: str
    start: int
    size: int
    crc: int


def members(file: BinaryIO) -> list[Member]:
    """The members of the zip in `file`, in the order of writing.

    Raises
        ValueError : it is no zip of this kind, two members have one name, or there are too many

    >>> import io, zipfile
    >>> file = io.BytesIO()
    >>> with zipfile.ZipFile(file, "w") as archive:
    ...     archive.writestr("a.txt", b"content")
    >>> [(member.name, member.size) for member in members(file)]
    [('a.txt', 7)]
    """
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    found: list[Member] = []
    said: list[tuple[object, ...]] = []
    at = 0
    while (header := file.read(_LOCAL.size))[:4] == b"PK\x03\x04":
        if len(header) < _LOCAL.size or len(found) == MOST_MEMBERS:
            raise ValueError(f"it is cut off, or has more than {MOST_MEMBERS:,} members")
        _, _, flags, method, _, _, crc, *sizes, name_length, extra_length = _LOCAL.unpack(header)
        name, extra = _read(file, name_length), _read(file, extra_length)
        size, packed = _from_extra(extra, [sizes[1], sizes[0]])
        start = file.tell()
        if flags & ~_UTF_8 or method != 0 or size != packed:
            raise ValueError(f"its member {name[:40]!r} is packed or has a password")
        if start + size > end:
            raise ValueError(f"its member {name[:40]!r} says that it is longer than the file")
        found.append(Member(name.decode("utf-8" if flags else "cp437"), start, size, crc))
        said.append((flags, crc, size, name, at))
        at = file.seek(start + size)
    if len({member.name for member in found}) < len(found):
        raise ValueError("two of its members have one name")
    _check_directory(file, at, said, end)
    return found


def _check_directory(file: BinaryIO, at: int, said: list[tuple[object, ...]], end: int) -> None:
    """Raises ValueError if the directory at `at` says anything else than the local headers."""
    file.seek(at)
    for expected in said:
        header = file.read(_ENTRY.size)
        if len(header) < _ENTRY.size or header[:4] != b"PK\x01\x02":
            raise ValueError("its directory is damaged")
        fields = _ENTRY.unpack(header)
        flags, method, crc, packed, size = fields[3], fields[4], *fields[7:10]
        name_length, extra_length, comment_length, offset = *fields[10:13], fields[-1]
        name, extra = _read(file, name_length), _read(file, extra_length)
        size, packed, offset = _from_extra(extra, [size, packed, offset])
        if (flags, crc, size, name, offset) != expected or method or size != packed or comment_length:
            raise ValueError("its directory does not say what its members say")
    size, tail = file.tell() - at, file.read(_END_64.size + _LOCATOR.size + _END.size + 1)
    numbers: tuple[int, ...] = (len(said), len(said), size, at)
    if len(tail) > _END.size:
        if len(tail) != _END_64.size + _LOCATOR.size + _END.size:
            raise ValueError("there is something behind its directory")
        fields, locator = _END_64.unpack(tail[: _END_64.size]), _LOCATOR.unpack(tail[_END_64.size : -_END.size])
        expected_locator = b"PK\x06\x07", 0, end - len(tail), 1
        if (fields[0], *fields[6:]) != (b"PK\x06\x06", *numbers) or locator != expected_locator:
            raise ValueError("its zip64 end is damaged")
        numbers = *(min(count, 0xFFFF) for count in numbers[:2]), *(min(number, _IN_EXTRA) for number in numbers[2:])
    if len(tail) < _END.size or _END.unpack(tail[-_END.size :]) != (b"PK\x05\x06", 0, 0, *numbers, 0):
        raise ValueError("its end is damaged or missing")


def _read(file: BinaryIO, length: int) -> bytes:
    if length > _LONGEST_NAME:
        raise ValueError(f"it has a name of {length:,} bytes")
    return file.read(length)


def _from_extra(extra: bytes, numbers: list[int]) -> list[int]:
    """`numbers`, with those from the zip64 field of `extra` that stand there."""
    large = [i for i, number in enumerate(numbers) if number == _IN_EXTRA]
    while large and len(extra) >= 4:
        kind, length = struct.unpack("<2H", extra[:4])
        if kind == 1 and length >= 8 * len(large) and len(extra) >= 4 + length:
            values = struct.unpack(f"<{len(large)}Q", extra[4 : 4 + 8 * len(large)])
            return [values[large.index(i)] if i in large else number for i, number in enumerate(numbers)]
        extra = extra[4 + length :]
    return numbers
