"""Faces with their points."""

from __future__ import annotations

import numpy as np

from nnscratch.keypoints.report_page.face_pictures import best_and_worst, face, gallery
from tests.keypoints.report_page.made_runs import ALL, faces, run
from tests.pages.parsed_page import ParsedPage


def test_only_labelled_points_have_discs_and_lines() -> None:
    true = ALL.points[0].copy()
    true[3:] = np.nan
    made = face(ALL.images[0], ALL.points[0] + 1, "caption <", "A face", true)
    page = ParsedPage(made)
    assert page.problems == []
    assert made.count("<circle") == 3
    line = next(given["d"] for _, given in page.elements if given.get("class") == "link")
    assert line.count("M") == 3
    cross = next(given["d"] for _, given in page.elements if given.get("class") == "found")
    assert cross.count("l2.8 2.8") == 15


def test_without_labels_there_are_crosses_alone() -> None:
    made = gallery([face(ALL.images[0], ALL.points[0], "", "A face")])
    assert "<circle" not in made
    assert 'class="link"' not in made


def test_points_that_were_not_found_draw_nothing() -> None:
    made = face(ALL.images[0], np.full((15, 2), np.nan), "", "A face", ALL.points[0])
    assert "nan" not in made


def test_the_faces_are_the_best_the_median_and_the_worst() -> None:
    made = run()
    page = ParsedPage(best_and_worst(made))
    error = np.sqrt(np.nanmean(np.square(made.predicted - made.validation.points), axis=(1, 2)))
    worst = int(made.validation.image_ids[np.argmax(error)])
    assert any(text.startswith(f"Face {worst}, worst: {error.max():.2f} px") for text in page.attributes("aria-label"))
    assert "No validation face has a label" in best_and_worst(run(faces(2, points=0)))
