"""What the wrong layers for images write, beside the formula."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from nnscratch.gradient_check.broken_rules.images import BiasOverTooFewAxes, EveryTie, ShiftedBorder

RNG = np.random.default_rng(0)


def test_dx_is_moved_by_the_padding() -> None:
    right, wrong = (kind(1, 2, 3, padding=1, rng=1, dtype=np.float64) for kind in (nn.Conv2D, ShiftedBorder))
    x, dy = RNG.random((2, 5, 4, 1)), RNG.random((2, 5, 4, 2))
    right.forward(x, training=True)
    wrong.forward(x, training=True)
    dx, wrong_dx = right.backward(dy), wrong.backward(dy)
    np.testing.assert_allclose(wrong_dx[:, 1:, 1:], dx[:, :-1, :-1])
    np.testing.assert_array_equal(wrong.grads["weight"], right.grads["weight"])


def test_dbias_is_that_of_the_first_column() -> None:
    wrong = BiasOverTooFewAxes(1, 2, 2, rng=1, dtype=np.float64)
    dy = RNG.random((3, 4, 4, 2))
    for backward in (wrong.backward, wrong.backward_parameters):
        wrong.forward(RNG.random((3, 5, 5, 1)), training=True)
        backward(dy)
        np.testing.assert_allclose(wrong.grads["bias"], dy[:, :, 0].sum(axis=(0, 1)))


def test_every_maximum_gets_dy() -> None:
    layer = EveryTie(2)
    x = np.array([[1.0, 1.0, 5.0, 2.0, 9.0], [1.0, 0.0, 2.0, 5.0, 9.0]]).reshape(1, 2, 5, 1)
    layer.forward(x, training=True)
    dx = layer.backward(np.array([10.0, 20.0]).reshape(1, 1, 2, 1))
    np.testing.assert_array_equal(dx.reshape(2, 5), [[10, 10, 20, 0, 0], [10, 0, 0, 20, 0]])


def test_without_ties_pooling_is_right() -> None:
    x, dy = RNG.permutation(48).reshape(1, 4, 6, 2).astype(float), RNG.random((1, 2, 3, 2))
    right, wrong = nn.MaxPool2D(2), EveryTie(2)
    right.forward(x, training=True)
    wrong.forward(x, training=True)
    np.testing.assert_array_equal(right.backward(dy), wrong.backward(dy))
