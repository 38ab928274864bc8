"""Convolution + bias + ReLU + max pooling in one go, against the textbook loops one after the other."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels import loops, threads
from nnscratch.kernels.channel_vectors.backward import conv_pool_backward
from nnscratch.kernels.channel_vectors.forward import SHUT, conv_pool_forward, pooled_size
from nnscratch.kernels.memory import Scratch

# (image shape, c_out, kernel size, padding)
CASES = [
    ((1, 2, 2, 1), 1, (1, 1), (0, 0)),
    ((2, 7, 6, 3), 4, (3, 3), (0, 0)),  # odd rows: the last one has no window
    ((1, 6, 7, 3), 17, (2, 3), (0, 0)),
    ((3, 9, 8, 9), 5, (2, 2), (0, 0)),
    ((9, 5, 6, 2), 3, (4, 5), (0, 0)),  # more images than partial sums
    ((2, 4, 5, 2), 3, (3, 3), (1, 1)),
    ((2, 5, 4, 8), 3, (5, 1), (2, 0)),
    ((2, 3, 4, 2), 3, (3, 4), (2, 3)),  # windows that lie wholly in the padding
    ((2, 2, 2, 1), 2, (5, 5), (2, 2)),
    ((2, 5, 9, 1), 32, (3, 3), (0, 0)),  # channels in whole tiles, and few taps
    ((1, 4, 5, 3), 64, (2, 4), (1, 0)),
    ((1, 3, 4, 64), 40, (2, 2), (0, 0)),  # runs of several vectors, a last vector of channels that is half empty
    ((1, 4, 3, 7), 70, (3, 2), (0, 0)),  # more channels than a number has bits
    ((1, 3, 3, 2), 2, (3, 3), (0, 0)),  # one place of z: nothing left after pooling
    ((1, 5, 9, 1), 48, (3, 3), (0, 0)),  # few taps again; a whole tile of channels and half a one
    ((1, 5, 4, 16), 3, (3, 3), (1, 1)),  # a vector of input channels; two of float64
    ((0, 4, 4, 2), 3, (3, 3), (0, 0)),  # no image at all
]
IDS = [f"{shape} to {c_out}, kernel {k}, padding {p}" for shape, c_out, k, p in CASES]


def arrays(shape, c_out, kernel_size, dtype) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape).astype(dtype)
    weight = rng.standard_normal((*kernel_size, shape[3], c_out)).astype(dtype)
    return x, weight, rng.standard_normal(c_out).astype(dtype)


def forward(x, weight, bias, padding=(0, 0), scratch=None) -> tuple[np.ndarray, np.ndarray]:
    sizes = [pooled_size(x.shape[a + 1], weight.shape[a], padding[a]) for a in (0, 1)]
    y = np.full((len(x), *sizes, weight.shape[3]), np.nan, x.dtype)
    argmax = np.full(y.shape, 99, np.uint8)
    conv_pool_forward(x, weight, bias, padding, y, argmax, scratch or Scratch())
    return y, argmax


def backward(x, weight, dy, argmax, padding=(0, 0), scratch=None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    dx, dweight, dbias = (np.full(s, np.nan, x.dtype) for s in (x.shape, weight.shape, weight.shape[3:]))
    conv_pool_backward(x, weight, dy, argmax, padding, dweight, dbias, dx, scratch or Scratch())
    return dx, dweight, dbias


def loops_forward(x, weight, bias, padding) -> tuple[np.ndarray, np.ndarray]:
    """z, and y of the three layers one after the other."""
    z = loops.conv2d_forward(x, weight, bias, (1, 1), padding)
    return z, loops.max_pool2d_forward(loops.relu_forward(z), (2, 2), (2, 2))


def loops_backward(x, weight, dy, z, padding) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pooled = loops.max_pool2d_backward(loops.relu_forward(z), dy, (2, 2), (2, 2))
    dz = np.where(z > 0, pooled, 0).astype(x.dtype)
    return loops.conv2d_backward(x, weight, dz, (1, 1), padding)


@pytest.mark.parametrize(("shape", "c_out", "kernel_size", "padding"), CASES, ids=IDS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_equal_to_the_loops(shape, c_out, kernel_size, padding, dtype, tolerance) -> None:
    x, weight, bias = arrays(shape, c_out, kernel_size, dtype)
    z, expected = loops_forward(x, weight, bias, padding)
    y, argmax = forward(x, weight, bias, padding)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(argmax == SHUT, y == 0)
    dy = np.random.default_rng(2).standard_normal(y.shape).astype(dtype)
    wanted = loops_backward(x, weight, dy, z, padding)
    for got, want in zip(backward(x, weight, dy, argmax, padding), wanted, strict=True):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * 10)


def test_ties_go_to_the_first_in_reading_order() -> None:
    """Whole numbers tie often and are summed exactly, so every bit must agree."""
    rng = np.random.default_rng(3)
    x = rng.integers(-1, 2, (3, 9, 10, 8)).astype(np.float32)
    weight = rng.integers(-1, 2, (2, 3, 8, 5)).astype(np.float32)
    bias = rng.integers(-1, 2, 5).astype(np.float32)
    z, expected = loops_forward(x, weight, bias, (0, 0))
    y, argmax = forward(x, weight, bias)
    np.testing.assert_array_equal(y, expected)
    windows = z[:, :8, :8].reshape(3, 4, 2, 4, 2, 5).transpose(0, 1, 3, 5, 2, 4).reshape(3, 4, 4, 5, 4)
    ties = (windows == windows.max(axis=-1, keepdims=True)).sum(axis=-1) > 1
    assert (ties & (argmax != SHUT)).any()
    np.testing.assert_array_equal(argmax, np.where(y > 0, windows.argmax(axis=-1), SHUT))
    dy = rng.integers(-4, 5, y.shape).astype(np.float32)
    for got, want in zip(backward(x, weight, dy, argmax), loops_backward(x, weight, dy, z, (0, 0)), strict=True):
        np.testing.assert_array_equal(got, want)


def test_all_negative_outputs_give_zero_and_no_gradient() -> None:
    x, weight, _ = arrays((2, 6, 6, 3), 4, (3, 3), np.float64)
    y, argmax = forward(x, weight, np.full(4, -1e3))
    assert not y.any()
    assert (argmax == SHUT).all()
    for gradient in backward(x, weight, np.ones_like(y), argmax):
        assert not gradient.any()


def test_without_bias() -> None:
    x, weight, _ = arrays((2, 6, 6, 3), 4, (3, 3), np.float64)
    for got, want in zip(forward(x, weight, None), forward(x, weight, np.zeros(4)), strict=True):
        np.testing.assert_array_equal(got, want)


def test_without_input_gradient() -> None:
    x, weight, bias = arrays((2, 6, 6, 3), 4, (3, 3), np.float64)
    y, argmax = forward(x, weight, bias)
    _, dweight, dbias = backward(x, weight, y, argmax)
    alone, dbias_alone = np.empty_like(weight), np.empty_like(bias)
    conv_pool_backward(x, weight, y, argmax, (0, 0), alone, dbias_alone, None, Scratch())
    np.testing.assert_array_equal(alone, dweight)
    np.testing.assert_array_equal(dbias_alone, dbias)


@pytest.mark.parametrize("padding", [(0, 0), (1, 2)])
def test_non_contiguous_arrays_give_the_same_bits(padding) -> None:
    x, weight, bias = arrays((3, 8, 7, 2), 3, (3, 2), np.float64)
    strided = np.repeat(np.repeat(x, 2, axis=0), 2, axis=2)[::2, :, ::2]
    assert not strided.flags.c_contiguous
    y, argmax = forward(x, weight, bias, padding)
    np.testing.assert_array_equal(forward(strided, np.asfortranarray(weight), bias, padding)[0], y)
    expected = backward(x, weight, y, argmax, padding)
    got = backward(strided, np.asfortranarray(weight), np.asfortranarray(y), argmax, padding)
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_array_equal(a, b)
    dx, dweight = np.empty_like(x, order="F"), np.empty_like(weight, order="F")
    conv_pool_backward(x, weight, y, argmax, padding, dweight, np.empty(3), dx, Scratch())
    np.testing.assert_array_equal(dx, expected[0])
    np.testing.assert_array_equal(dweight, expected[1])


@pytest.mark.parametrize("name", ["y", "argmax"])
def test_results_must_be_contiguous(name: str) -> None:
    x, weight, bias = arrays((2, 6, 6, 3), 4, (3, 3), np.float64)
    y, argmax = (np.empty((2, 2, 2, 4), dtype, order="F" if name == n else "C") for n, dtype in
                 (("y", np.float64), ("argmax", np.uint8)))  # fmt: skip
    with pytest.raises(ValueError, match=f"{name}, strides .*, is not contiguous"):
        conv_pool_forward(x, weight, bias, (0, 0), y, argmax, Scratch())


def test_nan_stays_nan() -> None:
    x, weight, bias = arrays((1, 5, 5, 8), 4, (2, 2), np.float32)
    x[0, 0, 0, 0] = np.nan
    y, argmax = forward(x, weight, bias)
    assert np.isnan(y[0, 0, 0]).all()
    assert np.isfinite(y[0, 1:, 1:]).all()
    _, dweight, _ = backward(x, weight, np.ones_like(y), argmax)
    assert np.isnan(dweight).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nan_wins_wherever_it_is(dtype: type) -> None:
    """A kernel of one tap, 1: each window of x is its four places of z."""
    windows: list[list[float]] = [[-1, 1, 2, 3], [3, 2, 1, -1], [-1, -2, -3, -4], [np.inf] * 4]
    with_nan = [[np.nan if k == place else value for k, value in enumerate(w)] for w in windows for place in range(4)]
    x: np.ndarray = np.array(with_nan, dtype).reshape(1, 16, 2, 2).swapaxes(1, 2).reshape(1, 2, 32, 1)
    y, argmax = forward(x, np.ones((1, 1, 1, 3), dtype), None)
    assert np.isnan(y).all()
    np.testing.assert_array_equal(argmax[0, 0], np.tile(np.arange(4), 4)[:, None].repeat(3, axis=1))


@pytest.mark.parametrize(("channels", "c_out"), [(16, 24), (1, 128)])
def test_same_bits_on_any_number_of_threads_and_with_a_used_scratch(channels: int, c_out: int) -> None:
    """Images large enough for several blocks, parts and slabs, the last of each smaller."""
    x, weight, bias = arrays((19, 59, 57, channels), c_out, (3, 3), np.float32)
    scratch, results = Scratch(), []
    try:
        for count in (1, 2, 3, 8, 1):
            threads.set_threads(count)
            y, argmax = forward(x, weight, bias, (1, 1), scratch)
            results.append((y, argmax, *backward(x, weight, y, argmax, (1, 1), scratch)))
    finally:
        threads.set_threads(None)
    for result in results[1:]:
        for a, b in zip(results[0], result, strict=True):
            np.testing.assert_array_equal(a, b)


def test_many_images_against_a_sum_written_in_one_line() -> None:
    """Several blocks of images in a partial sum, several slabs in a block."""
    x, weight, bias = arrays((50, 20, 21, 9), 6, (3, 2), np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 2), axis=(1, 2))  # (N, H_out, W_out, C, i, j)
    z = np.einsum("nhwcij,ijco->nhwo", windows, weight, optimize=True) + bias
    in_fours = z.reshape(50, 9, 2, 10, 2, 6)
    y, argmax = forward(x, weight, bias)
    np.testing.assert_allclose(y, np.maximum(in_fours.max(axis=(2, 4)), 0), rtol=1e-12, atol=1e-12)
    g = np.zeros_like(in_fours)
    for place in range(4):
        g[:, :, place // 2, :, place % 2] = np.where(argmax == place, y, 0)
    _, dweight, dbias = backward(x, weight, y, argmax)
    g = g.reshape(z.shape)
    np.testing.assert_allclose(dweight, np.einsum("nhwcij,nhwo->ijco", windows, g, optimize=True), rtol=1e-10)
    np.testing.assert_allclose(dbias, g.sum(axis=(0, 1, 2)), rtol=1e-10)


@pytest.mark.parametrize("padding", [(0, 0), (1, 2)])
@pytest.mark.parametrize("images", [1, 3, 21])
def test_dx_may_take_the_place_of_x(images: int, padding: tuple[int, int]) -> None:
    x, weight, bias = arrays((images, 6, 7, 3), 5, (2, 3), np.float32)
    y, argmax = forward(x, weight, bias, padding)
    expected = backward(x, weight, y, argmax, padding)
    dweight, dbias = np.empty_like(weight), np.empty_like(bias)
    conv_pool_backward(x, weight, y, argmax, padding, dweight, dbias, x, Scratch())
    for got, wanted in zip((x, dweight, dbias), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)
