"""Scores on a page: beside the mean face's, point by point, level by level."""

from __future__ import annotations

import re

import pytest

from nnscratch.keypoints.faces import POINTS
from nnscratch.keypoints.report_page.scores import head, number, per_point
from tests.keypoints.report_page.made_runs import faces, run
from tests.pages.parsed_page import ParsedPage


def test_each_point_has_its_row_best_first() -> None:
    made = run()
    page = ParsedPage(per_point(made))
    assert page.problems == []
    order = sorted(POINTS, key=made.score.per_point.__getitem__)
    places = []
    for point in order:
        row = (
            f"{point.replace('_', ' ')} {made.score.per_point[point]:.2f} {made.score.mean_face_per_point[point]:.2f} "
        )
        assert row in page.text
        places.append(page.text.index(row))
    assert places == sorted(places)
    assert f"all points {made.score.rmse_px:.2f} {made.score.mean_face_rmse_px:.2f}" in page.text


def test_points_without_labels_come_last() -> None:
    text = ParsedPage(per_point(run(faces(6, points=4)))).text
    assert text.count("– – 0") == 11
    assert text.index("left eye outer corner") < text.index("– – 0")


def test_a_level_that_keeps_an_answer_is_off() -> None:
    made = run(levels=True)
    made.levels[0][:, 10] = made.levels[1][:, 10]
    text = ParsedPage(per_point(made)).text
    assert re.search(r"nose tip ([\d.]+) \1 off ", text)


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({"rmse_px": 1.0, "mean_face_rmse_px": 4.0, "ratio": 0.25}, "75% less error"),
        ({"rmse_px": 5.0, "mean_face_rmse_px": 4.0, "ratio": 1.25}, "It has learnt nothing"),
        ({"rmse_px": None, "mean_face_rmse_px": 4.0}, "not finite"),
        ({}, "It was not scored"),
        (
            {"finished": False, "stopped": {"all": "all done", "nose": "interrupted in epoch 2"}},
            "not finished interrupted",
        ),
    ],
)
def test_the_head_says_what_a_score_means(metrics: dict[str, object], said: str) -> None:
    page = ParsedPage(head(metrics))
    assert page.problems == []
    assert said in page.text


def test_only_numbers_are_numbers() -> None:
    assert number({"a": 3}, "a") == 3.0
    for value in (True, "3", None, [1]):
        assert number({"a": value}, "a") != number({"a": value}, "a")
