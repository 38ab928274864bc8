"""Convolution + bias + ReLU + max pooling in one pass: forward, against the textbook loops one
after the other.
"""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels.channel_vectors.forward import forward, padded, pooled_size
from nnscratch.kernels.memory import Scratch
from nnscratch.kernels.pool_tiles import NO_WINNER


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_equal_to_the_loops(conv_relu_pool, kernels, case, dtype, tolerance) -> None:
    shape, c_out, kernel_size, padding = case
    x, weight, bias = conv_relu_pool.arrays(shape, c_out, kernel_size, dtype)
    _, expected, _ = conv_relu_pool.forward(x, weight, bias, padding)
    y, argmax = kernels.forward(x, weight, bias, padding)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(argmax == NO_WINNER, y == 0)


def test_the_first_in_reading_order_wins_a_tie(conv_relu_pool, kernels) -> None:
    draw = conv_relu_pool.small_integers(3)
    x, weight, bias = conv_relu_pool.arrays((3, 9, 10, 8), 5, (2, 3), np.float32, draw)
    z, expected, winners = conv_relu_pool.forward(x, weight, bias)
    assert (conv_relu_pool.ties(z) & (winners != NO_WINNER)).any()
    y, argmax = kernels.forward(x, weight, bias)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(argmax, winners)


def test_negative_outputs_give_zero_and_no_winner(conv_relu_pool, kernels) -> None:
    x, weight, _ = conv_relu_pool.arrays((2, 6, 6, 3), 4, (3, 3), np.float64)
    y, argmax = kernels.forward(x, weight, np.full(4, -1e3))
    assert not y.any()
    assert (argmax == NO_WINNER).all()


def test_without_bias(conv_relu_pool, kernels) -> None:
    x, weight, _ = conv_relu_pool.arrays((2, 6, 6, 3), 4, (3, 3), np.float64)
    for got, want in zip(kernels.forward(x, weight, None), kernels.forward(x, weight, np.zeros(4)), strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("padding", [(0, 0), (1, 2)])
def test_non_contiguous_arrays_give_the_same_bits(conv_relu_pool, kernels, padding) -> None:
    x, weight, bias = conv_relu_pool.arrays((3, 8, 7, 2), 3, (3, 2), np.float64)
    strided = np.repeat(np.repeat(x, 2, axis=0), 2, axis=2)[::2, :, ::2]
    assert not strided.flags.c_contiguous
    y, _ = kernels.forward(x, weight, bias, padding)
    np.testing.assert_array_equal(kernels.forward(strided, np.asfortranarray(weight), bias, padding)[0], y)


@pytest.mark.parametrize("name", ["y", "argmax"])
def test_results_must_be_contiguous(conv_relu_pool, name: str) -> None:
    x, weight, bias = conv_relu_pool.arrays((2, 6, 6, 3), 4, (3, 3), np.float64)
    results = {"y": np.empty((2, 2, 2, 4)), "argmax": np.empty((2, 2, 2, 4), np.uint8)}
    results[name] = np.asfortranarray(results[name])
    with pytest.raises(ValueError, match=f"got {name} of strides .* expected contiguous memory"):
        forward(x, weight, bias, (0, 0), results["y"], results["argmax"], Scratch(), False)


def test_nan_shows_where_it_is_used(conv_relu_pool, kernels) -> None:
    x, weight, bias = conv_relu_pool.arrays((1, 5, 5, 8), 4, (2, 2), np.float32)
    x[0, 0, 0, 0] = np.nan
    y, _ = kernels.forward(x, weight, bias)
    assert np.isnan(y[0, 0, 0]).all()
    assert np.isfinite(y[0, 1:, 1:]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nan_wins_wherever_it_is(kernels, dtype: type) -> None:
    """A kernel of one tap, 1: each window of x is its four places of z."""
    windows: list[list[float]] = [[-1, 1, 2, 3], [3, 2, 1, -1], [-1, -2, -3, -4], [np.inf] * 4]
    with_nan = [[np.nan if k == place else value for k, value in enumerate(w)] for w in windows for place in range(4)]
    x: np.ndarray = np.array(with_nan, dtype).reshape(1, 16, 2, 2).swapaxes(1, 2).reshape(1, 2, 32, 1)
    y, argmax = kernels.forward(x, np.ones((1, 1, 1, 3), dtype), None)
    assert np.isnan(y).all()
    np.testing.assert_array_equal(argmax[0, 0], np.tile(np.arange(4), 4)[:, None].repeat(3, axis=1))


@pytest.mark.parametrize("winograd", [False, True])
def test_same_bits_on_any_number_of_threads_and_with_a_used_scratch(conv_relu_pool, kernels, winograd: bool) -> None:
    """Images large enough for several blocks, the last of which is smaller."""
    x, weight, bias = conv_relu_pool.arrays((19, 59, 57, 16), 24, (3, 3), np.float32)
    kernels.assert_same_bits_on_any_number_of_threads(
        lambda scratch: kernels.forward(x, weight, bias, (1, 1), scratch, winograd)
    )


def test_winograd_gives_the_same_numbers(conv_relu_pool, kernels) -> None:
    x, weight, bias = conv_relu_pool.arrays((9, 12, 14, 16), 40, (3, 3), np.float32)
    plain, _ = kernels.forward(x, weight, bias, (1, 1))
    fast, _ = kernels.forward(x, weight, bias, (1, 1), winograd=True)
    assert (plain != fast).any()  # rounded in other places: it was another algorithm
    np.testing.assert_allclose(fast, plain, rtol=2e-5, atol=2e-5)


def test_padded_frames_images_with_zeros() -> None:
    x = np.random.default_rng(0).random((3, 4, 5, 2))
    scratch = Scratch()
    scratch.get("x", (3, 6, 11, 2), np.float64)[:] = 7  # what was there before must not show
    expected = np.pad(x, ((0, 0), (1, 1), (3, 3), (0, 0)))
    np.testing.assert_array_equal(padded(x, (1, 3), scratch), expected)
    more = padded(x, (1, 3), scratch, channels=x.shape[3] + 2)
    np.testing.assert_array_equal(more, np.pad(expected, [(0, 0)] * 3 + [(0, 2)]))


@pytest.mark.parametrize(("size", "kernel_size", "padding", "pooled"), [(96, 3, 0, 47), (96, 3, 1, 48), (3, 3, 0, 0)])
def test_pooled_size(size: int, kernel_size: int, padding: int, pooled: int) -> None:
    assert pooled_size(size, kernel_size, padding) == pooled
