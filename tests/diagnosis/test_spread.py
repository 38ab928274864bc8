"""rms and spread against NumPy, whole and in batches."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nnscratch.diagnosis.spread import RunningSpread, rms, spread, variance_of_labels


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e25])
def test_rms_of_any_size(size: float) -> None:
    """The squares of the first and the last leave float32."""
    x = (size * np.random.default_rng(0).standard_normal((30, 7))).astype(np.float32)
    assert rms(x) == pytest.approx(np.sqrt(np.mean(np.square(x, dtype=np.float64))), rel=1e-6)
    assert rms(x[:0]) == 0


def test_equal_rows_have_no_spread() -> None:
    points = np.full((5, 15, 2), 33.3, np.float32)
    assert spread(points) == 0
    points[0] += 5
    assert spread(points) == pytest.approx(2)  # deviations 4, -1, -1, -1, -1: variance 20 / 5


def test_spread_is_over_images_not_over_units() -> None:
    x = np.random.default_rng(0).standard_normal((50, 4, 3))
    assert spread(x) == pytest.approx(math.sqrt(x.var(axis=0).mean()))
    assert spread(np.broadcast_to(x[:1].astype(np.float32) * 1e6, x.shape)) == 0


def test_variance_of_labels_leaves_out_what_has_none() -> None:
    y = np.array([[1.0, 4.0], [3.0, np.nan], [np.inf, np.nan]])
    assert variance_of_labels(y) == pytest.approx((1 + 1 + 0) / 3)
    assert math.isnan(variance_of_labels(np.full((3, 2), np.nan)))


def test_running_spread_in_batches_is_that_of_all_images() -> None:
    x = 1000 + np.random.default_rng(0).standard_normal((70, 5)).astype(np.float32)
    running = RunningSpread()
    for start in range(0, 70, 32):
        running.add(x[start : start + 32])
    assert running.count == 70
    assert running.spread == pytest.approx(spread(x), rel=1e-6)
    assert running.rms == pytest.approx(rms(x), rel=1e-6)
    np.testing.assert_allclose(running.per_unit, x.std(axis=0, dtype=np.float64), rtol=1e-6)


def test_running_spread_of_maps_takes_a_channel_for_a_unit() -> None:
    x = np.random.default_rng(0).standard_normal((40, 8, 8, 2)) * [1.0, 3.0]
    running = RunningSpread()
    running.add(x)
    np.testing.assert_allclose(running.per_unit, np.sqrt(x.var(axis=0).mean(axis=(0, 1))))


def test_running_spread_of_nothing() -> None:
    assert math.isnan(RunningSpread().spread)
    assert math.isnan(RunningSpread().rms)
