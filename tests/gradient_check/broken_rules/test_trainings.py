"""Whether training alone would have shown it: the criterion, on curves that are made up."""

from __future__ import annotations

import math

import pytest

from nnscratch.gradient_check.broken_rules.trainings import Trainings

RIGHT = [[1.0, 0.1]] * 5


def ends(*losses: float) -> Trainings:
    return Trainings(RIGHT, [[1.0, loss] for loss in losses])


@pytest.mark.parametrize(
    ("wrong", "verdict"),
    [
        ((0.1, 0.1, 0.1, 0.1, 0.1), "no"),
        ((0.14, 0.14, 0.14, 0.9, 0.9), "no"),
        ((0.16, 0.16, 0.16, 0.1, 0.1), "only compared"),
        ((0.4, 0.4, 0.4, 0.6, 0.6), "only compared"),
        ((0.4, 0.4, 0.6, 0.6, 0.6), "yes"),
        ((math.inf, math.inf, math.inf, 0.1, 0.1), "yes"),
        ((0.5, 0.5, 0.5, 0.1, 0.1), "yes"),
    ],
)
def test_the_criterion(wrong: tuple[float, ...], verdict: str) -> None:
    both = ends(*wrong)
    assert both.verdict == verdict
    assert (both.learns > 2) == (verdict != "yes")
    sentence = both.sentence()
    assert sentence.startswith("Training alone would " + ("have" if verdict == "yes" else "not have"))
    assert ("Only the right curve beside it" in sentence) == (verdict == "only compared")
    assert f"for {both.learns} of 5 seeds" in sentence


def test_the_ratio_is_the_median_over_the_seeds() -> None:
    assert ends(0.1, 0.2, 0.3, 0.4, math.inf).ratio == pytest.approx(3)
    assert "it is not finite" in ends(*[math.inf] * 5).sentence()
