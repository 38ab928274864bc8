"""The reference itself, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np

from nnscratch.kernels import loops


def test_dense() -> None:
    x, weight, bias = np.array([[1.0, 2.0]]), np.array([[3.0, 0.0], [-1.0, 1.0]]), np.array([0.5, 0.0])
    np.testing.assert_array_equal(loops.dense_forward(x, weight, bias), [[1.5, 2.0]])
    dx, dweight, dbias = loops.dense_backward(x, weight, np.array([[1.0, 10.0]]))
    np.testing.assert_array_equal(dx, [[3.0, 9.0]])
    np.testing.assert_array_equal(dweight, [[1.0, 10.0], [2.0, 20.0]])
    np.testing.assert_array_equal(dbias, [1.0, 10.0])


def test_convolution_of_one_pixel_with_padding() -> None:
    x, weight = np.full((1, 1, 1, 1), 2.0), np.arange(9.0).reshape(3, 3, 1, 1)
    y = loops.conv2d_forward(x, weight, np.array([1.0]), (1, 1), (1, 1))
    np.testing.assert_array_equal(y, [[[[9.0]]]])  # only the middle weight, 4, meets the pixel
    dx, dweight, dbias = loops.conv2d_backward(x, weight, np.ones((1, 1, 1, 1)), (1, 1), (1, 1))
    assert (dx.item(), dweight.sum(), dweight[1, 1, 0, 0], dbias.item()) == (4.0, 2.0, 2.0, 1.0)


def test_convolution_does_not_flip_the_kernel() -> None:
    x, weight = np.array([1.0, 2.0, 4.0]).reshape(1, 1, 3, 1), np.array([10.0, 1.0]).reshape(1, 2, 1, 1)
    np.testing.assert_array_equal(loops.conv2d_forward(x, weight, None, (1, 1), (0, 0)).ravel(), [12.0, 24.0])


def test_max_pool_first_of_equals_takes_all() -> None:
    x = np.array([[1.0, 3.0], [3.0, 2.0]]).reshape(1, 2, 2, 1)
    assert loops.max_pool2d_forward(x, (2, 2), (2, 2)).item() == 3.0
    dx = loops.max_pool2d_backward(x, np.full((1, 1, 1, 1), 5.0), (2, 2), (2, 2))
    np.testing.assert_array_equal(dx.reshape(2, 2), [[0.0, 5.0], [0.0, 0.0]])


def test_relu_and_dropout() -> None:
    x = np.array([-1.0, 0.0, 2.0])
    np.testing.assert_array_equal(loops.relu_forward(x), [0.0, 0.0, 2.0])
    np.testing.assert_array_equal(loops.relu_backward(x, np.ones(3)), [0.0, 0.0, 1.0])
    np.testing.assert_array_equal(loops.dropout_forward(x, np.array([True, True, False]), 0.75), [-4.0, 0.0, 0.0])


def test_normalization() -> None:
    x, dy = np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[4.0, 0.0, 0.0, 0.0]])  # mean 1, standard deviation 1
    np.testing.assert_array_equal(loops.normalize_forward(x, 3.0, 0.5), [[-3.0, -3.0, 3.0, 3.0]])
    np.testing.assert_array_equal(loops.normalize_backward(x, dy, 3.0, 0.5), [[6.0, -6.0, 0.0, 0.0]])
    np.testing.assert_array_equal(loops.normalize_forward(x, 3.0, 2.0), [[-1.5, -1.5, 1.5, 1.5]])
    np.testing.assert_array_equal(loops.normalize_backward(x, dy, 3.0, 2.0), [[4.5, -1.5, -1.5, -1.5]])


def test_mean_squared_error() -> None:
    loss, gradient = loops.mean_squared_error(np.array([[1.0, 5.0]]), np.array([[3.0, np.nan]]))
    assert loss == 4.0
    np.testing.assert_array_equal(gradient, [[-4.0, 0.0]])
