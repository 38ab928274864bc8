"""Targets in units of their own spread."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from nnscratch.sklearn.targets import TargetScale


def test_mean_0_and_spread_1_and_back() -> None:
    y = np.random.default_rng(0).normal([5, -1e6], [1e-3, 1e4], (100, 2))
    scale = TargetScale.of("X", y)
    z = scale.scaled(y)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(z.std(axis=0), 1)
    np.testing.assert_allclose(scale.unscaled(z), y)
    assert scale.unscaled(z.astype(np.float32)).dtype == np.float64


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e160, 1e300])
def test_targets_of_any_size(size: float) -> None:
    y = np.array([[-1.0], [1.0], [3.0]]) * size
    scale = TargetScale.of("X", y)
    np.testing.assert_allclose(scale.scaled(y).std(), 1)
    np.testing.assert_allclose(scale.unscaled(scale.scaled(y)), y)


def test_a_weight_is_a_number_of_repetitions() -> None:
    y = np.array([[1.0, 2.0], [4.0, np.nan], [7.0, 3.0], [np.nan, 0.5]])
    weights = np.array([1, 3, 2, 5])
    one, other = TargetScale.of("X", y, weights), TargetScale.of("X", y.repeat(weights, axis=0))
    np.testing.assert_allclose(one.mean, other.mean)
    np.testing.assert_allclose(one.spread, other.spread)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e300, -7e-5])
def test_a_constant_is_learnt_as_0(constant: float) -> None:
    y = np.full((1000, 1), constant)
    scale = TargetScale.of("X", y)
    assert scale.spread == 1
    np.testing.assert_allclose(scale.unscaled(scale.scaled(y)), y)


def test_a_column_without_targets_is_said() -> None:
    with pytest.raises(ValueError, match=r"X: got no target in column 1 of y"):
        TargetScale.of("X", np.array([[1.0, np.nan], [2.0, np.nan]]))


def test_none_leaves_targets_as_they_are() -> None:
    y = np.array([[3.0, -4.0]])
    np.testing.assert_array_equal(TargetScale.none(2).scaled(y), y)
    np.testing.assert_array_equal(TargetScale.none(2).unscaled(y), y)
