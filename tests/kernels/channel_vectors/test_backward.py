"""Convolution + bias + ReLU + max pooling in one pass: gradients against the textbook loops."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels import choice
from nnscratch.kernels.channel_vectors.backward import backward
from nnscratch.kernels.memory import Scratch


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_equal_to_the_loops(conv_relu_pool, kernels, case, dtype, tolerance) -> None:
    shape, c_out, kernel_size, padding = case
    x, weight, bias = conv_relu_pool.arrays(shape, c_out, kernel_size, dtype)
    z, y, _ = conv_relu_pool.forward(x, weight, bias, padding)
    _, argmax = kernels.forward(x, weight, bias, padding)
    dy = np.random.default_rng(2).standard_normal(y.shape).astype(dtype)
    wanted = conv_relu_pool.backward(x, weight, z, dy, padding)
    for got, want in zip(kernels.backward(x, weight, dy, argmax, padding), wanted, strict=True):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * 10)


def test_the_first_in_reading_order_gets_the_gradient_of_a_tie(conv_relu_pool, kernels) -> None:
    draw = conv_relu_pool.small_integers(3)
    x, weight, bias = conv_relu_pool.arrays((3, 9, 10, 8), 5, (2, 3), np.float32, draw)
    z, y, winners = conv_relu_pool.forward(x, weight, bias)
    assert conv_relu_pool.ties(z).any()
    dy = np.random.default_rng(4).integers(-4, 5, y.shape).astype(np.float32)
    got = kernels.backward(x, weight, dy, winners.astype(np.uint8))
    for gradient, want in zip(got, conv_relu_pool.backward(x, weight, z, dy), strict=True):
        np.testing.assert_array_equal(gradient, want)


def test_no_winner_no_gradient(conv_relu_pool, kernels) -> None:
    x, weight, _ = conv_relu_pool.arrays((2, 6, 6, 3), 4, (3, 3), np.float64)
    y, argmax = kernels.forward(x, weight, np.full(4, -1e3))
    for gradient in kernels.backward(x, weight, np.ones_like(y), argmax):
        assert not gradient.any()


def test_without_input_gradient(conv_relu_pool, kernels) -> None:
    x, weight, bias = conv_relu_pool.arrays((2, 6, 6, 3), 4, (3, 3), np.float64)
    y, argmax = kernels.forward(x, weight, bias)
    _, dweight, dbias = kernels.backward(x, weight, y, argmax)
    alone, dbias_alone = np.empty_like(weight), np.empty_like(bias)
    backward(x, weight, y, argmax, (0, 0), alone, dbias_alone, None, Scratch())
    np.testing.assert_array_equal(alone, dweight)
    np.testing.assert_array_equal(dbias_alone, dbias)


@pytest.mark.parametrize("padding", [(0, 0), (1, 2)])
def test_non_contiguous_arrays_give_the_same_bits(conv_relu_pool, kernels, padding) -> None:
    x, weight, bias = conv_relu_pool.arrays((3, 8, 7, 2), 3, (3, 2), np.float64)
    strided = np.repeat(np.repeat(x, 2, axis=0), 2, axis=2)[::2, :, ::2]
    y, argmax = kernels.forward(x, weight, bias, padding)
    expected = kernels.backward(x, weight, y, argmax, padding)
    got = kernels.backward(strided, np.asfortranarray(weight), np.asfortranarray(y), argmax, padding)
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_array_equal(a, b)
    dx, dweight = np.empty_like(x, order="F"), np.empty_like(weight, order="F")
    backward(x, weight, y, argmax, padding, dweight, np.empty(3), dx, Scratch())
    np.testing.assert_array_equal(dx, expected[0])
    np.testing.assert_array_equal(dweight, expected[1])


def test_nan_shows(conv_relu_pool, kernels) -> None:
    x, weight, bias = conv_relu_pool.arrays((1, 5, 5, 8), 4, (2, 2), np.float32)
    x[0, 0, 0, 0] = np.nan
    y, argmax = kernels.forward(x, weight, bias)
    _, dweight, _ = kernels.backward(x, weight, np.ones_like(y), argmax)
    assert np.isnan(dweight).any()


@pytest.mark.parametrize(("channels", "c_out"), [(16, 24), (1, 128)], ids=["by run", "by channel"])
def test_same_bits_on_any_number_of_threads_and_with_a_used_scratch(conv_relu_pool, kernels, channels, c_out) -> None:
    """Images large enough for several blocks, parts and slabs, the last of each smaller."""
    x, weight, bias = conv_relu_pool.arrays((19, 59, 57, channels), c_out, (3, 3), np.float32)
    assert choice.weight_gradient_by_channel(weight.shape, x.dtype) == (channels == 1)
    y, argmax = kernels.forward(x, weight, bias, (1, 1))
    kernels.assert_same_bits_on_any_number_of_threads(
        lambda scratch: kernels.backward(x, weight, y, argmax, (1, 1), scratch)
    )


def test_many_images_against_a_sum_written_in_one_line(conv_relu_pool, kernels) -> None:
    """Several blocks of images in a partial sum, several slabs in a block."""
    x, weight, bias = conv_relu_pool.arrays((50, 20, 21, 9), 6, (3, 2), np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 2), axis=(1, 2))  # (N, H_out, W_out, C, i, j)
    y, argmax = kernels.forward(x, weight, bias)
    g = np.zeros((50, 18, 20, 6))  # the gradient of z: y, taken for dy, at the winner's place
    for place in range(4):
        g[:, place // 2 :: 2, place % 2 :: 2] = np.where(argmax == place, y, 0)
    _, dweight, dbias = kernels.backward(x, weight, y, argmax)
    np.testing.assert_allclose(dweight, np.einsum("nhwcij,nhwo->ijco", windows, g, optimize=True), rtol=1e-10)
    np.testing.assert_allclose(dbias, g.sum(axis=(0, 1, 2)), rtol=1e-10)


@pytest.mark.parametrize("padding", [(0, 0), (1, 2)])
@pytest.mark.parametrize("images", [1, 3, 21])
def test_dx_may_take_the_place_of_x(conv_relu_pool, kernels, images: int, padding: tuple[int, int]) -> None:
    x, weight, bias = conv_relu_pool.arrays((images, 6, 7, 3), 5, (2, 3), np.float32)
    y, argmax = kernels.forward(x, weight, bias, padding)
    expected = kernels.backward(x, weight, y, argmax, padding)
    dweight, dbias = np.empty_like(weight), np.empty_like(bias)
    backward(x, weight, y, argmax, padding, dweight, dbias, x, Scratch())
    for got, wanted in zip((x, dweight, dbias), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)
