"""Central differences: their accuracy, kinks seen, small steps tried, the array put back."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.gradient_check.differences import FIRST_STEP, numerical_gradient, relative_error, slope_at, slopes


def test_the_gradient_of_a_smooth_function() -> None:
    x = np.linspace(-1, 1, 6).reshape(2, 3)
    before = x.copy()
    gradient = numerical_gradient(lambda: float(np.sin(x).sum()), x)
    np.testing.assert_allclose(gradient, np.cos(before), atol=1e-8)
    np.testing.assert_array_equal(x, before)


def test_a_kink_close_by_is_stepped_around_and_one_at_the_point_is_seen() -> None:
    near, at = np.array([1e-4]), np.array([0.0])
    slope = slope_at(lambda: abs(near.item()), near, (0,), middle=1e-4, largest=1.0)
    assert slope.value == pytest.approx(1)
    assert slope.smooth
    assert slope.step < FIRST_STEP
    assert not slope_at(lambda: abs(at.item()), at, (0,), middle=0.0, largest=1.0).smooth


def test_one_entry_on_a_kink_makes_the_array_not_smooth() -> None:
    x = np.array([1.0, 0.0, 2.0])
    gradient, smooth = slopes(lambda: float(np.abs(x).sum()), x)
    assert not smooth
    np.testing.assert_allclose(gradient, [1, 0, 1], atol=1e-9)
    x[1] = 0.5
    assert slopes(lambda: float(np.abs(x).sum()), x)[1]


def test_slopes_that_rounding_explains_are_equal() -> None:
    rng, x = np.random.default_rng(0), np.array([1.0])

    def noisy() -> float:
        return x.item() + 1e-9 * rng.standard_normal()

    assert not slope_at(noisy, x, (0,), middle=1.0, largest=1e-3).smooth
    slope = slope_at(noisy, x, (0,), middle=1.0, largest=1e-3, rounding=1e-4)
    assert slope.step == FIRST_STEP / 4
    assert slope.value == pytest.approx(1, abs=1e-4)


def test_the_relative_error_of_arrays() -> None:
    a = np.array([3.0, 4.0])
    assert relative_error(a, a) == 0
    assert relative_error(a, 2 * a) == pytest.approx(1 / 3)
    assert relative_error(a, 0 * a) == 1
    assert relative_error(0 * a, 0 * a) == 0
    assert relative_error(a * 1e-14, 0 * a, rounding=1e-12) < 1e-7
