"""The page of a run: whole, escaped, bounded, and the same again, whatever the run was."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.report_page import curves
from nnscratch.keypoints.report_page.run_facts import RunFacts
from nnscratch.keypoints.report_page.run_page import run_page
from nnscratch.pages.markup import element
from tests.keypoints.report_page.made_runs import HOSTILE, faces, network, run
from tests.pages.parsed_page import check_page

SECTIONS = [
    "Learning curves", "Error of each point", "Where the errors lie", "Best, median and worst faces", "The doctor",
    "The network", "First filters", "How it was made",
]  # fmt: skip


@pytest.fixture
def curves_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take most of the time, and have tests of their own."""
    monkeypatch.setattr(curves, "figure", lambda drawn, words: element("svg", role="img", aria_label=words))


def diagnosed(facts: RunFacts) -> RunFacts:
    model = network()
    judged = facts.validation
    return replace(facts, diagnosis=nn.diagnose(model, judged.x, judged.y))


def test_what_a_page_has() -> None:
    made = diagnosed(run())
    page = check_page(run_page(made))
    assert [text for level, text in page.headings if level == 2] == SECTIONS
    assert page.headings[0] == (1, "Run my run")
    for part in (
        f"RMSE {made.score.rmse_px:.2f} px", f"mean face {made.score.mean_face_rmse_px:.2f} px",
        f"ratio {made.score.ratio:.2f}", f"{1 - made.score.ratio:.0%} less error than the mean face", "finished",
        "python train_cnn.py --out 'runs/my run'", "nnscratch 0.1.0", "Conv2D(1, 4, 5)", "1.2 min", "1,234 images/s",
        "Best", "Median", "Worst", made.diagnosis.verdict if made.diagnosis else "",
    ):  # fmt: skip
        assert part in page.text, part
    assert "not shown" not in page.text
    faces_shown = [text for text in page.attributes("aria-label") if text.startswith("Face ")]
    assert len(faces_shown) == 12
    assert run_page(made) == run_page(made)


@pytest.mark.usefixtures("curves_not_drawn")
def test_a_cascade_has_its_levels() -> None:
    made = run(levels=True)
    page = check_page(run_page(made))
    for part in (
        "level 1 level 2 change mean face",
        "a cascade of 2 levels",
        "Networks behind level 1",
        "Level 2, crops of 8 x 8",
    ):
        assert part in page.text, part
    # Its errors are half of those before, and the mean of the two is in no row.
    assert page.text.count("-50%") == 16


@pytest.mark.parametrize(
    ("validation", "values"),
    [
        (faces(1), (4.0,)),
        (faces(2, points=4), (4, 3)),
        (faces(3, points=1), (math.nan, math.inf)),
        (faces(5, points=0), (4, math.nan, 3)),
        (faces(24, points=14), tuple(np.linspace(5, 1, 900))),
    ],
    ids=["one face", "four points", "NaN scores", "no label", "900 epochs"],
)
def test_whatever_the_faces_and_the_scores(validation: Faces, values: tuple[float, ...]) -> None:
    made = run(validation, values=values)
    page = check_page(run_page(made))
    assert [text for level, text in page.headings if level == 2] == SECTIONS
    assert "nan" not in page.text.lower()


@pytest.mark.usefixtures("curves_not_drawn")
def test_names_from_outside_stay_text() -> None:
    facts = run(command=HOSTILE, stopped={"all": HOSTILE})
    config = {**facts.config, "out": f"runs/{HOSTILE}", "data": HOSTILE, "recipe": HOSTILE, HOSTILE: HOSTILE}
    config["versions"] = {HOSTILE: HOSTILE}
    made = run_page(replace(facts, metrics={**facts.metrics, "config": config}))
    page = check_page(made)
    assert page.text.count("<script>alert('1')</script>") >= 6
    assert made.encode("utf-8")


@pytest.mark.usefixtures("curves_not_drawn")
def test_metrics_that_say_nothing_do_no_harm() -> None:
    for metrics in ({}, {"config": 3, "stopped": "x", "per_point": [], "rmse_px": "many", "command": 7}):
        assert check_page(run_page(replace(run(), metrics=metrics))).headings[0] == (1, "Run of a training")


@pytest.mark.usefixtures("curves_not_drawn")
def test_a_predictor_of_ones_own() -> None:
    class Constant:
        pass

    page = check_page(run_page(replace(run(), predictor=Constant())))  # type: ignore[arg-type]
    assert "First filters" not in page.text
