"""The page of predictions: which faces it shows, and what it counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nnscratch.keypoints.predictors import SingleNetwork
from nnscratch.keypoints.report_page.predictions_page import Predictions, predictions_page
from tests.keypoints.report_page.made_runs import ALL, HOSTILE, network, run
from tests.pages.parsed_page import check_page

POINTS = ALL.points.astype(np.float32).copy()
POINTS[17] += [12, 0]  # the most unusual face
POINTS[17, 0] = [200, 10]
MADE = Predictions(
    SingleNetwork(network()), ALL, np.nan_to_num(POINTS, nan=48.0), ("model", "test.zip", "out.csv"),
    "python predict.py", {"numpy": "2.4"}, run().metrics,
)  # fmt: skip


def test_what_a_page_has() -> None:
    page = check_page(predictions_page(MADE))
    assert [text for level, text in page.headings if level == 2] == [
        "Faces", "Mean prediction and spread", "The model on its validation faces", "How it was made",
    ]  # fmt: skip
    for part in ("faces 24 points 360, 15 of each face", "1 points, of 1 faces", "python predict.py", "Most uncertain"):
        assert part in page.text, part
    shown = [text for text in page.attributes("aria-label") if text.startswith("Points found in")]
    assert len(shown) == 24
    assert shown[:2] == [f"Points found in face {number}" for number in ALL.image_ids[:2]]
    assert shown[16] == f"Points found in face {ALL.image_ids[17]}"
    assert predictions_page(MADE) == predictions_page(MADE)


def test_few_faces_and_none() -> None:
    for count in (0, 1):
        few = replace(MADE, faces=ALL.select(slice(0, count)), points=MADE.points[:count], metrics={})
        page = check_page(predictions_page(few))
        assert f"faces {count} " in page.text
        assert "validation faces" not in page.text


def test_names_from_outside_stay_text() -> None:
    made = replace(MADE, names=(HOSTILE, HOSTILE, HOSTILE), command=HOSTILE, versions={HOSTILE: HOSTILE})
    assert check_page(predictions_page(made)).text.count("<script>alert('1')</script>") >= 6
