"""Opening by content: archives, other kinds of files, and errors of the operating system."""

from __future__ import annotations

import gzip
import os
import zipfile
from pathlib import Path

import pytest

from nnscratch.keypoints.kaggle.files import LONGEST_LINE, DataError, listed, open_lines, printable, shown


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


def test_an_encrypted_zip_says_so(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", "one\n")
    content = bytearray((tmp_path / "a.zip").read_bytes())
    content[6] |= 1  # the flag "encrypted", in the member's header and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"encrypted, password required.*without a password"):
        lines_of(tmp_path / "a.zip")


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
