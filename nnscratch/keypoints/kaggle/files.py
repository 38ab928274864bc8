"""Opening a CSV: plain, zipped or gzipped, as its first bytes say, whatever its name."""

from __future__ import annotations

import difflib
import gzip
import io
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path
from typing import IO

from nnscratch.keypoints.kaggle import archives
from nnscratch.messages import one_line
from nnscratch.messages import printable as printable  # readers of a table import these two from here
from nnscratch.messages import shown as shown

LONGEST_LINE = 1_000_000
_ALWAYS_UNPACKED = 1 << 26  # bytes, however small the archive

EXPECTED = "a CSV, plain, zipped or gzipped"
KIND_FIX = "export or download the table as CSV (UTF-8)"

# What is given by mistake, by its first bytes.
OTHER_KINDS = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"%PDF": "a PDF document",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array file",
    b"PAR1": "a Parquet file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"PK\x03\x04": "a zip inside the archive",
    b"PK\x05\x06": "an empty zip archive",
    b"\x1f\x8b": "a gzip file inside the archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}


class DataError(ValueError):
    """A file that cannot be used; the message is one line that says where, why and what to do.

    >>> problem = {"came": "9,215 pixels", "expected": "9,216", "fix": "add one"}
    >>> print(DataError.at("a.csv", line=3, column="Image", **problem))
    a.csv, line 3, column Image: got 9,215 pixels, expected 9,216; add one
    """

    @classmethod
    def at(
        cls, file: str, *, line: int | None = None, column: str | None = None, came: str, expected: str, fix: str
    ) -> DataError:
        """The error for one place in a file, on one printable line.

        file, line, column  : the place; `line` counts from 1, which is the header
        came, expected, fix : the message is "PLACE: got CAME, expected EXPECTED; FIX"
        """
        place = file
        if line is not None:
            place += f", line {line}"
        if column is not None:
            place += f", column {column}"
        return cls(one_line(place, came, expected, fix))


@dataclass(frozen=True)
class Limits:
    """What a CSV may have at most, checked while it is read.

    A file may come from somebody else: 64 million line ends are 65 kB of gzip.

    rows      : below the header; 50,000 faces take 0.5 GB in memory. Blank lines count too
    columns   : in the header
    line      : bytes of a line; a row with 9,216 pixels and 30 coordinates has about 40,000
    unpacked  : bytes in all, after unpacking
    expansion : unpacked bytes per byte of an archive, beyond the first 64 MB; text of pixels has 3
        to 10

    >>> Limits(rows=200_000).columns
    1000
    """

    rows: int = 50_000
    columns: int = 1000
    line: int = LONGEST_LINE
    unpacked: int = 1 << 31
    expansion: int = 100

    def most_bytes(self, packed: int | None) -> int:
        """Bytes of text that a file may have.

        packed : bytes of the archive that it is; None: it is none
        """
        if packed is None:
            return self.unpacked
        return min(self.unpacked, _ALWAYS_UNPACKED + self.expansion * packed)


