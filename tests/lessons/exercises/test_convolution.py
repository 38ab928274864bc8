"""Lesson 2: what `check` takes for right is what the library computes."""

from __future__ import annotations

import numpy as np

from nnscratch.kernels import loops
from nnscratch.kernels.layerwise import im2col
from nnscratch.lessons.exercises import convolution


def test_the_convolution() -> None:
    for x, weight, bias, padding in convolution.CONV_FORWARD.cases(np.random.default_rng(0)):
        y = loops.conv2d_forward(x, weight, bias, (1, 1), (padding, padding))
        np.testing.assert_allclose(convolution.conv_forward(x, weight, bias, padding), y)


def test_columns() -> None:
    for image, k in convolution.IM2COL.cases(np.random.default_rng(0)):
        np.testing.assert_array_equal(convolution.im2col(image, k), im2col.im2col(image, (k, k), (1, 1)))


def test_the_gradient_of_the_kernel() -> None:
    for x, dy, k in convolution.CONV_DWEIGHT.cases(np.random.default_rng(0)):
        weight = np.zeros((k, k, x.shape[3], dy.shape[3]))
        _, dweight, _ = loops.conv2d_backward(x, weight, dy, (1, 1), (0, 0))
        np.testing.assert_allclose(convolution.conv_dweight(x, dy, k), dweight)
