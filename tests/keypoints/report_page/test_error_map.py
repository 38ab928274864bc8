"""Where errors lie: the ellipse is their covariance's, the thick line their mean."""

from __future__ import annotations

import re

import numpy as np
import pytest

from nnscratch.keypoints.report_page.error_map import error_map, error_table, spread_on_face
from tests.keypoints.report_page.made_runs import ALL, faces, run
from tests.pages.parsed_page import ParsedPage

FACE = np.full((15, 2), 40.0)


def test_the_ellipse_is_that_of_the_covariance() -> None:
    along, across, angle = 3.0, 0.5, np.radians(30)
    rng = np.random.default_rng(0)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    errors = np.full((4000, 15, 2), np.nan)
    errors[:, 0] = (rng.normal(0, [along, across], (4000, 2)) @ turn.T) + [1, -2]
    made = spread_on_face(errors, FACE, ALL.images)
    found = re.findall(
        r'<ellipse rx="([\d.]+)" ry="([\d.]+)" transform="translate\((\S+) (\S+)\) rotate\((\S+)\)"', made
    )
    assert len(found) == 1
    rx, ry, x, y, degrees = map(float, found[0])
    assert (rx, ry) == (pytest.approx(2 * along, rel=0.05), pytest.approx(2 * across, rel=0.05))
    assert (x, y) == (pytest.approx(41, abs=0.2), pytest.approx(38, abs=0.2))
    assert degrees % 180 == pytest.approx(30, abs=1)
    # Five times the mean error, from the point.
    dx, dy = map(float, re.findall(r'd="M40.0 40.0l(\S+) (\S+)" class="bias"', made)[0])
    assert (dx, dy) == (pytest.approx(5, abs=0.5), pytest.approx(-10, abs=0.5))


def test_vectors_are_bounded_in_number_and_length() -> None:
    errors = np.full((5000, 15, 2), 1e9)
    made = spread_on_face(errors, FACE, ALL.images)
    assert made.count("l200.00 200.00") <= 15 * 81
    assert len(made) < 60_000


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_labels_have_no_ellipse(count: int) -> None:
    errors = np.full((4, 15, 2), np.nan)
    errors[:count, 3] = 1.0
    made = spread_on_face(errors, FACE, ALL.images[:0])
    assert "<ellipse" not in made
    assert "nan" not in made
    assert made.count('class="bias"') == min(count, 1)
    assert "<image" not in made
    assert ParsedPage(made).problems == []


def test_the_table_has_the_same_numbers() -> None:
    errors = np.full((2, 15, 2), np.nan)
    errors[:, 10] = [[1, -2], [3, -2]]
    text = ParsedPage(error_table(errors)).text
    assert "nose tip +2.00 -2.00 1.00 0.00" in text
    assert text.count("– – – –") == 14
    assert ParsedPage(error_map(run(faces(3, points=4)))).problems == []
