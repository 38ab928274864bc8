"""Opening by content: archives, other kinds of files, and errors of the operating system."""

from __future__ import annotations

import collections
import gzip
import os
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from nnscratch.keypoints.kaggle import files
from nnscratch.keypoints.kaggle.files import LONGEST_LINE, DataError, Limits, listed, open_lines
from nnscratch.keypoints.kaggle.tables import open_table
from nnscratch.messages import printable, shown


def lines_of(path: Path) -> list[tuple[int, bytes]]:
    with open_lines(path) as lines:
        return list(lines)


def test_lines_are_numbered_as_an_editor_shows_them(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one\r\n\n  \nfour\nfive")
    assert lines_of(tmp_path / "a") == [(1, b"one"), (4, b"four"), (5, b"five")]


def test_the_name_tells_nothing(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "zip.csv", "w") as archive:
        archive.writestr("folder/A.CSV", "one\n")
        archive.writestr("folder/readme.txt", "two")
    (tmp_path / "gzip.zip").write_bytes(gzip.compress(b"one\n"))
    (tmp_path / "plain.gz").write_bytes(b"one\n")
    for path in tmp_path.iterdir():
        assert lines_of(path) == [(1, b"one")]


def test_an_encrypted_zip_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a long path would take the room of the rest
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", "one\n")
    content = bytearray((tmp_path / "a.zip").read_bytes())
    content[6] |= 1  # the flag "encrypted", in the member's header and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"encrypted, password required.*without a password"):
        lines_of(Path("a.zip"))


def test_damage_is_reported_before_what_it_did(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.csv", "one\ntwo\n")
    content = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(content.replace(b"one", b"oxe"))

    def refuse_the_first_line() -> None:
        with open_lines(tmp_path / "a.zip") as lines:
            _, line = next(iter(lines))
            raise DataError(line.decode())

    with pytest.raises(DataError, match="Bad CRC-32"):
        refuse_the_first_line()
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"^one$"):
        refuse_the_first_line()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_the_right_to_read_it(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    (tmp_path / "a").chmod(0)
    with pytest.raises(DataError, match=r"Permission denied.*check the path and its rights"):
        lines_of(tmp_path / "a")


def test_a_path_that_no_file_can_have() -> None:
    with pytest.raises(DataError, match="cannot be read"):
        lines_of(Path("a\0b"))
    with pytest.raises(DataError, match="cannot be read"):
        lines_of(Path("a" * 5000))


def test_a_line_of_the_greatest_length(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * (LONGEST_LINE - 2) + b"\n")
    assert len(lines_of(tmp_path / "a")[0][1]) == LONGEST_LINE - 2


def test_messages_are_one_printable_line() -> None:
    error = DataError.at(
        "a\nb", line=2, column="c\x1b[31m", came=shown("\udce9" * 50, longest=9), expected="é", fix="none"
    )
    assert str(error).startswith(r"a\nb, line 2, column c\x1b[31m: got '\udce9")
    assert str(error).endswith("(50 characters), expected é; none")
    assert str(error).isprintable()
    assert printable("×") == "×"
    assert listed(["a", "b"]) == "a, b"


def test_the_limits_are_kept_while_reading(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x\n" * 11)
    for limits, message in (
        (Limits(rows=9), "line 11: got more than 9 rows, expected fewer; .*limits=Limits"),
        (Limits(unpacked=21), "line 11: got more than 21 bytes of text"),
        (Limits(line=2), "line 1: got a line of 2 bytes or more"),
    ):
        with pytest.raises(DataError, match=message), open_lines(tmp_path / "a", limits) as lines:
            list(lines)
    with open_lines(tmp_path / "a", Limits(rows=10, unpacked=22, line=3)) as lines:
        assert len(list(lines)) == 11


BOMBS: dict[str, Callable[[Path], object]] = {
    "64 MB of line ends": lambda path: path.write_bytes(gzip.compress(b"\n" * (1 << 26))),
    "a line of 128 MB": lambda path: path.write_bytes(gzip.compress(b"x" * (1 << 27), 1)),
    "a zipped line of 128 MB": lambda path: zip_of(path, b"x" * (1 << 27)),
    "rows of nothing": lambda path: path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * (1 << 23), 1)),
    "500,000 columns": lambda path: path.write_bytes(b"," * 500_000 + b"\n"),
    "500,000 columns of one name": lambda path: path.write_bytes(b"a," * 490_000 + b"\n"),
    "a directory of 3 MB": lambda path: many_members(path, 30_000),
    "bzip2": lambda path: zip_of(path, b"x" * 10**7, zipfile.ZIP_BZIP2),
    "lzma": lambda path: zip_of(path, b"x" * 10**7, zipfile.ZIP_LZMA),
}


def zip_of(path: Path, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", method, compresslevel=1) as archive:
        archive.writestr("a.csv", content)


def many_members(path: Path, count: int) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(count):
            archive.writestr(f"{i:060}.csv", b"")


@pytest.mark.parametrize("make", BOMBS.values(), ids=BOMBS)
def test_a_small_file_cannot_take_long_or_much(tmp_path: Path, make: Callable[[Path], object]) -> None:
    path = tmp_path / "a"
    make(path)
    tracemalloc.start()
    with pytest.raises(DataError) as caught, open_table(path) as table:
        collections.deque(table.rows(), maxlen=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    began = time.process_time()
    with pytest.raises(DataError), open_table(path) as table:
        collections.deque(table.rows(), maxlen=0)
    assert time.process_time() - began < 3
    assert len(str(caught.value)) < 300
    assert peak < 100_000_000


def test_an_archive_expands_so_far_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte of an archive stands for a hundred of text at most, but for the first ones."""
    monkeypatch.setattr(files, "_ALWAYS_UNPACKED", 1000)
    (tmp_path / "a").write_bytes(gzip.compress(b"1234567\n" * 5000))
    packed = (tmp_path / "a").stat().st_size
    assert 1000 + 100 * packed < 40_000
    with pytest.raises(DataError, match=f"got more than {1000 + 100 * packed:,} bytes of text"):
        lines_of(tmp_path / "a")
    with open_lines(tmp_path / "a", Limits(expansion=1000)) as lines:
        assert len(list(lines)) == 5000
