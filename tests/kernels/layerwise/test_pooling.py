"""The compiled poolings against the textbook loops."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels import loops
from nnscratch.kernels.layerwise.pooling import (
    average_pool2d_backward,
    average_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
)

# (image shape, window, stride)
CASES = [
    ((2, 6, 4, 3), (2, 2), (2, 2)),
    ((1, 7, 5, 1), (2, 2), (2, 2)),  # a last partial window in both directions
    ((5, 7, 6, 2), (3, 3), (2, 2)),  # windows that overlap
    ((2, 5, 9, 2), (1, 3), (2, 4)),  # windows with gaps between them
    ((1, 3, 3, 2), (3, 3), (3, 3)),
    ((1, 20, 20, 1), (17, 17), (1, 1)),  # more than 256 places in a window
    ((0, 4, 4, 2), (2, 2), (2, 2)),
]


@pytest.mark.parametrize(("shape", "pool_size", "stride"), CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("ties", [False, True])
def test_equal_to_the_loops(shape, pool_size, stride, dtype, ties) -> None:
    rng = np.random.default_rng(1)
    x = (rng.integers(0, 3, shape) if ties else rng.standard_normal(shape)).astype(dtype)
    y, argmax = max_pool2d_forward(x, pool_size, stride)
    np.testing.assert_array_equal(y, loops.max_pool2d_forward(x, pool_size, stride))
    dy = rng.standard_normal(y.shape).astype(dtype)
    dx = max_pool2d_backward(dy, argmax, x.shape, pool_size, stride)
    np.testing.assert_allclose(dx, loops.max_pool2d_backward(x, dy, pool_size, stride), rtol=1e-5, atol=1e-6)
    assert y.dtype == dx.dtype == dtype


def test_non_contiguous_arrays() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((4, 3, 8, 6)).transpose(0, 2, 3, 1)
    y, argmax = max_pool2d_forward(x, (2, 2), (2, 2))
    np.testing.assert_array_equal(y, loops.max_pool2d_forward(x, (2, 2), (2, 2)))
    dy = np.asfortranarray(rng.standard_normal(y.shape))
    np.testing.assert_array_equal(
        max_pool2d_backward(dy, argmax, x.shape, (2, 2), (2, 2)), loops.max_pool2d_backward(x, dy, (2, 2), (2, 2))
    )


@pytest.mark.parametrize("pool_size", [(16, 16), (17, 16), (17, 17), (1, 300)])
def test_the_winner_may_be_any_place_of_a_large_window(pool_size) -> None:
    shape = (pool_size[0] * pool_size[1], *pool_size, 1)
    x = np.zeros(shape, np.float32)
    x.reshape(len(x), -1)[np.diag_indices(len(x))] = 1  # in image k, place k of the only window wins
    y, argmax = max_pool2d_forward(x, pool_size, pool_size)
    np.testing.assert_array_equal(argmax.ravel(), np.arange(len(x)))
    dx = max_pool2d_backward(y, argmax, shape, pool_size, pool_size)
    np.testing.assert_array_equal(dx, x)


@pytest.mark.parametrize("place", range(4))
def test_nan_wins(place: int) -> None:
    x = np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 2, 2, 1)
    x.flat[place] = np.nan
    y, _ = max_pool2d_forward(x, (2, 2), (2, 2))
    assert np.isnan(y).all()


@pytest.mark.parametrize(("shape", "pool_size", "stride"), CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_average_is_equal_to_the_loops(shape, pool_size, stride, dtype) -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape).astype(dtype)
    y = average_pool2d_forward(x, pool_size, stride)
    np.testing.assert_array_equal(y, loops.average_pool2d_forward(x, pool_size, stride))  # in the same order
    dy = rng.standard_normal(y.shape).astype(dtype)
    dx = average_pool2d_backward(dy, x.shape, pool_size, stride)
    np.testing.assert_array_equal(dx, loops.average_pool2d_backward(x, dy, pool_size, stride))
    assert y.dtype == dx.dtype == dtype


def test_the_average_of_non_contiguous_arrays() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((4, 3, 8, 6)).transpose(0, 2, 3, 1)
    y = average_pool2d_forward(x, (3, 2), (2, 2))
    np.testing.assert_array_equal(y, loops.average_pool2d_forward(x, (3, 2), (2, 2)))
    dy = np.asfortranarray(rng.standard_normal(y.shape))
    np.testing.assert_array_equal(
        average_pool2d_backward(dy, x.shape, (3, 2), (2, 2)), loops.average_pool2d_backward(x, dy, (3, 2), (2, 2))
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_the_average_shows_what_is_not_finite(value: float) -> None:
    x = np.zeros((1, 2, 4, 1))
    x[0, 1, 1, 0] = value
    y = average_pool2d_forward(x, (2, 2), (2, 2)).ravel()
    assert not np.isfinite(y[0])
    assert y[1] == 0
