"""Lesson 5: what `check` takes for right is what the library computes."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from nnscratch.lessons.exercises import dropout_and_weight_decay as lesson


def test_dropout_is_the_layers() -> None:
    layer = nn.Dropout(0.3, rng=5)
    x = np.random.default_rng(0).uniform(1, 2, (4000, 5))
    theirs = layer.forward(x, training=True)
    mask = lesson.dropout_mask(0.3, np.random.default_rng(5).random(x.shape))
    assert {*np.unique((theirs / x).round(9))} == {*np.unique(mask.round(9))}
    assert abs((theirs > 0).mean() - (mask > 0).mean()) < 0.01
    dy = np.random.default_rng(1).standard_normal(x.shape)
    np.testing.assert_allclose(lesson.dropout_backward(dy, theirs / x), layer.backward(dy))


def test_the_noise_is_what_many_masks_make() -> None:
    rng = np.random.default_rng(0)
    h, weight = rng.standard_normal((1, 30)), rng.standard_normal((30, 3))
    layer = nn.Dropout(0.4, rng=1)
    outputs = layer.forward(np.repeat(h, 40_000, axis=0), training=True) @ weight
    np.testing.assert_allclose(outputs.std(axis=0), lesson.dropout_noise(h, weight, 0.4)[0], rtol=0.02)


def test_the_gradient_of_the_noise_by_finite_differences() -> None:
    for h, weight, p in lesson.NOISE_GRADIENT.cases(np.random.default_rng(0)):
        gradient = lesson.noise_gradient(h, weight, p)
        for index in np.ndindex(*h.shape):
            moved = [h.copy(), h.copy()]
            moved[0][index] += 1e-5
            moved[1][index] -= 1e-5
            above, below = ((lesson.dropout_noise(each, weight, p) ** 2).mean() for each in moved)
            assert np.isclose(gradient[index], (above - below) / 2e-5, rtol=1e-6)


def test_a_step_with_decay_is_that_of_sgd() -> None:
    model = nn.Sequential(nn.Dense(2, 3, rng=0, dtype=np.float64))
    weight = model.layers[0].params["weight"]
    before, dweight = weight.copy(), np.random.default_rng(0).standard_normal((2, 3))
    model.layers[0].grads.update(weight=dweight, bias=np.zeros(3))
    nn.SGD(model, lr=0.1, weight_decay=0.2).step()
    np.testing.assert_allclose(weight, lesson.decayed_step(before, dweight, 0.1, 0.2))
