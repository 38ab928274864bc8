"""Curves of a training: its columns, its best epoch, and whatever is not a number."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.pages.curves import finite, thinned
from tests.pages.parsed_page import check_view


def history(values: list[float], *, score: str = "rmse_px") -> nn.History:
    made = nn.History(["epoch", "loss", "validation_loss", "rmse_px"], score=score)
    for epoch, value in enumerate(values, 1):
        made.append({"epoch": epoch, "loss": value / 100, "validation_loss": value / 90, "rmse_px": value})
    return made


def test_a_history_shows_its_curves_and_its_best_epoch() -> None:
    made = history([3.0, 1.5, 2.0])
    made.end(nn.Outcome.ALL_EPOCHS, "all <3> epochs done")
    text = check_view(made._repr_html_()).text
    assert "History: 3 epochs; all <3> epochs done" in text
    assert "rmse px 2 1.5" in text  # last, best
    assert "best: epoch 2" in text
    assert made._repr_html_() == made._repr_html_()


@pytest.mark.parametrize("values", [[1.0], [math.nan, math.nan], [math.inf, 1.0, -1.0], [0.0, 0.0], [1e-30, 1e30]])
def test_whatever_the_numbers_are(values: list[float]) -> None:
    assert "still running" in check_view(history(values)._repr_html_()).text


def test_no_epoch_and_no_validation() -> None:
    assert "No epoch was finished" in check_view(history([])._repr_html_()).text
    plain = nn.History(["epoch", "loss"], score="loss")
    plain.append({"epoch": 1, "loss": 0.5})
    assert "1 epoch" in check_view(plain._repr_html_()).text


def test_a_column_from_a_file_cannot_bring_markup() -> None:
    made = nn.History(["epoch", "loss", "<b>x</b>"], score="<b>x</b>")
    made.append({"epoch": 1, "loss": 1.0, "<b>x</b>": 2.0})
    assert "<b>x</b>" in check_view(made._repr_html_()).text


def test_long_histories_are_thinned() -> None:
    assert thinned(1).tolist() == [0]
    places = thinned(5000)
    assert (places[0], places[-1]) == (0, 4999)
    assert len(places) <= 400
    np.testing.assert_array_equal(finite([1.0, math.inf]), [1.0, math.nan])


def test_a_single_epoch_stands_at_a_whole_number() -> None:
    text = check_view(history([2.0])._repr_html_()).text
    assert " 0 1 2 epoch" in text
