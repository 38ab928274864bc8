"""Lesson 1: what `check` takes for right is what the library computes."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from nnscratch.lessons.exercises import gradients


def test_the_slope_of_a_known_function() -> None:
    assert abs(gradients.slope(np.sin, 1.0, 1e-5) - np.cos(1.0)) < 1e-9


def test_the_loss_and_its_gradient() -> None:
    rng = np.random.default_rng(0)
    for prediction, target in gradients.MSE_LOSS.cases(rng):
        loss = nn.MSELoss()
        assert np.isclose(gradients.mse_loss(prediction, target), loss.forward(prediction, target))
        np.testing.assert_allclose(gradients.mse_gradient(prediction, target), loss.backward())


def test_the_dense_layer() -> None:
    rng = np.random.default_rng(0)
    for x, weight, dy in gradients.DENSE_BACKWARD.cases(rng):
        layer = nn.Dense(*weight.shape, dtype=np.float64)
        layer.params["weight"][:], layer.params["bias"][:] = weight, rng.standard_normal(weight.shape[1])
        y = layer.forward(x, training=True)
        np.testing.assert_allclose(gradients.dense_forward(x, weight, layer.params["bias"]), y)
        dx, dweight, dbias = gradients.dense_backward(x, weight, dy)
        np.testing.assert_allclose(dx, layer.backward(dy))
        np.testing.assert_allclose(dweight, layer.grads["weight"])
        np.testing.assert_allclose(dbias, layer.grads["bias"])


def test_a_step_downhill_is_that_of_sgd() -> None:
    model = nn.Sequential(nn.Dense(2, 3, rng=0, dtype=np.float64))
    weight = model.layers[0].params["weight"]
    before, dweight = weight.copy(), np.random.default_rng(0).standard_normal((2, 3))
    model.layers[0].grads.update(weight=dweight, bias=np.zeros(3))
    nn.SGD(model, lr=0.1).step()
    np.testing.assert_allclose(weight, gradients.descend(before, dweight, 0.1))
