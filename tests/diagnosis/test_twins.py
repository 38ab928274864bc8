"""Units with the same weights."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.diagnosis.twins import share_of_twins


def weight(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(40, 200), (5, 5, 3, 200)])
def test_drawn_units_are_none(shape: tuple[int, ...]) -> None:
    assert share_of_twins(weight(*shape)) == 0


def test_all_of_a_group_count_and_a_bias_tells_them_apart() -> None:
    w = weight(6, 10)
    w[:, 4] = w[:, 7] = w[:, 1]
    assert share_of_twins(w) == pytest.approx(0.3)
    bias = np.zeros(10)
    assert share_of_twins(w, bias) == pytest.approx(0.3)
    bias[7] = 1
    assert share_of_twins(w, bias) == pytest.approx(0.2)


def test_equal_but_for_rounding() -> None:
    w = weight(6, 2)
    w[:, 1] = w[:, 0] * np.float32(1 + 2e-7)
    assert share_of_twins(w) == 1


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e38])
def test_what_cannot_be_compared(value: float) -> None:
    assert share_of_twins(np.full((6, 3), value, np.float32)) == 0


def test_one_unit_has_none() -> None:
    assert share_of_twins(weight(6, 1)) == 0
