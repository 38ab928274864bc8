"""Reading a CSV row by row; a mistake is reported with its place: file, line, column."""

from __future__ import annotations

import csv
import difflib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from nnscratch.keypoints.kaggle import archives
from nnscratch.keypoints.kaggle.files import DataError, Limits, Lines, listed, open_lines
from nnscratch.messages import shown

_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")  # 18 digits always fit an int64


class Table:
    """An opened CSV: its columns, its rows, and errors that name a place in it.

    columns : the names in the header, in the file's order, without the spaces around them

    Raises
        DataError : the header is not UTF-8, its quotes are not closed, or it has too many columns
    """

    def __init__(self, lines: Lines) -> None:
        self.file = lines.file
        self.columns: list[str] = []
        self.lines = iter(lines)
        self.header_line, header = next(self.lines, (1, b""))
        names = self.split(self.header_line, header.removeprefix(b"\xef\xbb\xbf"))
        if len(names) > lines.limits.columns:
            came, most = f"{len(names):,} columns", lines.limits.columns
            fix = "check that this is the right file, or pass higher limits=Limits(...)"
            raise self.error(self.header_line, None, came=came, expected=f"{most:,} at most", fix=fix)
        self.columns = [name.strip() for name in names]

    def require(self, names: Sequence[str], expected: str) -> None:
        """Checks that the header has all `names`, and no name twice.

        expected : the columns that the file should have, in words, for the message

        Raises
            DataError : a column is missing, or a name stands there twice
        """
        if missing := [name for name in names if name not in self.columns]:
            absent = "header" if len(missing) == len(names) else f"column {listed(missing, most=10)}"
            came = f"no {absent} (the first line is {shown(','.join(self.columns))})"
            fix = self._cure(missing[0], names)
            raise self.error(self.header_line, None, came=came, expected=expected, fix=fix)
        if twice := [name for name in self.columns if name and self.columns.count(name) > 1]:
            came, fix = "two columns of this name", "rename or remove one of the two"
            raise self.error(self.header_line, twice[0], came=came, expected="each name once", fix=fix)

    def _cure(self, missing: str, names: Sequence[str]) -> str:
        if len(self.columns) == 1 and re.search("[;\t]", self.columns[0]):
            return "separate the fields with commas, not with semicolons or tabs"
        others = {name.lower(): name for name in self.columns if name not in names}
        near = difflib.get_close_matches(missing.lower(), [name for name in others if len(name) < 100], n=1)
        return f"is it '{others[near[0]]}'? then rename it" if near else "add it, or check that this is the right file"

    def rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Yields (line number, {column: field}) for every row.

        Raises
            DataError : no row, a row with too few or too many fields, or a line that is not UTF-8
        """
        number = None
        for number, line in self.lines:
            fields = self.split(number, line)
            if len(fields) != len(self.columns):
                raise self._wrong_count(number, len(fields))
            yield number, dict(zip(self.columns, fields, strict=True))
        if number is None:
            raise DataError.at(
                self.file, came="a header without rows", expected="at least one row", fix="export or download it again"
            )

    def _wrong_count(self, line: int, count: int) -> DataError:
        column, fix = None, "remove the extra commas (write decimals with a point, separate pixels by spaces)"
        if count < len(self.columns):
            column, fix = self.columns[count], "the row was cut off, or lacks commas for its empty fields"
        expected = f"{len(self.columns)} as in the header"
        return self.error(line, column, came=f"a row with {count} fields", expected=expected, fix=fix)

    def split(self, number: int, line: bytes) -> list[str]:
        """The fields of one line. A line is a row: no field may contain a line break."""
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            position = line.count(b",", 0, error.start)
            raise self.error(
                number,
                self.columns[position] if position < len(self.columns) else None,
                came=f"byte {line[error.start]:#04x}, which is not UTF-8",
                expected="text in UTF-8",
                fix="save the file as 'CSV UTF-8'",
            ) from error
        if "\r" in text:
            came, fix = "a carriage return inside the line", "save the file with line feeds"
            raise self.error(number, None, came=came, expected="a line feed after each row", fix=fix)
        if '"' not in text:
            return text.split(",")
        try:
            return next(csv.reader([text], strict=True))
        except csv.Error as error:
            came, fix = f"double quotes that do not match ({error})", "close every quote on its own line"
            raise self.error(number, None, came=came, expected="one row of a CSV", fix=fix) from error

    def whole_number(self, line: int, row: dict[str, str], column: str) -> int:
        """The field of `row` in `column`, a whole number of 0 or more; DataError if it is none."""
        field = row[column].strip()
        if not _WHOLE_NUMBER.fullmatch(field):
            fix = "write a number such as 12"
            raise self.error(line, column, came=shown(field), expected="a whole number", fix=fix)
        return int(field)

    def error(self, line: int, column: str | None, *, came: str, expected: str, fix: str) -> DataError:
        """The DataError for one place in this file."""
        return DataError.at(self.file, line=line, column=column, came=came, expected=expected, fix=fix)


@contextmanager
def open_table(
    path: str | os.PathLike[str], limits: Limits | None = None, *, wanted: str = archives.TRAINING
) -> Iterator[Table]:
    """Opens a CSV that is plain, zipped or gzipped, for reading row by row.

    limits : what it may have at most; None: the defaults
    wanted : which table of several in a folder or a zip, as `open_lines` takes it

    Raises
        DataError : as `open_lines` and `Table` do

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "points.csv"
    ...     _ = path.write_text("name,x\\nnose_tip,48\\n")
    ...     with open_table(path) as table:
    ...         print(list(table.rows()))
    [(2, {'name': 'nose_tip', 'x': '48'})]
    """
    with open_lines(path, limits or Limits(), wanted=wanted) as lines:
        yield Table(lines)
