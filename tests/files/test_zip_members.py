"""Only zips whose two truths agree are read: headers of members, and the directory."""

from __future__ import annotations

import io
import struct
import time
import zipfile
from collections.abc import Callable

import pytest

from nnscratch.files.zip_members import MOST_MEMBERS, members


def zipped(*names: str, method: int = zipfile.ZIP_STORED, zip64: bool = True, content: bytes = b"content") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name in names:
            with archive.open(name, "w", force_zip64=zip64) as member:
                member.write(content)
    return packed.getvalue()


GOOD = zipped("a", "b")


@pytest.mark.parametrize("zip64", [True, False])
@pytest.mark.parametrize("names", [(), ("a",), ("é", "b.npy")])
def test_zips_of_pythons_own(names: tuple[str, ...], zip64: bool) -> None:
    packed = zipped(*names, zip64=zip64)
    found = members(io.BytesIO(packed))
    assert tuple(member.name for member in found) == names
    assert all(packed[member.start : member.start + member.size] == b"content" for member in found)


def with_comment() -> bytes:
    packed = io.BytesIO(GOOD)
    with zipfile.ZipFile(packed, "a") as archive:
        archive.comment = b"comment"
    return packed.getvalue()


def streamed() -> bytes:
    """Sizes stand behind the content."""

    class Stream(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise OSError

        tell = seek  # type: ignore[assignment]

    packed = Stream()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a", "content")
    return packed.getvalue()


def with_local(at: int, value: bytes) -> bytes:
    return GOOD[:at] + value + GOOD[at + len(value) :]


BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "its end is damaged"),
    "text": (b"hello" * 100, "its end is damaged|something behind"),
    "deflated": (zipped("a", method=zipfile.ZIP_DEFLATED), "packed or has a password"),
    "bzip2": (zipped("a", method=zipfile.ZIP_BZIP2), "packed or has a password"),
    "a password": (with_local(6, b"\1"), "packed or has a password"),
    "a name twice": (GOOD.replace(b"b", b"a"), "two of its members have one name"),
    "another name in the directory": (GOOD[::-1].replace(b"b", b"c", 1)[::-1], "does not say what its members say"),
    "streamed": (streamed(), "packed or has a password"),
    "a comment": (with_comment(), "its end is damaged|something behind"),
    "something in front": (b"x" + GOOD, "something behind|its end"),
    "something behind": (GOOD + b"x", "something behind"),
    "something between": (GOOD.replace(b"PK\1\2", b"xPK\1\2", 1), "its directory is damaged"),
    "cut off": (GOOD[:-1], "its end is damaged"),
    "no directory": (GOOD[: GOOD.index(b"PK\1\2")], "its directory is damaged"),
    "a size of 2**63": (GOOD.replace(struct.pack("<Q", 7), struct.pack("<Q", 2**63)), "longer than the file"),
    "a name of 64 kB": (with_local(26, b"\xff\xff"), "a name of 65,535 bytes"),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD)
def test_other_zips_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        members(io.BytesIO(content))


def test_each_byte_of_headers_and_directory_counts() -> None:
    """Whatever bit is turned: the same members come out, or none."""
    whole = members(io.BytesIO(GOOD))
    for at in range(len(GOOD)):
        for bit in range(8):
            damaged = bytearray(GOOD)
            damaged[at] ^= 1 << bit
            try:
                found = members(io.BytesIO(damaged))
            except ValueError:
                continue
            assert found == whole


def test_members_are_counted() -> None:
    packed = zipped(*map(str, range(MOST_MEMBERS + 1)), zip64=False, content=b"")
    with pytest.raises(ValueError, match=f"more than {MOST_MEMBERS:,} members"):
        members(io.BytesIO(packed))


@pytest.mark.parametrize("repeated", [b"PK\3\4" + bytes(26), b"PK\1\2" + bytes(42)])
def test_time_grows_with_the_file(repeated: bytes) -> None:
    seconds = []
    for count in (10_000, 100_000):
        began = time.process_time()
        with pytest.raises(ValueError):  # noqa: PT011
            members(io.BytesIO(repeated * count))
        seconds.append(time.process_time() - began)
    assert seconds[1] < 1


def make_zip64_end() -> bytes:
    """A zip64 end where none is needed, as a file of over 2 GiB has."""
    at, end = GOOD.index(b"PK\1\2"), GOOD.index(b"PK\5\6")
    end_64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 2, 2, end - at, at)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    return GOOD[:end] + end_64 + locator + GOOD[end:]


def test_the_end_of_a_large_file() -> None:
    assert members(io.BytesIO(make_zip64_end())) == members(io.BytesIO(GOOD))


LIES: dict[str, Callable[[bytes], bytes]] = {
    "count": lambda whole: whole.replace(struct.pack("<2Q", 2, 2), struct.pack("<2Q", 3, 3)),
    "disk": lambda whole: whole.replace(b"PK\6\7\0", b"PK\6\7\1"),
    "signature": lambda whole: whole.replace(b"PK\6\6", b"PK\6\5"),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_the_end_of_a_large_file_may_not_lie(lie: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ValueError, match="zip64 end is damaged"):
        members(io.BytesIO(lie(make_zip64_end())))
