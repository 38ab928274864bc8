"""Kaggle's training.csv and test.csv: faces and their 15 points, read, checked and written.

Columns, in any order
    training file : the 30 of `COLUMNS`, `Image`, and if it is there `ImageId`; without it, ids are
                    1..N. Other columns are ignored.
    test file     : `ImageId` and `Image`; all points are missing (NaN). Other columns are refused:
                    they might be coordinates under other names.

Fields
    An empty coordinate is a missing label. Coordinates must be in -96..192: a point may lie outside
    the picture (0..95), but hardly by more than the picture's width. Placeholders in their place,
    such as -1, and labels that are no pixels of the picture are refused (labels.py).
"""

from __future__ import annotations

import gzip
import math
import os
import re
import zipfile
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from nnscratch.files import atomic
from nnscratch.keypoints.faces import COLUMNS, POINTS, SIDE, Faces
from nnscratch.keypoints.kaggle import archives
from nnscratch.keypoints.kaggle.cache import HIGHEST, LOWEST, Entry
from nnscratch.keypoints.kaggle.files import DataError, Limits, table_file
from nnscratch.keypoints.kaggle.labels import check_labels
from nnscratch.keypoints.kaggle.pixels import PIXELS, format_pixels, parse_pixels, why_no_picture
from nnscratch.keypoints.kaggle.tables import Table, open_table
from nnscratch.messages import shown

# No text can be split in two ways here: the time to refuse it would grow with its length squared.
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_LONGEST_NUMBER = 400  # characters; the shortest text of a float has 25 at most
_FARTHEST = 1e30  # px; a float32 can be as large
_TABLE_EXPECTED = "30 coordinates and Image, or ImageId and Image"


def load_faces(
    path: str | os.PathLike[str],
    *,
    cache: bool = True,
    limits: Limits | None = None,
    wanted: str = archives.TRAINING,
) -> Faces:
    """Reads a training or test file, whatever its name.

    path  : a CSV, or a zip that contains one .csv, or a gzipped CSV; Kaggle's archive of all its
            files, facial-keypoints-detection.zip, or a folder that holds it or its files
    cache : True keeps the parsed arrays in the user's cache folder (cache.py) and reads them from
            there while the file does not change: 0.2 s instead of 3 s for Kaggle's training.csv
    limits : what the file may have at most; None: 50,000 rows, 1000 columns, a line of 1 MB, 2 GiB
            in all, and as text of an archive 100 times its size beyond 64 MB. Read more with
            limits=nnscratch.keypoints.kaggle.files.Limits(rows=200_000)
    wanted : "training" or "test": of several files in a folder or an archive training.csv or
            training.zip is read, or those of the test

    Raises
        DataError : the file is missing or wrong; the message says where, and what to do

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "test.csv"
    ...     _ = path.write_text("ImageId,Image\\n7," + " ".join(["255"] * 9216))
    ...     faces = load_faces(path, cache=False)
    >>> len(faces), faces.image_ids[0], faces.images[0, 95, 95], faces.points[0, 0]
    (1, np.int64(7), np.uint8(255), array([nan, nan], dtype=float32))
    """
    path = table_file(path, wanted)
    limits = limits or Limits()
    read = _read if wanted == archives.TRAINING else partial(_read, wanted=wanted)
    if not cache:
        return read(path, limits)
    entry = Entry(path, limits, wanted)
    faces = entry.load()
    if faces is None:
        faces = read(path, limits)
        entry.store(faces)
    return faces


def _read(path: Path, limits: Limits, wanted: str = archives.TRAINING) -> Faces:
    pixels, labels, ids = bytearray(), _Labels(), array("q")
    with open_table(path, limits, wanted=wanted) as table:
        has_points, has_ids = _check_columns(table)
        line_of_id: dict[int, int] = {}
        for line, row in table.rows():
            if has_ids:
                image_id = table.whole_number(line, row, "ImageId")
                if image_id in line_of_id:
                    came = f"id {image_id}, which is also on line {line_of_id[image_id]}"
                    fix = "remove one of the two rows"
                    raise table.error(line, "ImageId", came=came, expected="each image once", fix=fix)
                line_of_id[image_id] = line
                ids.append(image_id)
            if has_points:
                labels.add(table, line, row)
            pixels += _picture(table, line, row["Image"]).data
        points = labels.checked(table.file) if has_points else None
    images = np.frombuffer(pixels, np.uint8).reshape(-1, SIDE, SIDE)
    return Faces(
        images,
        np.full((len(images), len(POINTS), 2), np.nan, np.float32) if points is None else points,
        np.array(ids, np.int64) if has_ids else np.arange(1, len(images) + 1),
    )


