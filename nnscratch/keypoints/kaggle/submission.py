"""Kaggle's submission: one line for each value that Kaggle's lookup table asks for."""

from __future__ import annotations

import os
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnscratch.files import atomic
from nnscratch.keypoints.faces import COLUMNS, SIDE, check_points, to_frame
from nnscratch.keypoints.kaggle import archives
from nnscratch.keypoints.kaggle.files import DataError, Limits, listed
from nnscratch.keypoints.kaggle.tables import open_table
from nnscratch.messages import shown

if TYPE_CHECKING:
    import pandas

_LIMITS = Limits(rows=1_000_000)
_DECIMALS = 4  # of a coordinate in px
_COLUMN_INDEX = {column: index for index, column in enumerate(COLUMNS)}


@dataclass(frozen=True, eq=False)
class Lookup:
    """The V values that a submission must hold, in the order of the lookup table's rows.

    row_ids   : (V,) int64, Kaggle's number of the value
    image_ids : (V,) int64, the picture it belongs to
    columns   : (V,) int64, its coordinate: an index into `COLUMNS`
    lines     : (V,) int64, its line in the lookup table, for messages
    file      : the lookup table's name, for messages
    """

    row_ids: np.ndarray
    image_ids: np.ndarray
    columns: np.ndarray
    lines: np.ndarray
    file: str

    def __len__(self) -> int:
        return len(self.row_ids)


def read_lookup(path: str | os.PathLike[str], *, limits: Limits = _LIMITS) -> Lookup:
    """Reads Kaggle's IdLookupTable.csv: its columns RowId, ImageId and FeatureName.

    limits : what the file may have at most: a million rows, 1000 columns, a line of 1 MB, 2 GiB in
        all (`nnscratch.keypoints.kaggle.files.Limits`)

    Raises
        DataError : the file is missing or wrong, an id is no whole number, a RowId comes twice, or
                    a FeatureName is not in `COLUMNS`

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "lookup.csv"
    ...     _ = path.write_text("RowId,ImageId,FeatureName\\n1,7,nose_tip_x\\n2,7,nose_tip_y\\n")
    ...     lookup = read_lookup(path)
    >>> lookup.image_ids, [COLUMNS[index] for index in lookup.columns]
    (array([7, 7]), ['nose_tip_x', 'nose_tip_y'])
    """
    values = array("q")  # row id, image id, column, line; row id, ...
    line_of_row: dict[int, int] = {}
    unknown: dict[str, int] = {}
    with open_table(path, limits, wanted=archives.LOOKUP) as table:
        table.require(["RowId", "ImageId", "FeatureName"], "Kaggle's IdLookupTable: RowId,ImageId,FeatureName,Location")
        for line, row in table.rows():
            row_id = table.whole_number(line, row, "RowId")
            if row_id in line_of_row:
                came = f"RowId {row_id}, which is also on line {line_of_row[row_id]}"
                fix = "remove one of the two rows"
                raise table.error(line, "RowId", came=came, expected="each RowId once", fix=fix)
            line_of_row[row_id] = line
            name = row["FeatureName"].strip()
            if name not in _COLUMN_INDEX:
                unknown.setdefault(name, line)
            values.extend((row_id, table.whole_number(line, row, "ImageId"), _COLUMN_INDEX.get(name, -1), line))
        if unknown:
            raise _unknown_names(table.file, unknown)
    row_ids, image_ids, columns, lines = np.array(values, np.int64).reshape(-1, 4).T
    return Lookup(row_ids, image_ids, columns, lines, table.file)


def asked_points(lookup: Lookup, image_ids: np.ndarray) -> np.ndarray:
    """(N, 15) bool: the points of which the lookup table asks for both coordinates, per picture.

    image_ids : (N,) int64, the pictures
    """
    asked = np.zeros((len(image_ids), len(COLUMNS)), bool)
    row = {int(image_id): k for k, image_id in enumerate(image_ids)}
    for image_id, column in zip(lookup.image_ids.tolist(), lookup.columns.tolist(), strict=True):
        if image_id in row:
            asked[row[image_id], column] = True
    return asked[:, 0::2] & asked[:, 1::2]


def check_images(lookup: Lookup, image_ids: np.ndarray) -> None:
    """Checks that the lookup table asks only for pictures in `image_ids`.

    Call it before the networks run, so that no work is lost.

    Raises
        DataError : it asks for others; the message names them and their lines
    """
    found = np.isin(lookup.image_ids, image_ids)
    missing, first = np.unique(lookup.image_ids[~found], return_index=True)
    if missing.size:
        lines = lookup.lines[~found][first]
        names = [f"{image_id} (line {line})" for image_id, line in zip(missing, lines, strict=True)]
        raise DataError.at(
            lookup.file,
            column="ImageId",
            came=f"image {listed(names, most=10)}, without a prediction",
            expected="only images of the test file",
            fix="predict the test file that belongs to this lookup table",
        )


