"""Which of several files is the table that is wanted: in a zip, or a folder of Kaggle's files.

Kaggle's "Download all" gives facial-keypoints-detection.zip, which holds training.zip, test.zip,
IdLookupTable.csv and SampleSubmission.csv; each inner zip holds one CSV of its name.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import PurePosixPath
from typing import IO, cast

_LARGEST_DIRECTORY = 1 << 20  # bytes, of a zip: 10,000 members
ALL = "facial-keypoints-detection.zip"
TRAINING, TEST, LOOKUP = "training", "test", "IdLookupTable"


def names_of(wanted: str) -> list[str]:
    """The names that a file with the table may have, the best first.

    >>> names_of(TRAINING)
    ['training.csv', 'training.zip', 'training.csv.zip', 'training.csv.gz']
    """
    return [f"{wanted}{ending}" for ending in (".csv", ".zip", ".csv.zip", ".csv.gz")]


def candidates(members: Iterable[str], wanted: str) -> list[str]:
    """The members of a zip that may be the table: those of its best name, or all that are CSVs.

    members : names, with their folders;  wanted : such as TRAINING

    One is the table; several leave it open which.

    >>> candidates(["kaggle/training.zip", "kaggle/test.zip", "SampleSubmission.csv"], TRAINING)
    ['kaggle/training.zip']
    >>> candidates(["my_faces.csv", "readme.txt"], TRAINING)
    ['my_faces.csv']
    """
    found = visible(members)
    for name in names_of(wanted):
        if same := [member for member in found if PurePosixPath(member).name.lower() == name.lower()]:
            return same
    return [member for member in found if member.lower().endswith(".csv")]


def visible(members: Iterable[str]) -> list[str]:
    """Without folders, and without the "__MACOSX/._training.csv" that Macs add to their zips."""
    return [name for name in members if not name.endswith("/") and not PurePosixPath(name).name.startswith(".")]


class UnclearError(Exception):
    """No member of a zip is the table, or several may be it.

    tables : the CSVs;  archives : the zips in the zip;  others : all else, by name
    """

    def __init__(self, members: Iterable[str]) -> None:
        names = visible(members)
        self.tables = [name for name in names if name.lower().endswith(".csv")]
        self.archives = [name for name in names if name.lower().endswith((".zip", ".gz"))]
        self.others = [name for name in names if name not in self.tables + self.archives]
        super().__init__(f"{len(self.tables)} tables")


def open_member(
    file: IO[bytes], wanted: str, most_bytes: int, stack: ExitStack, *, inner: bool = False
) -> tuple[str, io.BufferedReader]:
    """The name and the text of the table in a zip; that of an inner zip is unpacked on the way.

    file : the zip;  wanted : such as TRAINING
    most_bytes : that an inner archive may have, unpacked
    stack : closes what is opened here
    inner : whether the zip is an inner one: then none in it is opened

    Raises
        UnclearError : it holds no such table, or several
        ValueError, zipfile.BadZipFile and others : it is damaged, or beyond a limit
    """
    source = _InParts(file)
    archive = stack.enter_context(zipfile.ZipFile(cast(IO[bytes], source)))
    source.most = None  # from now on it is read piece by piece
    found = candidates(archive.namelist(), wanted)
    if len(found) != 1:
        raise UnclearError(archive.namelist())
    name, member = found[0], archive.getinfo(found[0])
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others unpack without a bound
        raise ValueError(f"compression method {member.compress_type}, expected 8, deflate")
    raw = cast(io.RawIOBase, stack.enter_context(archive.open(name)))
    stream: io.BufferedReader = io.BufferedReader(raw, 1 << 20)
    if inner or name.lower().endswith(".csv"):
        return name, stream
    if member.file_size > most_bytes:
        raise ValueError(f"its member {name[:100]} has more than {most_bytes:,} bytes")
    magic = stream.peek(4)[:4]
    if magic == b"PK\x03\x04":
        in_it, stream = open_member(cast(IO[bytes], stream), wanted, most_bytes, stack, inner=True)
        return f"{name}/{in_it}", stream
    if magic[:2] == b"\x1f\x8b":
        unzipped = stack.enter_context(gzip.GzipFile(fileobj=stream))
        return name, io.BufferedReader(cast(io.RawIOBase, unzipped), 1 << 20)
    return name, stream


class _InParts:
    """A file for zipfile, which reads a zip's directory in one piece, of any size that it says.

    most : bytes of a piece; None: any number
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.seek, self.tell, self.seekable, self._read = file.seek, file.tell, file.seekable, file.read
        self.most: int | None = _LARGEST_DIRECTORY

    def read(self, count: int = -1) -> bytes:
        if self.most is None:
            return self._read(count)
        content = self._read(min(count, self.most + 1) if count >= 0 else self.most + 1)
        if len(content) > self.most:
            raise ValueError(f"its directory has more than {self.most:,} bytes")
        return content
