from __future__ import annotations

import math

import numpy as np
import pytest

import nnscratch as nn


def test_equal_to_the_formula_and_its_derivative() -> None:
    rng = np.random.default_rng(0)
    x, dy = rng.uniform(-20, 20, (3, 4, 2)), rng.standard_normal((3, 4, 2))
    layer = nn.Sigmoid()
    y = 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(layer.forward(x, training=True), y, rtol=1e-14)
    np.testing.assert_allclose(layer.backward(dy), dy * y * (1 - y), rtol=1e-12)


def test_left_and_right_add_up_to_one() -> None:
    x = np.linspace(-30, 30, 121)
    np.testing.assert_allclose(nn.Sigmoid().forward(x) + nn.Sigmoid().forward(-x), 1, rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_out_nothing_overflows_and_the_ends_are_exact(dtype: type) -> None:
    largest = np.finfo(dtype).max
    x = np.array([[-largest, -1e4, -100.0, 0.0, 100.0, 1e4, largest]], dtype)
    with np.errstate(all="raise"):
        y = (layer := nn.Sigmoid()).forward(x, training=True)
        dx = layer.backward(np.ones_like(x))
    assert y.dtype == dx.dtype == dtype
    assert y[0, [0, 1]].tolist() == [0, 0]
    assert y[0, 3:].tolist() == [0.5, 1, 1, 1]
    assert y[0, 2] == pytest.approx(math.exp(-100), rel=0.05 if dtype is np.float32 else 1e-14)  # below normal numbers
    assert dx[0, [0, 1, 4, 5, 6]].tolist() == [0] * 5
    assert dx[0, 3] == 0.25