def write_submission(path: str | os.PathLike[str], lookup: Lookup, points: np.ndarray, image_ids: np.ndarray) -> int:
    """Writes a submission, columns RowId,Location, in the lookup's order.

    points    : (N, 15, 2) predictions in px; they are clipped to 0..95, as Kaggle's labels are, and
                written with 4 decimals
    image_ids : (N,) whole numbers, the pictures' ids, each once; the lookup need not ask for all

    Returns the number of values.

    Raises
        DataError : the lookup asks for images that are not in `image_ids`; the message names them
                    and their lines
        ValueError : other shapes, an id twice, or a value in the submission is not finite
        OSError : the folder is missing or cannot be written
    """
    _check("write_submission", points, image_ids)
    check_images(lookup, image_ids)
    order = np.argsort(image_ids)
    rows = order[np.searchsorted(image_ids, lookup.image_ids, sorter=order)]
    values = points.reshape(len(points), len(COLUMNS))[rows, lookup.columns]
    _check_finite("write_submission", values, lookup.image_ids, lookup.columns)
    import pandas  # here: its import takes longer than that of all of nnscratch

    location = np.clip(values, 0, SIDE - 1)
    _write(path, pandas.DataFrame({"Location": location}, pandas.Index(lookup.row_ids, name="RowId")))
    return len(lookup)


def write_coordinates(path: str | os.PathLike[str], points: np.ndarray, image_ids: np.ndarray) -> None:
    """Writes predictions as a CSV with ImageId and the 30 `COLUMNS`, one row per face, not clipped.

    points    : (N, 15, 2) px
    image_ids : (N,) whole numbers, each once

    Raises
        ValueError : other shapes, an id twice, or a value is not finite
        OSError : the folder is missing or cannot be written
    """
    _check_all("write_coordinates", points, image_ids)
    _write(path, to_frame(points, image_ids))


def coordinates(points: np.ndarray, image_ids: np.ndarray) -> list[dict[str, float]]:
    """Predictions for JSON: for each face what `write_coordinates` writes in its row.

    points    : (N, 15, 2) px
    image_ids : (N,) whole numbers, each once

    Raises
        ValueError : other shapes, an id twice, or a value is not finite

    >>> face = coordinates(np.full((1, 15, 2), 47.98764), np.array([7]))[0]
    >>> face["ImageId"], face["nose_tip_x"]
    (7, 47.9876)
    """
    _check_all("coordinates", points, image_ids)
    rows = points.reshape(len(points), len(COLUMNS)).astype(np.float64).round(_DECIMALS).tolist()
    return [
        {"ImageId": image_id, **dict(zip(COLUMNS, row, strict=True))}
        for image_id, row in zip(image_ids.tolist(), rows, strict=True)
    ]


def _write(path: str | os.PathLike[str], table: pandas.DataFrame) -> None:
    """Writes a table as a CSV, whole or not at all; fractions have 4 decimals."""
    with atomic.write(path) as temporary:
        table.to_csv(temporary, float_format=f"%.{_DECIMALS}f", lineterminator="\n")


def _unknown_names(file: str, line_of_name: dict[str, int]) -> DataError:
    names = [f"{shown(name)} (line {line})" for name, line in line_of_name.items()]
    return DataError.at(
        file,
        column="FeatureName",
        came=f"unknown {listed(names, most=10)}",
        expected="Kaggle's names, such as nose_tip_x",
        fix="correct the names",
    )


def _check(where: str, points: np.ndarray, image_ids: np.ndarray) -> None:
    check_points(where, "points", points)
    if image_ids.shape != points.shape[:1] or not np.issubdtype(image_ids.dtype, np.integer) or not image_ids.size:
        raise ValueError(
            f"{where}: got image_ids {image_ids.shape} {image_ids.dtype}, expected {points.shape[:1]} int64, at least"
            " one; give faces.image_ids"
        )
    ids, counts = np.unique(image_ids, return_counts=True)
    if counts.max() > 1:
        twice = ids[counts.argmax()]
        raise ValueError(f"{where}: got image id {twice} {counts.max()} times, expected each id once; drop the others")


def _check_all(where: str, points: np.ndarray, image_ids: np.ndarray) -> None:
    """Checks points of which all coordinates are written."""
    _check(where, points, image_ids)
    ids, columns = np.repeat(image_ids, len(COLUMNS)), np.tile(np.arange(len(COLUMNS)), len(points))
    _check_finite(where, points.ravel(), ids, columns)


def _check_finite(where: str, values: np.ndarray, image_ids: np.ndarray, columns: np.ndarray) -> None:
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        first = wrong[0]
        raise ValueError(
            f"{where}: got {wrong.size} of {values.size} predictions that are not finite, the first {values[first]} for"
            f" image {image_ids[first]}, {COLUMNS[columns[first]]}, expected pixels; the network has probably"
            " diverged: train it with a lower learning rate"
        )
