"""The relative error of an entry: zeros, rounding, small entries, what is not finite."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.gradient_check.comparison import Comparison
from nnscratch.gradient_check.differences import RIGHT

ROUNDING = 1e-11


def comparison(written: list[float], numeric: list[float], rounding: np.ndarray | float = ROUNDING) -> Comparison:
    return Comparison("x", (len(written),), np.arange(len(written)), np.array(written), np.array(numeric), rounding)


def test_two_zeros_are_right() -> None:
    assert comparison([0.0, 0.0], [0.0, 0.0]).errors.tolist() == [0, 0]
    assert comparison([0.0], [0.0], rounding=0.0).errors.tolist() == [0]


def test_a_gradient_that_is_zero_but_for_rounding_is_right() -> None:
    assert comparison([0.0, 1e-15], [1e-12, -1e-13]).right
    assert not comparison([0.0], [1e-9]).right


def test_a_zero_where_there_is_a_gradient_is_wrong_by_nearly_1() -> None:
    for pair in (([0.0, 1.0], [1.0, 1.0]), ([1.0, 1.0], [0.0, 1.0])):
        worst = comparison(*pair).worst
        assert worst
        assert worst.index == (0,)
        assert worst.error == pytest.approx(1, abs=0.02)


def test_a_factor_of_two_is_a_third() -> None:
    worst = comparison([2.0, 2.0], [1.0, 2.0]).worst
    assert worst
    assert worst.error == pytest.approx(1 / 3, abs=0.01)


@pytest.mark.parametrize("size", [1.0, 1e-2, 1e-4, 1e-5])
def test_a_wrong_entry_is_found_however_small_beside_the_others(size: float) -> None:
    assert not comparison([1.0, 1.001 * size], [1.0, size]).right
    assert comparison([1.0, size], [1.0, size + 1e-12]).right


def test_what_is_not_finite_is_wrong() -> None:
    for value in (np.nan, np.inf, -np.inf):
        found = comparison([1.0, value], [1.0, 1.0])
        assert found.verdict == "wrong"
        assert found.worst
        assert found.worst.index == (1,)


def test_the_index_of_the_worst_entry_of_those_compared() -> None:
    written, numeric = np.array([1.0, 5.0, 2.0]), np.array([1.0, 4.0, 2.0])
    found = Comparison("weight", (3, 4), np.array([11, 6, 0]), written, numeric, ROUNDING)
    assert found.worst
    assert found.worst.index == (1, 2)
    assert (found.worst.written, found.worst.numeric) == (5, 4)


def test_nothing_compared_is_no_verdict() -> None:
    found = comparison([], [])
    assert found.worst is None
    assert found.verdict == "kinks"


def test_rounding_of_each_entry_by_itself() -> None:
    found = comparison([0.0, 0.0], [1e-9, 1e-9], np.array([1e-9, 1e-12]))
    assert (found.errors <= RIGHT).tolist() == [True, False]
    assert 0 < found.error < 1
