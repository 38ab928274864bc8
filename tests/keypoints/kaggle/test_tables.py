"""Rows of a CSV: quotes, spaces in the header, and the place of what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.kaggle.tables import open_table


def rows_of(folder: Path, content: bytes) -> list[tuple[int, dict[str, str]]]:
    (folder / "a.csv").write_bytes(content)
    with open_table(folder / "a.csv") as table:
        table.require(["x", "y"], "x and y")
        return list(table.rows())


def test_rows_have_their_line_and_names(tmp_path: Path) -> None:
    assert rows_of(tmp_path, b" y ,x\n1,2\n\n3,\n") == [(2, {"y": "1", "x": "2"}), (4, {"y": "3", "x": ""})]


def test_quotes_hold_commas_and_quotes(tmp_path: Path) -> None:
    assert rows_of(tmp_path, b'"x","y"\n"1,5","a""b"\n') == [(2, {"x": "1,5", "y": 'a"b'})]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x,y\n1\n", r"line 2, column y: got a row with 1 fields, expected 2 as in the header; .*cut"),
        (b"x,y\n1,2,3\n", r"line 2: got a row with 3 fields, expected 2"),
        (b"x,y\n1,2\n1,\xff\n", r"line 3, column y: got byte 0xff, which is not UTF-8"),
        (b"x,y\n1,2,\xff\n", r"line 2: got byte 0xff, which is not UTF-8"),
        (b"x,\xff\n1,2\n", r"line 1: got byte 0xff, which is not UTF-8"),
        (b'x,y\n1,"2\n3"\n', r"line 2: .*double quote"),
        (b"x,y\n1,2\r3,4\n", r"line 2: got a carriage return"),
        (b"x,Y\n1,2\n", r"line 1: got no column y .*'x,Y'.*, expected x and y; is it 'Y'\?"),
        (b"x;y\n1;2\n", r"line 1: got no header .*separate the fields with commas"),
        (b"x,y,x\n1,2,3\n", r"line 1, column x: got two columns of this name"),
        (b"x,y\n", r"a header without rows"),
    ],
)
def test_mistakes_have_their_place(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        rows_of(tmp_path, content)


@pytest.mark.parametrize("field", ["", "x", "-1", "+1", "1.0", "1e3", "1_0", "٣", "9" * 19])
def test_a_whole_number_is_digits_alone(tmp_path: Path, field: str) -> None:
    (tmp_path / "a.csv").write_text(f"x,y\n{field},2\n 12 ,3\n", encoding="utf-8")
    with open_table(tmp_path / "a.csv") as table:
        (line, row), (next_line, next_row) = table.rows()
        with pytest.raises(DataError, match=r"line 2, column x: got '.*', expected a whole number"):
            table.whole_number(line, row, "x")
        assert table.whole_number(next_line, next_row, "x") == 12
