"""Lesson 9: what `check` takes for right stands the library's gradient check, as a layer."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from nnscratch.lessons.exercises import your_own_layer


class Normalised(nn.Layer):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.params.update(weight=np.linspace(1, 2, width), bias=np.ones(width))

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.x = x
        return your_own_layer.layer_norm(x, self.params["weight"], self.params["bias"])

    def backward(self, dy: np.ndarray) -> np.ndarray:
        dx, dweight, dbias = your_own_layer.layer_norm_backward(self.x, self.params["weight"], dy)
        self.grads.update(weight=dweight, bias=dbias)
        return dx

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape


def test_the_gradients_are_those_that_are_measured() -> None:
    errors = nn.gradient_check(Normalised(5), np.random.default_rng(0).standard_normal((4, 5)))
    assert set(errors) == {"x", "weight", "bias"}
    assert max(errors.values()) < 1e-7


def test_each_row_has_mean_0_and_spread_1() -> None:
    x = np.random.default_rng(0).normal(5, 3, (4, 50))
    y = your_own_layer.layer_norm(x, np.ones(50), np.zeros(50))
    np.testing.assert_allclose(y.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(y.std(axis=1), 1, atol=1e-5)
