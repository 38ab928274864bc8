"""Bias and ReLU of a dense layer in one pass, against the textbook loops."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels import loops
from nnscratch.kernels.bias_relu import add_bias_relu, relu_backward


@pytest.mark.parametrize("columns", [1, 16, 35])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forward(dtype: type, biased: bool, relu: bool, columns: int) -> None:
    rng = np.random.default_rng(0)
    y, bias = (rng.standard_normal(shape).astype(dtype) for shape in ((4, columns), columns if biased else 0))
    z = y + bias if biased else y.copy()
    add_bias_relu(y, bias, relu)
    np.testing.assert_array_equal(y, loops.relu_forward(z) if relu else z)


def test_forward_keeps_nan_and_infinity() -> None:
    y = np.array([[np.nan, np.inf, -np.inf, 0.0, -0.0]])
    add_bias_relu(y, np.zeros(5), True)
    np.testing.assert_array_equal(y, [[np.nan, np.inf, 0, 0, 0]])


@pytest.mark.parametrize("columns", [1, 16, 35])
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_backward(dtype: type, in_place: bool, columns: int) -> None:
    rng = np.random.default_rng(0)
    z, dy = (rng.standard_normal((4, columns)).astype(dtype) for _ in range(2))
    z[1] = 0  # closed
    expected = loops.relu_backward(z, dy)
    dz, dbias = dy if in_place else np.full_like(dy, 9), np.full(columns, 9, dtype)
    relu_backward(dy, loops.relu_forward(z), dz, dbias)
    np.testing.assert_array_equal(dz, expected)
    np.testing.assert_allclose(dbias, expected.sum(axis=0), rtol=1e-5 if dtype == np.float32 else 1e-13, atol=1e-6)
