"""Lesson 3: what `check` takes for right is what the library computes."""

from __future__ import annotations

import numpy as np

from nnscratch.kernels import loops
from nnscratch.lessons.exercises import relu_and_pooling


def test_relu() -> None:
    for x, dy in relu_and_pooling.RELU_BACKWARD.cases(np.random.default_rng(0)):
        np.testing.assert_array_equal(relu_and_pooling.relu_backward(x, dy), loops.relu_backward(x, dy))


def test_max_pooling_also_with_ties_and_a_rest() -> None:
    ties = rests = 0
    for x, dy, size in relu_and_pooling.MAX_POOL_BACKWARD.cases(np.random.default_rng(0)):
        four = loops.max_pool2d_backward(x[None, :, :, None], dy[None, :, :, None], (size, size), (size, size))
        np.testing.assert_array_equal(relu_and_pooling.max_pool_backward(x, dy, size), four[0, :, :, 0])
        ties += len(np.unique(x)) < x.size
        rests += x.shape[0] % size > 0
    assert ties
    assert rests


def test_silent_units_are_those_of_whole_columns() -> None:
    y = np.array([[0.0, 0.0, 1.0], [0.0, 2.0, 3.0]])
    np.testing.assert_array_equal(relu_and_pooling.silent_units(y), [True, False, False])
