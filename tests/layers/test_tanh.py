from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn


def test_equal_to_the_formula_and_its_derivative() -> None:
    rng = np.random.default_rng(0)
    x, dy = rng.uniform(-10, 10, (3, 4, 2)), rng.standard_normal((3, 4, 2))
    layer = nn.Tanh()
    up, down = np.exp(x), np.exp(-x)
    y = (up - down) / (up + down)
    np.testing.assert_allclose(layer.forward(x, training=True), y, rtol=1e-12)
    np.testing.assert_allclose(layer.backward(dy), dy * 4 / (up + down) ** 2, rtol=1e-6, atol=1e-15)


def test_it_is_a_sigmoid_stretched_and_shifted() -> None:
    x = np.linspace(-8, 8, 65)
    np.testing.assert_allclose(nn.Tanh().forward(x), 2 * nn.Sigmoid().forward(2 * x) - 1, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_out_nothing_overflows_and_the_ends_are_exact(dtype: type) -> None:
    largest, tiny = np.finfo(dtype).max, np.finfo(dtype).tiny
    x = np.array([[-largest, -100.0, -tiny, 0.0, tiny, 100.0, largest]], dtype)
    with np.errstate(all="raise"):
        y = (layer := nn.Tanh()).forward(x, training=True)
        dx = layer.backward(np.ones_like(x))
    assert y.dtype == dx.dtype == dtype
    assert y[0].tolist() == [-1, -1, -tiny, 0, tiny, 1, 1]
    assert dx[0].tolist() == [0, 0, 1, 1, 1, 0, 0]
