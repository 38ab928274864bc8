"""Convolution + ReLU + pooling, a vector = one pixel of several images: the gradients, against the
textbook loops.
"""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels.image_vectors.backward import backward_input

TOLERANCE = {np.float32: {"rtol": 1e-4, "atol": 1e-4}, np.float64: {"rtol": 1e-12, "atol": 1e-12}}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("numbers", ["normal", "ties"])
def test_equal_to_the_loops(conv_relu_pool, kernels, case, dtype, numbers) -> None:
    shape, kernel_size, c_out = case
    draw = conv_relu_pool.small_integers(1) if numbers == "ties" else None
    x, weight, bias = conv_relu_pool.arrays(shape, c_out, kernel_size, dtype, draw)
    z, y, winners = conv_relu_pool.forward(x, weight, bias)
    dy = np.random.default_rng(2).standard_normal(y.shape).astype(dtype)
    got = kernels.backward(x, weight, dy, winners.astype(np.uint8))
    for gradient, want in zip(got, conv_relu_pool.backward(x, weight, z, dy), strict=True):
        assert gradient.dtype == dtype
        np.testing.assert_allclose(gradient, want, **TOLERANCE[dtype])


def test_no_winner_no_gradient(conv_relu_pool, kernels) -> None:
    x, weight, _ = conv_relu_pool.arrays((3, 7, 7, 2), 3, (2, 2), np.float32)
    dy, argmax = np.ones((3, 3, 3, 3), np.float32), np.full((3, 3, 3, 3), 4, np.uint8)
    for gradient in kernels.backward(x, weight, dy, argmax):
        np.testing.assert_array_equal(gradient, 0)


def test_writes_nothing_outside_and_needs_no_aligned_memory(conv_relu_pool, kernels) -> None:
    x, weight, bias = conv_relu_pool.arrays((3, 7, 9, 1), 3, (2, 2), np.float32)
    z, y, winners = conv_relu_pool.forward(x, weight, bias)
    dy = np.random.default_rng(2).standard_normal(y.shape).astype(np.float32)
    shape, before = (1, 7, 9 * 3), 19  # 19 numbers after a cache line: on no vector's border
    guarded = np.full(300, 9, np.float32)
    inside = slice(before, before + np.prod(shape))
    dx = guarded[inside].reshape(shape)
    backward_input(kernels.to_block(dy), kernels.to_block(winners.astype(np.uint8)), weight, 3, dx)
    expected, _, _ = conv_relu_pool.backward(x, weight, z, dy)
    np.testing.assert_allclose(kernels.from_block(dx, 3), expected, rtol=1e-5, atol=1e-5)
    assert (guarded[:before] == 9).all()
    assert (guarded[inside.stop :] == 9).all()