class Lines:
    """The lines of an opened file, as bytes without their line ends.

    file : the name in messages: the path as given, with the member of a zip:
           "training.zip (training.csv)"
    packed : bytes of the archive; None if it is none
    """

    def __init__(self, file: str, stream: io.BufferedReader, packed: int | None, limits: Limits) -> None:
        self.file = file
        self.stream = stream
        self.is_archive = packed is not None
        self.limits = limits
        self.number = 0
        self.bytes_read = 0
        self.most_bytes = limits.most_bytes(packed)

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Yields (line number from 1, line) for every line that is not blank.

        Raises
            DataError : the file cannot be read or unpacked to its end, or is beyond a limit
        """
        longest = self.limits.line
        while line := self.read(lambda: self.stream.readline(longest)):
            self.number += 1
            self.bytes_read += len(line)
            if len(line) >= longest:
                raise self._beyond(f"a line of {longest:,} bytes or more", "a CSV with one row per line")
            if self.number > self.limits.rows + 1:
                raise self._beyond(f"more than {self.limits.rows:,} rows", "fewer")
            if self.bytes_read > self.most_bytes:
                raise self._beyond(f"more than {self.most_bytes:,} bytes of text", "less")
            if line.strip():
                yield self.number, line.rstrip(b"\r\n")

    def _beyond(self, came: str, expected: str) -> DataError:
        fix = "check that this is the right file, or pass higher limits=Limits(...)"
        return DataError.at(self.file, line=self.number, came=came, expected=expected, fix=fix)

    def read(self, read: Callable[[], bytes]) -> bytes:
        """Returns what `read()` returns; whatever it raises becomes a DataError."""
        try:
            return read()
        except Exception as error:  # damaged bytes: zipfile, gzip and zlib raise a dozen kinds
            raise unreadable(self.file, error, self.is_archive, self.number) from error

    def check_kind(self) -> None:
        """Raises DataError if the first bytes, which stay unread, are not those of a CSV."""
        head = self.read(lambda: self.stream.peek(512))
        kind = next((kind for magic, kind in OTHER_KINDS.items() if head.startswith(magic)), None)
        if not head:
            kind = "an empty file"
        elif head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
            kind = "a web page (Kaggle's log-in page, perhaps)"
        elif kind is None and b"\0" in head:
            kind = "a binary file"
        if kind is not None:
            raise DataError.at(self.file, came=kind, expected=EXPECTED, fix=KIND_FIX)

    def check_archive(self) -> None:
        """Reads an archive on to its end, where the checksum is; raises DataError if it is damaged.

        Reads 32 MB at most.
        """
        for _ in range(32):
            if not self.is_archive or not self.read(lambda: self.stream.read(1 << 20)):
                break


@contextmanager
def open_lines(
    path: str | os.PathLike[str], limits: Limits | None = None, *, wanted: str = archives.TRAINING
) -> Iterator[Lines]:
    """Opens a CSV, plain, zipped or gzipped, for reading line by line.

    limits : what it may have at most; None: the defaults
    wanted : which table is read of several in a folder or in a zip, also if it is in an inner zip
        (`archives`). The only CSV of a zip is read whatever its name

    If the block raises DataError and the archive is damaged, the damage is reported instead: it may
    be what made the text wrong.

    Raises
        DataError : the path is missing, unreadable, empty or no CSV; a folder or a zip has no such
                    table, or several
    """
    with ExitStack() as stack:
        lines = _open(table_file(path, wanted), stack, limits or Limits(), wanted)
        lines.check_kind()
        try:
            yield lines
        except DataError:
            lines.check_archive()
            raise


def table_file(path: str | os.PathLike[str], wanted: str) -> Path:
    """The file that holds the table: `path` itself, or if that is a folder the file in it.

    wanted : such as "training": its CSV is taken before its zip, and that before Kaggle's archive
        of all files

    Raises
        DataError : the folder has no such file
    """
    folder, names = Path(path), [*archives.names_of(wanted), archives.ALL]
    try:
        if not folder.is_dir():
            return folder
        there = sorted(entry.name for entry in islice(folder.iterdir(), 10_000))
    except (OSError, ValueError):  # what opens the path says what is wrong with it
        return folder
    for name in names:
        for entry in there:
            if entry.lower() == name.lower():
                return folder / entry
    expected = f"{EXPECTED}, or a folder with {names[0]} or {names[1]}"
    fix = f"give the path of the file in it ({listed(there) if there else 'it is empty'})"
    raise DataError.at(str(path), came="a folder", expected=expected, fix=fix)


def _open(path: Path, stack: ExitStack, limits: Limits, wanted: str) -> Lines:
    file = str(path)
    try:
        plain = stack.enter_context(path.open("rb"))
        magic = plain.peek(4)[:4]
        size = os.fstat(plain.fileno()).st_size
    except (OSError, ValueError) as error:  # ValueError: a path that no file can have, with a zero byte
        raise _cannot_open(path, error) from error
    if magic == b"PK\x03\x04":
        return _open_zip(file, plain, size, stack, limits, wanted)
    if magic[:2] == b"\x1f\x8b":
        unzipped = stack.enter_context(gzip.GzipFile(fileobj=plain))
        return Lines(file, io.BufferedReader(unzipped, 1 << 20), size, limits)
    return Lines(file, plain, None, limits)


def _open_zip(file: str, plain: IO[bytes], size: int, stack: ExitStack, limits: Limits, wanted: str) -> Lines:
    try:
        name, stream = archives.open_member(plain, wanted, limits.most_bytes(size), stack)
        return Lines(f"{file} ({name[:100]})", stream, size, limits)
    except archives.UnclearError as error:
        tables, found = error.tables, error.tables + error.archives
        raise DataError.at(
            file,
            came=f"a zip with {len(tables) or 'no'} .csv files ({listed(found or error.others) or 'nothing'})",
            expected=f"a zip that holds one .csv, or {' or '.join(archives.names_of(wanted)[:2])}",
            fix="unpack it and give the path of the .csv",
        ) from None
    except Exception as error:  # as in Lines.read
        raise unreadable(file, error, is_archive=True) from error


def listed(names: list[str], most: int = 5) -> str:
    """The first names, and how many more there are: `most` names and 70 characters at most.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    ends = accumulate(len(name) + 2 for name in names[:most])
    count = max(1, sum(end <= 70 for end in ends))
    return ", ".join(names[:count]) + (f" and {len(names) - count} more" if len(names) > count else "")


def _cannot_open(path: Path, error: Exception) -> DataError:
    if isinstance(error, IsADirectoryError | PermissionError) and path.is_dir():  # Windows raises PermissionError
        return DataError.at(str(path), came="a folder", expected=EXPECTED, fix="give the path of the file in it")
    if not isinstance(error, FileNotFoundError):
        return unreadable(str(path), error, is_archive=False)
    fix = "check the path"
    with suppress(OSError):  # the folder may be missing too
        near = difflib.get_close_matches(path.name, [entry.name for entry in islice(path.parent.iterdir(), 1000)], n=1)
        fix = f"is it '{path.parent / near[0]}'?" if near else fix
    return DataError.at(str(path), came="no file of this name", expected=EXPECTED, fix=fix)


def unreadable(file: str, error: Exception, is_archive: bool, after_line: int = 0) -> DataError:
    """The DataError for a failed read; `error` is what the system or the unpacking raised."""
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    if not is_archive:
        fix = "check the path and its rights"
        return DataError.at(file, came=f"a file that cannot be read ({reason})", expected="a readable file", fix=fix)
    reason = reason if len(reason) <= 80 else f"{reason[:77]}..."  # zipfile may quote a whole damaged header
    where = f" after line {after_line}" if after_line else ""
    return DataError.at(
        file,
        came=f"an archive that cannot be unpacked{where} ({reason})",
        expected="a whole zip or gzip archive without a password",
        fix="it is damaged or cut off: download or copy it again",
    )
