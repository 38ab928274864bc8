"""Convolution + ReLU + pooling, a vector = one pixel of several images: forward, against the
textbook loops.
"""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels.image_vectors.forward import forward, outputs_at_once, scratch_step, tap_offsets

TOLERANCE = {np.float32: {"rtol": 1e-4, "atol": 1e-4}, np.float64: {"rtol": 1e-12, "atol": 1e-12}}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_to_the_loops(conv_relu_pool, kernels, case, dtype) -> None:
    shape, kernel_size, c_out = case
    x, weight, bias = conv_relu_pool.arrays(shape, c_out, kernel_size, dtype)
    _, expected, _ = conv_relu_pool.forward(x, weight, bias)
    y, argmax = kernels.forward(x, weight, bias)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, expected, **TOLERANCE[dtype])
    np.testing.assert_array_equal(argmax == 4, y == 0)


def test_the_first_in_reading_order_wins_a_tie(conv_relu_pool, kernels, case) -> None:
    shape, kernel_size, c_out = case
    draw = conv_relu_pool.small_integers(1)
    x, weight, bias = conv_relu_pool.arrays(shape, c_out, kernel_size, np.float32, draw)
    _, expected, winners = conv_relu_pool.forward(x, weight, bias)
    y, argmax = kernels.forward(x, weight, bias)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(argmax, winners)


@pytest.mark.parametrize("images", [1, 3, 16])
def test_argmax_of_windows_written_by_hand(kernels, images) -> None:
    """A kernel of one tap, 1: each 2x2 of x is a window of conv."""
    windows = [[0, 0, 0, 0], [1, 1, 1, 1], [0, 2, 2, 2], [1, 1, 3, 3], [1, 2, 1, 5], [-1, -2, -1, -1], [-3, -1, 2, 1]]
    x = np.array(windows, np.float32).reshape(7, 2, 2).transpose(1, 0, 2).reshape(1, 2, 14, 1)
    y, argmax = kernels.forward(
        np.repeat(x, images, axis=0), np.ones((1, 1, 1, 1), np.float32), np.zeros(1, np.float32)
    )
    np.testing.assert_array_equal(argmax[:, 0, :, 0], [[4, 0, 1, 2, 3, 4, 2]] * images)
    np.testing.assert_array_equal(y[:, 0, :, 0], [[0, 1, 2, 3, 5, 0, 2]] * images)


@pytest.mark.parametrize("images", [1, 16])
def test_a_nan_does_not_disappear(conv_relu_pool, kernels, images) -> None:
    for row, column in np.ndindex(8, 8):
        x, weight, bias = conv_relu_pool.arrays((images, 9, 9, 1), 1, (2, 2), np.float32)
        x[0, row, column] = np.nan
        assert np.isnan(kernels.forward(x, weight, bias)[0]).any()


def test_writes_nothing_outside_and_needs_no_aligned_memory(conv_relu_pool, kernels) -> None:
    x, weight, bias = conv_relu_pool.arrays((3, 7, 9, 1), 3, (2, 2), np.float32)
    _, expected, winners = conv_relu_pool.forward(x, weight, bias)
    shape, before = (3, 3, 4 * 3), 19  # 19 numbers after a cache line: on no vector's border
    guarded_y, guarded_argmax = np.full(200, 9, np.float32), np.full(200, 9, np.uint8)
    inside = slice(before, before + np.prod(shape))
    y, argmax = guarded_y[inside].reshape(shape), guarded_argmax[inside].reshape(shape)
    forward(kernels.to_block(x), weight, bias, 3, y, argmax)
    np.testing.assert_allclose(kernels.from_block(y, 3), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(kernels.from_block(argmax, 3), winners)
    for guarded in (guarded_y, guarded_argmax):
        assert (guarded[:before] == 9).all()
        assert (guarded[inside.stop :] == 9).all()


def test_memory_that_is_not_contiguous_is_refused() -> None:
    x, y = np.ones((1, 8, 64), np.float32)[:, :, ::2], np.ones((1, 4, 16), np.float32)
    with pytest.raises(TypeError, match="contiguous"):
        forward(x, np.ones((1, 1, 1, 1), np.float32), np.ones(1, np.float32), 4, y, np.ones(y.shape, np.uint8))


def test_a_tap_is_a_shift() -> None:
    x = np.arange(3 * 4 * 10).reshape(3, 4, 10)  # (C, H, W*B), B = 2
    offsets = tap_offsets(2, 3, 3, plane_step=40, row_step=10, images=2)
    for t, (i, j, c) in enumerate(np.ndindex(2, 3, 3)):
        assert x.reshape(-1)[offsets[t]] == x[c, i, 2 * j]


def test_sizes_of_groups_and_of_scratch_rows() -> None:
    assert [outputs_at_once(left) for left in (9, 4, 3, 2, 1)] == [4, 4, 2, 2, 1]
    for length in (1, 16, 17):
        step = scratch_step(length, 16)
        assert step % 16 == 0
        assert step >= length + 2 * 16
