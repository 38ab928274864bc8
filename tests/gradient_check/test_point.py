"""A network at one point: L, its size, and the gradients of the second of two steps."""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.gradient_check.point import Point


def point(*layers: nn.Layer, loss: nn.MSELoss | None = None) -> Point:
    network = nn.Sequential(*(layer.astype(np.float64) for layer in layers))
    x = np.array([[1.0, -2.0, 3.0]])
    y = network.forward(x)
    return Point(network, x, np.ones_like(y), loss, np.zeros_like(y) if loss else None)


def test_without_a_loss_L_is_the_sum_of_dy_times_y() -> None:
    at = point(nn.Flatten())
    assert at.value() == 2.0
    assert at.size() == 6.0  # 1 + 2 + 3: what rounds
    np.testing.assert_array_equal(at.gradients()["x"][1], np.ones((1, 3)))


def test_with_a_loss_L_is_the_loss() -> None:
    at = point(nn.Flatten(), loss=nn.MSELoss())
    assert at.value() == pytest.approx(14 / 3)
    assert at.size() == at.value()


def test_dropout_keeps_its_mask() -> None:
    at = point(nn.Dropout(0.5, rng=3))
    first = at.value()
    assert {at.value() for _ in range(20)} == {first}
    x, dx = at.gradients()["x"]
    assert float((x * dx).sum()) == first


def test_arrays_are_the_networks_own() -> None:
    at = point(nn.Dense(3, 2, rng=0))
    weight, gradient = at.gradients()["layer 0 weight"]
    assert weight is at.network.layers[0].params["weight"]
    np.testing.assert_allclose(gradient, at.x.T @ at.dy)


def test_gradients_are_those_of_the_second_step() -> None:
    class Counting(nn.Flatten):
        steps = 0

        def backward(self, dy: np.ndarray) -> np.ndarray:
            self.steps += 1
            return super().backward(dy) * self.steps

    assert point(Counting()).gradients()["x"][1].tolist() == [[2.0, 2.0, 2.0]]
