"""What the wrong dense layers write, beside the formula."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from nnscratch.gradient_check.broken_rules.dense import AccumulatedGradients, DividedTwice, TransposedWeight, WrongSign

X, DY = np.random.default_rng(0).random((2, 3, 4))


def step(layer: nn.Layer) -> np.ndarray:
    layer.forward(X, training=True)
    return layer.backward(DY)


def layers(kind: type[nn.Dense]) -> tuple[nn.Dense, nn.Dense]:
    return nn.Dense(4, 4, rng=1, dtype=np.float64), kind(4, 4, rng=1, dtype=np.float64)


def test_the_sign_of_the_weights_gradient_alone() -> None:
    right, wrong = layers(WrongSign)
    np.testing.assert_array_equal(step(right), step(wrong))
    np.testing.assert_allclose(wrong.grads["weight"], -right.grads["weight"])
    np.testing.assert_allclose(wrong.grads["bias"], right.grads["bias"])


def test_the_weight_not_transposed() -> None:
    right, wrong = layers(TransposedWeight)
    step(right)
    np.testing.assert_allclose(step(wrong), DY @ right.params["weight"])
    np.testing.assert_allclose(wrong.grads["weight"], right.grads["weight"])


def test_divided_by_the_rows() -> None:
    right, wrong = layers(DividedTwice)
    np.testing.assert_array_equal(step(right), step(wrong))
    for name in ("weight", "bias"):
        np.testing.assert_allclose(3 * wrong.grads[name], right.grads[name])


def test_added_to_what_was_there() -> None:
    right, wrong = layers(AccumulatedGradients)
    for steps in (1, 2, 3):
        np.testing.assert_array_equal(step(right), step(wrong))
        for name in ("weight", "bias"):
            np.testing.assert_allclose(wrong.grads[name], steps * right.grads[name])
