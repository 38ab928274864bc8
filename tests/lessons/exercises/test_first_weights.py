"""Lesson 4: what `check` takes for right is what the library computes."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from nnscratch.diagnosis.spread import spread
from nnscratch.lessons.exercises import first_weights


def test_the_spread_is_the_doctors() -> None:
    for (y,) in first_weights.SPREAD.cases(np.random.default_rng(0)):
        np.testing.assert_allclose(first_weights.spread(y), spread(y), atol=1e-12)


def test_the_weights_are_drawn_as_the_initializers_draw_them() -> None:
    weight = first_weights.first_weights(200, 300, np.sqrt(2), np.random.default_rng(3))
    drawn = nn.initializers.he_normal()((200, 300), np.random.default_rng(3))
    np.testing.assert_allclose(weight, drawn)


def test_they_keep_the_spread_of_a_layers_outputs() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((500, 400))
    assert abs(first_weights.spread(x @ first_weights.first_weights(400, 400, 1.0, rng)) - 1) < 0.02


def test_the_slopes_of_the_bends() -> None:
    rng = np.random.default_rng(0)
    for layer, backward in (
        (nn.Tanh(), first_weights.tanh_backward),
        (nn.Sigmoid(), first_weights.sigmoid_backward),
    ):
        x, dy = rng.normal(0, 2, (4, 5)), rng.standard_normal((4, 5))
        y = layer.forward(x, training=True)
        np.testing.assert_allclose(backward(y, dy), layer.backward(dy), rtol=1e-12)
