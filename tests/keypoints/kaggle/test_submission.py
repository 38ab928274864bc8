"""Kaggle's submission: the right value on the right line, and each mistake named with its line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nnscratch.keypoints.faces import COLUMNS
from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.kaggle.submission import (
    Lookup,
    asked_points,
    check_images,
    read_lookup,
    write_coordinates,
    write_submission,
)

HEADER = "RowId,ImageId,FeatureName,Location\n"


def lookup_of(folder: Path, *rows: str, header: str = HEADER) -> Lookup:
    path = folder / "lookup.csv"
    path.write_text(header + "".join(f"{row}\n" for row in rows))
    return read_lookup(path)


def points_of(count: int) -> np.ndarray:
    """The value of column c of face i is 10 i + c."""
    values = 10 * np.arange(count)[:, np.newaxis] + np.arange(30)
    return values.astype(np.float32).reshape(count, 15, 2)


def test_each_value_is_on_its_row(tmp_path: Path) -> None:
    rows = ("9,7,nose_tip_y,", "4,2,left_eye_center_x,", "5,7,left_eye_center_y,", "6,30,mouth_center_bottom_lip_y,")
    lookup = lookup_of(tmp_path, *rows)
    ids = np.array([30, 7, 11, 2])
    assert write_submission(tmp_path / "out.csv", lookup, points_of(4), ids) == len(lookup) == 4
    lines = (tmp_path / "out.csv").read_text().split("\n")
    assert lines == ["RowId,Location", "9,31.0000", "4,30.0000", "5,11.0000", "6,29.0000", ""]


def test_a_point_is_asked_for_by_both_coordinates(tmp_path: Path) -> None:
    rows = (
        "9,7,nose_tip_y,",
        "4,2,left_eye_center_x,",
        "5,2,left_eye_center_y,",
        "6,30,nose_tip_y,",
        "7,7,nose_tip_x,",
    )
    asked = asked_points(lookup_of(tmp_path, *rows), np.array([30, 7, 2, 11]))
    assert asked.shape == (4, 15)
    assert np.argwhere(asked).tolist() == [[1, 10], [2, 0]]


def test_values_are_clipped_to_the_picture(tmp_path: Path) -> None:
    lookup = lookup_of(tmp_path, "1,1,left_eye_center_x,", "2,1,left_eye_center_y,", "3,1,nose_tip_x,")
    points = points_of(1)
    points[0, 0] = [-3.5, 99]
    write_submission(tmp_path / "out.csv", lookup, points, np.array([1]))
    assert (tmp_path / "out.csv").read_text().split()[1:] == ["1,0.0000", "2,95.0000", "3,20.0000"]


def test_the_lookup_is_read_by_column_name(tmp_path: Path) -> None:
    lookup = lookup_of(tmp_path, "nose_tip_x,3,8", header="FeatureName,RowId,ImageId\n")
    assert (lookup.row_ids.tolist(), lookup.image_ids.tolist(), lookup.lines.tolist()) == ([3], [8], [2])
    assert COLUMNS[lookup.columns[0]] == "nose_tip_x"


BAD_LOOKUPS = {
    # name: (text after the header, parts of the message)
    "unknown names": (
        "1,1,nose_tip_x,\n2,1,nose_tip,\n3,1,chin_x,\n4,2,chin_x,\n",
        ["column FeatureName: got unknown 'nose_tip' (line 3), 'chin_x' (line 4), expected"],
    ),
    "no name": ("1,1,,\n", ["unknown '' (line 2)"]),
    "many unknown names": ("".join(f"{i},1,p{i},\n" for i in range(15)), ["'p3' (line 5) and 11 more"]),
    "row id twice": (
        "1,1,nose_tip_x,\n1,1,nose_tip_y,\n",
        ["line 3, column RowId: got RowId 1, which is also on line 2"],
    ),
    "row id 1.0": ("1.0,1,nose_tip_x,\n", ["line 2, column RowId: got '1.0', expected a whole number"]),
    "image id x": ("1,x,nose_tip_x,\n", ["line 2, column ImageId: got 'x'"]),
    "image id missing": ("1,,nose_tip_x,\n", ["line 2, column ImageId: got ''"]),
    "too few fields": ("1,1\n", ["line 2, column FeatureName: got a row with 2 fields"]),
    "too many fields": ("1,1,nose_tip_x,,\n", ["line 2: got a row with 5 fields"]),
    "no rows": ("", ["a header without rows"]),
}


@pytest.mark.parametrize(("rows", "parts"), BAD_LOOKUPS.values(), ids=BAD_LOOKUPS.keys())
def test_a_bad_lookup_is_one_line_that_says_where(tmp_path: Path, rows: str, parts: list[str]) -> None:
    (tmp_path / "lookup.csv").write_text(HEADER + rows)
    with pytest.raises(DataError) as caught:
        read_lookup(tmp_path / "lookup.csv")
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "lookup.csv"))
    assert [part for part in parts if part not in message] == [], message
    assert message.isprintable()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file"),
        (b"%PDF-1.7", "a PDF document"),
        (b"RowId,Location\n1,48\n", "no column ImageId, FeatureName .*IdLookupTable"),
        (b"RowId,ImageId,Featurename,Location\n", "no column FeatureName .*is it 'Featurename'"),
        (b"RowId,RowId,ImageId,FeatureName\n", "column RowId: got two columns of this name"),
    ],
)
def test_what_is_no_lookup_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "lookup.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_lookup(tmp_path / "lookup.csv")
    with pytest.raises(DataError, match="no file of this name"):
        read_lookup(tmp_path / "nothing.csv")


def test_images_without_a_prediction_are_named(tmp_path: Path) -> None:
    lookup = lookup_of(tmp_path, "1,9,nose_tip_x,", "2,1,nose_tip_x,", "3,5,nose_tip_x,", "4,9,nose_tip_y,")
    (tmp_path / "out.csv").write_text("before")
    with pytest.raises(
        DataError, match=r"lookup\.csv, column ImageId: .* image 5 \(line 4\), 9 \(line 2\), .*expected"
    ):
        write_submission(tmp_path / "out.csv", lookup, points_of(2), np.array([1, 2]))
    assert (tmp_path / "out.csv").read_text() == "before"


def test_missing_images_are_noticed_at_once(tmp_path: Path) -> None:
    lookup = lookup_of(tmp_path, "1,9,nose_tip_x,", "2,1,nose_tip_x,")
    check_images(lookup, np.array([4, 9, 1]))
    with pytest.raises(DataError, match=r"lookup\.csv, column ImageId: .* image 9 \(line 2\), .*expected"):
        check_images(lookup, np.array([4, 1]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_prediction_that_is_not_finite_is_refused(tmp_path: Path, value: float) -> None:
    lookup = lookup_of(tmp_path, "1,1,nose_tip_x,", "2,2,nose_tip_y,")
    points = points_of(2)
    points[1, 10, 1] = value
    for write in (
        lambda path: write_submission(path, lookup, points, np.array([1, 2])),
        lambda path: write_coordinates(path, points, np.array([1, 2])),
    ):
        with pytest.raises(
            ValueError, match="got 1 of .* not finite, the first .* for image 2, nose_tip_y, .*diverged"
        ):
            write(tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_values_that_are_not_asked_for_may_be_missing(tmp_path: Path) -> None:
    points = points_of(1)
    points[0, 0] = np.nan
    assert write_submission(tmp_path / "out.csv", lookup_of(tmp_path, "1,1,nose_tip_x,"), points, np.array([1])) == 1


@pytest.mark.parametrize(
    ("points", "ids", "message"),
    [
        (np.zeros((1, 30)), np.array([1]), r"got points of shape \(1, 30\), expected \(N, 15, 2\)"),
        (np.zeros((2, 15, 2)), np.array([1]), r"got image_ids \(1,\) int64, expected \(2,\)"),
        (np.zeros((1, 15, 2)), np.array([1.0]), r"got image_ids \(1,\) float64"),
        (np.zeros((2, 15, 2)), np.array([3, 3]), "got image id 3 2 times"),
        (np.zeros((0, 15, 2)), np.array([], int), "at least one"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, points: np.ndarray, ids: np.ndarray, message: str) -> None:
    lookup = lookup_of(tmp_path, "1,1,nose_tip_x,")
    with pytest.raises(ValueError, match=message):
        write_submission(tmp_path / "out.csv", lookup, points, ids)
    with pytest.raises(ValueError, match=message):
        write_coordinates(tmp_path / "out.csv", points, ids)


def test_coordinates_are_one_row_a_face(tmp_path: Path) -> None:
    write_coordinates(tmp_path / "points.csv", points_of(2) - 5, np.array([8, 3]))
    header, first, second = (tmp_path / "points.csv").read_text().splitlines()
    assert header == "ImageId," + ",".join(COLUMNS)
    assert first == "8," + ",".join(f"{value - 5}.0000" for value in range(30))
    assert second.startswith("3,5.0000,6.0000,")
