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


def test_average_pool_hands_out_equal_parts() -> None:
    x = np.array([[1.0, 3.0, 8.0], [3.0, 5.0, 0.0]]).reshape(1, 2, 3, 1)
    np.testing.assert_array_equal(loops.average_pool2d_forward(x, (2, 2), (1, 1)).ravel(), [3.0, 4.0])
    dx = loops.average_pool2d_backward(x, np.array([4.0, 8.0]).reshape(1, 1, 2, 1), (2, 2), (1, 1))
    np.testing.assert_array_equal(dx.reshape(2, 3), [[1.0, 3.0, 2.0], [1.0, 3.0, 2.0]])


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


def test_mean_squared_error_without_a_label() -> None:
    loss, gradient = loops.mean_squared_error(np.ones((2, 1)), np.full((2, 1), np.nan))
    assert loss == 0.0
    np.testing.assert_array_equal(gradient, [[0.0], [0.0]])
    loss, gradient = loops.mean_squared_error(np.array([[1.0, 2.0]]), np.array([[0.0, 5.0]]))
    assert loss == 5.0  # (1 + 9) / 2
    np.testing.assert_array_equal(gradient, [[1.0, -3.0]])


def test_stride_and_padding_of_height_and_width() -> None:
    """Height: stride 2, padding 1; width: stride 3, padding 2. A pixel's value says where it is."""
    x = 10.0 * np.arange(1, 4).reshape(1, 3, 1, 1) + np.arange(1, 6).reshape(1, 1, 5, 1)
    weight = np.array([[1.0, 100.0], [10000.0, 1000000.0]]).reshape(2, 2, 1, 1)
    y = loops.conv2d_forward(x, weight, None, (2, 3), (1, 2))
    # Windows begin at rows -1 and 1, and at columns -2, 1 and 4.
    expected = [[0, 13120000, 150000], [0, 33322322, 350025]]
    np.testing.assert_array_equal(y[0, :, :, 0], expected)
    dx, dweight, _ = loops.conv2d_backward(x, weight, np.ones_like(y), (2, 3), (1, 2))
    in_windows = [[0, 1e4, 1e6, 0, 1e4], [0, 1, 100, 0, 1], [0, 1e4, 1e6, 0, 1e4]]
    np.testing.assert_array_equal(dx[0, :, :, 0], in_windows)
    np.testing.assert_array_equal(dweight[:, :, 0, 0], [[22 + 25, 23], [12 + 15 + 32 + 35, 13 + 33]])


def test_max_pool_of_height_and_width() -> None:
    x = np.array([[0.0, 9.0, 1.0, 2.0, 3.0], [4.0, 0.0, 8.0, 0.0, 7.0], [0.0, 5.0, 0.0, 6.0, 0.0]]).reshape(1, 3, 5, 1)
    y = loops.max_pool2d_forward(x, (2, 3), (1, 2))
    np.testing.assert_array_equal(y[0, :, :, 0], [[9.0, 8.0], [8.0, 8.0]])
    dx = loops.max_pool2d_backward(x, np.array([[1.0, 10.0], [100.0, 1000.0]]).reshape(1, 2, 2, 1), (2, 3), (1, 2))
    np.testing.assert_array_equal(dx[0, :, :, 0], [[0, 1, 0, 0, 0], [0, 0, 1110, 0, 0], [0, 0, 0, 0, 0]])


def test_updates() -> None:
    """One step, with numbers that are exact in binary."""
    assert loops.sgd_update(8.0, 2.0, 4.0, 0.5, 0.25, 0.5, nesterov=False) == (5.0, 6.0)  # g = 4, v = 2 + 4
    assert loops.sgd_update(8.0, 2.0, 4.0, 0.5, 0.25, 0.5, nesterov=True) == (4.5, 6.0)  # g + 0.5 v = 7
    # m = 0.5 * 2 + 0.5 * 4 = 3, v = 0.75 * 4 + 0.25 * 16 = 7; at step 1: m / 0.5 = 6, v / 0.25 = 28
    w, m, v = loops.adam_update(1.0, 4.0, 2.0, 4.0, 1, 0.5, 0.5, (0.5, 0.75), 0.0)
    assert (m, v) == (3.0, 7.0)
    assert w == 0.75 - 0.5 * 6 / 28**0.5
