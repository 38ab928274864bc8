"""Labels as other programs write them are named; labels as people make them are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.kaggle.labels import check_labels
from nnscratch.keypoints.kaggle.training_file import load_faces, save_faces


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    """(300, 15, 2): labels of drawn faces, a third of them with all 15; do not change them."""
    return draw_faces(300, seed=0).points


def filled(points: np.ndarray, value: float) -> np.ndarray:
    return np.nan_to_num(points, nan=value)


def standardised(points: np.ndarray) -> np.ndarray:
    return (points - np.nanmean(points, axis=0)) / np.nanstd(points, axis=0)


NOT_PIXELS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "divided by 96": (lambda p: p / 96, "expected pixels 0..96; multiply them by 96"),
    "moved to -1..1": (lambda p: (p - 48) / 48, "multiply them by 48 and add 48"),
    "standardised": (standardised, "expected pixels 0..96; undo what scaled them"),
    "of a larger picture": (lambda p: p * 250 / 96, "of a 96 x 96 picture; multiply them by 96 and divide"),
    "of a slightly larger one": (lambda p: p * 128 / 96, "of a 96 x 96 picture; multiply them by 96 and divide"),
}


@pytest.mark.parametrize("kind", NOT_PIXELS)
def test_names_what_is_no_pixel_of_the_picture(kind: str, points: np.ndarray) -> None:
    change, words = NOT_PIXELS[kind]
    with pytest.raises(DataError, match=r"^faces\.csv.*: got labels that lie in -?[0-9.]+\.\.[0-9.]+, .*") as error:
        check_labels("faces.csv", change(points).astype(np.float32))
    assert words in str(error.value)


@pytest.mark.parametrize("value", [-1, 0, 999, -999, 255, 1e30, 96, -0.5])
def test_names_a_placeholder_in_place_of_all_missing_labels(value: float, points: np.ndarray) -> None:
    with pytest.raises(DataError) as error:
        check_labels("faces.csv", filled(points, value))
    missing = int(np.isnan(points).any(axis=2).sum(axis=0).max())
    assert f"got {value:g} in {missing} of its 300 labels, far from the others at " in str(error.value)
    assert "more columns), expected nothing where a label is missing; leave the field empty in" in str(error.value)


@pytest.mark.parametrize("value", [-1, 0, 999])
@pytest.mark.parametrize("share", [0.03, 0.6, 1.0])
def test_names_a_placeholder_in_both_columns_of_one_point(share: float, value: float, points: np.ndarray) -> None:
    changed = filled(points, np.nan)
    rows = np.flatnonzero(np.isfinite(points[:, 9, 0]))
    changed[rows[: round(share * len(rows))] if share == 1 else rows[: max(6, round(share * len(rows)))], 9] = value
    with pytest.raises(DataError, match=rf"column right_eyebrow_outer_end_.: got {value} in "):
        check_labels("faces.csv", changed)


@pytest.mark.parametrize("value", [-1, 0, 999])
@pytest.mark.parametrize("column", [0, 1, 7, 22, 29])
def test_names_a_placeholder_in_a_single_column(column: int, value: float, points: np.ndarray) -> None:
    changed = points.reshape(len(points), 30).copy()
    rows = np.flatnonzero(np.isfinite(changed[:, column]))
    changed[rows[: len(rows) * 6 // 10], column] = value
    with pytest.raises(DataError, match=rf": got {value} in {len(rows) * 6 // 10} of its {len(rows)} labels"):
        check_labels("faces.csv", changed.reshape(points.shape))


def test_names_a_placeholder_that_stands_beside_whole_numbers(points: np.ndarray) -> None:
    """There, a label in the middle comes more often than it."""
    changed = np.round(points)
    changed[:3, 0] = -1
    with pytest.raises(DataError, match=r"left_eye_center_x: got -1 in 3 of its 300 labels.*\(and in 1 more column\)"):
        check_labels("faces.csv", changed)


def _border(points: np.ndarray) -> np.ndarray:
    """Some points lie on the first or last pixel, or at 0 / 0."""
    changed = points.copy()
    changed[:5, 7, 0], changed[5:10, 7, 1] = 0, 95
    changed[:4, 8] = 0
    return changed


REAL = {
    "drawn": lambda p: p,
    "whole pixels": np.round,
    "in steps of four pixels": lambda p: 4 * np.round(p / 4),
    "some at the border": _border,
    "faces that leave the picture": lambda p: p + np.array([30, 0]),
    "the same, cut off at its edge": lambda p: np.clip(p + np.array([20, 0]), 0, 96),
    "the same at the lower right": lambda p: np.clip(p + 15, 0, 96),
    "one point": lambda p: np.where(np.arange(15)[:, None] == 10, p, np.nan),
    "no label": lambda p: np.full_like(p, np.nan),
    "one row": lambda p: p[:1],
    "three equal rows": lambda p: p[[0, 0, 0]],
}


@pytest.mark.parametrize("kind", REAL)
def test_leaves_alone_what_people_label(kind: str, points: np.ndarray) -> None:
    check_labels("faces.csv", np.asarray(REAL[kind](points), np.float32))


def test_the_reader_refuses_such_a_file_and_keeps_it_out_of_its_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NNSCRATCH_CACHE", str(tmp_path / "cache"))
    faces = draw_faces(12, seed=0)
    path = tmp_path / "training.csv"
    for bad, words in ((faces.points / 96, "multiply them by 96"), (filled(faces.points, 999), "in place of 999")):
        save_faces(Faces(faces.images, bad, faces.image_ids), path)
        for _ in range(2):
            with pytest.raises(DataError, match=words):
                load_faces(path)
    assert not (tmp_path / "cache").exists()
    save_faces(faces, path)
    assert len(load_faces(path)) == 12


def test_a_single_label_far_outside_is_told_with_its_line(tmp_path: Path) -> None:
    faces = draw_faces(6, seed=0)
    faces.points[2, 3, 1] = 1000
    save_faces(faces, tmp_path / "training.csv")
    with pytest.raises(DataError, match=r"line 4, column left_eye_outer_corner_y: got '1000.0', far outside"):
        load_faces(tmp_path / "training.csv", cache=False)
