"""Loss curves as text and as a picture."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from nnscratch.gradient_check.broken_rules.curves import plot, text_curves
from nnscratch.gradient_check.broken_rules.rules import RULES
from nnscratch.gradient_check.broken_rules.trainings import Trainings


def test_each_loss_is_in_its_row() -> None:
    right, wrong = [1.0, 0.1, 0.01, 0.001], [1.0, 1.0, 0.1, math.inf]
    lines = text_curves(right, wrong, width=13, height=4).splitlines()
    assert [line[:8].strip() for line in lines] == ["1", "0.1", "0.01", "0.001"]
    assert [line[9:] for line in lines] == ["#x x", " ox", "  o", "   o"]


def test_it_fits_into_80_columns() -> None:
    for epochs in (2, 21, 71):
        lines = text_curves([1.0] * epochs, [10.0**k for k in range(epochs)]).splitlines()
        assert max(map(len, lines)) <= 80
        assert len(lines) == 9


def test_curves_that_are_flat_or_zero_can_be_drawn() -> None:
    assert "#" in text_curves([1.0, 1.0], [1.0, 1.0])
    assert "x" in text_curves([1.0, 0.0], [1.0, 1.0])


def test_a_picture_is_written(tmp_path: Path) -> None:
    both = Trainings([[1.0, 0.5], [1.0, 0.4]], [[1.0, 1e200], [1.0, math.inf]])
    for rules in (RULES[:1], RULES[:4]):
        plot(dict.fromkeys(rules, both), tmp_path / "curves.png")
        assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match=r"ends in \.png"):
        plot({RULES[0]: both}, tmp_path / "curves.pdf")