def _check_columns(table: Table) -> tuple[bool, bool]:
    """(has points, has ids); raises DataError for columns of neither a training nor a test file."""
    present = set(table.columns)
    has_points = bool(present & set(COLUMNS)) or "ImageId" not in present
    table.require([*COLUMNS, "Image"] if has_points else ["ImageId", "Image"], _TABLE_EXPECTED)
    unknown = [name for name in table.columns if name not in ("ImageId", "Image")]
    if not has_points and unknown:
        came = f"{shown(unknown[0])}, which is no column of a test file"
        fix = "remove it, or use Kaggle's names (index=False for pandas)"
        raise table.error(table.header_line, unknown[0], came=came, expected=_TABLE_EXPECTED, fix=fix)
    return has_points, "ImageId" in present


class _Labels:
    """The coordinates of the rows so far."""

    def __init__(self) -> None:
        self._values = array("f")
        self._far_outside: DataError | None = None

    def add(self, table: Table, line: int, row: dict[str, str]) -> None:
        """Adds those of a row; DataError for what is no number."""
        for column in COLUMNS:
            field = row[column].strip()
            if not field:
                self._values.append(math.nan)
                continue
            if len(field) > _LONGEST_NUMBER or not _NUMBER.fullmatch(field):
                raise _wrong(table, line, column, shown(field))
            value = float(field)
            if not LOWEST <= value <= HIGHEST:
                value = max(-_FARTHEST, min(value, _FARTHEST))
                # Told later: all rows together may show what the unit is, or a placeholder.
                came = f"{shown(field)}, far outside the picture"
                self._far_outside = self._far_outside or _wrong(table, line, column, came)
            self._values.append(value)

    def checked(self, file: str) -> np.ndarray:
        """(N, 15, 2) float32: all of them; DataError if they are no pixels of their picture."""
        points = np.array(self._values, np.float32).reshape(-1, len(POINTS), 2)
        check_labels(file, points)
        if self._far_outside is not None:
            raise self._far_outside
        return points


def _wrong(table: Table, line: int, column: str, came: str) -> DataError:
    expected = f"a number {LOWEST}..{HIGHEST} (the picture is 0..{SIDE - 1}), or nothing for a missing label"
    return table.error(line, column, came=came, expected=expected, fix="correct it, or leave the field empty")


def _picture(table: Table, line: int, field: str) -> np.ndarray:
    image = parse_pixels(field)
    if image is None:
        came, fix = why_no_picture(field)
        expected = f"{PIXELS:,} numbers 0..255 with spaces between ({SIDE} x {SIDE})"
        raise table.error(line, "Image", came=came, expected=expected, fix=fix)
    return image


def save_faces(faces: Faces, path: str | os.PathLike[str]) -> None:
    """Writes faces so that `load_faces` reads exactly the same faces.

    path : ends in .csv, .gz, or .zip, which will contain one .csv

    Faces without any label make a test file. A training file has an ImageId column only if the ids
    are not 1..N. The same faces give the same bytes.

    Raises
        ValueError : the path ends otherwise
        OSError : the folder is missing or cannot be written
    """
    path = Path(path)
    with atomic.write(path) as temporary, _open_to_write(temporary, path) as stream:
        for line in _lines(faces):
            stream.write(line.encode())


@contextmanager
def _open_to_write(temporary: Path, path: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    # The same faces must give the same bytes: no time and no temporary name in an archive.
    if path.suffix == ".csv":
        with temporary.open("wb") as stream:
            yield stream
    elif path.suffix == ".gz":
        with temporary.open("wb") as plain, gzip.GzipFile("", "wb", fileobj=plain, mtime=0) as packed:
            yield packed
    elif path.suffix == ".zip":
        member = zipfile.ZipInfo(path.stem.removesuffix(".csv") + ".csv")
        member.compress_type = zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(temporary, "w") as archive, archive.open(member, "w", force_zip64=True) as stream:
            yield stream
    else:
        raise ValueError(f"save_faces: got a path that ends in '{path.suffix}', expected .csv, .zip or .gz; rename it")


def _lines(faces: Faces) -> Iterator[str]:
    points = faces.points.reshape(len(faces), len(COLUMNS))
    has_points = not np.isnan(points).all()
    has_ids = not has_points or not np.array_equal(faces.image_ids, np.arange(1, len(faces) + 1))
    yield ",".join(["ImageId"] * has_ids + [*COLUMNS] * has_points + ["Image"]) + "\n"
    for image, coordinates, image_id in zip(faces.images, points, faces.image_ids, strict=True):
        fields = [str(image_id)] * has_ids
        if has_points:  # str of a float32 is the shortest text that reads back as the same float32
            fields += ["" if np.isnan(value) else str(value) for value in coordinates]
        yield ",".join([*fields, format_pixels(image)]) + "\n"
