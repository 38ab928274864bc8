"""How much answers leave unexplained."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.diagnosis.explained import loss_beside_guess, shares_left, uncertainty, unexplained


def test_unexplained_is_the_mean_over_outputs_and_2_at_most() -> None:
    y = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, np.nan]])
    assert unexplained(y, y) == 0
    assert unexplained(np.ones_like(y), y) == pytest.approx((1 + 2) / 2)  # (its mean is 0.5)
    assert unexplained(1e9 * np.ones_like(y), y) == 2
    assert unexplained(np.full_like(y, np.nan), np.ones_like(y)) == 2


def test_each_output_beside_its_own_mean() -> None:
    y = np.array([[0.0, 1.0, np.nan], [4.0, 1.0, np.nan], [np.nan, 1.0, np.nan]])
    left = shares_left(np.array([[0.0, 7.0, 1.0], [2.0, 7.0, 1.0], [9.0, 7.0, 1.0]]), y)
    np.testing.assert_allclose(left, [0.5, math.nan, math.nan])
    assert shares_left(np.array([[np.inf], [0.0]]), np.array([[1.0], [0.0]])).tolist() == [math.inf]


def test_classes_beside_how_frequent_they_are_in_both_forms() -> None:
    classes = np.array([0, 0, 0, 1])
    shares = np.eye(2, dtype=np.float32)[classes]
    assert uncertainty(classes) == pytest.approx(uncertainty(shares)) == pytest.approx(0.562335, abs=1e-6)
    frequent = np.tile(np.log(np.float32([[0.75, 0.25]])), (4, 1))
    for target in (classes, shares):
        assert loss_beside_guess(nn.SoftmaxCrossEntropy(), frequent, target) == pytest.approx(1, abs=1e-6)
    assert math.isnan(loss_beside_guess(nn.SoftmaxCrossEntropy(), frequent, np.zeros(4, int)))
