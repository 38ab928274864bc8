"""A convolution, ReLU and pooling by Winograd's algorithm, against the loops one after another."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels import loops
from nnscratch.kernels.channel_vectors.direct import direct_rows
from nnscratch.kernels.channel_vectors.winograd import winograd_rows
from nnscratch.kernels.memory import Scratch
from nnscratch.kernels.pool_tiles import NO_WINNER

# B^T, G, A^T by the size of the kernel
MATRICES = {
    3: (
        np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]),
        np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]]),
        np.array([[1, 1, 1, 0], [0, 1, -1, -1]]),
    ),
    2: (
        np.array([[1, -1, 0], [0, 1, 0], [0, -1, 1]]),
        np.array([[1, 0], [1, 1], [0, 1]]),
        np.array([[1, 1, 0], [0, 1, 1]]),
    ),
}

# (image shape with its padding, c_out)
CASES = [
    ((1, 4, 4, 1), 1),  # one window
    ((2, 9, 7, 3), 4),  # odd rows and columns: the last ones have no window
    ((1, 6, 30, 16), 16),  # one vector of channels, a tile and a rest of windows
    ((3, 8, 10, 17), 33),  # a channel more than vectors and groups hold
    ((2, 5, 12, 40), 20),
    ((1, 6, 8, 32), 64),  # several vectors of input and of output channels
]
IDS = [f"{shape} to {c_out}" for shape, c_out in CASES]
# For large patches, windows are in pairs.
LARGE_CASES = [
    ((1, 6, 6, 1), 1),  # one patch
    ((2, 7, 11, 17), 33),  # odd rows and columns
    ((3, 14, 18, 40), 20),
    ((1, 10, 58, 32), 64),  # more patches in a row than are taken together
]
LARGE_IDS = [f"{shape} to {c_out}" for shape, c_out in LARGE_CASES]


def computed(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, large: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """y and argmax, in two calls, the second from the middle of an image."""
    images, height, width, _ = x.shape
    k = len(weight)
    y = np.full((images, (height - k + 1) // 2, (width - k + 1) // 2, len(bias)), -1, x.dtype)
    argmax = np.full(y.shape, 99, np.uint8)
    rows = winograd_rows(weight, bias, Scratch(), large)
    middle = images * y.shape[1] // 4 * 2
    rows(x, 0, middle, y, argmax)
    rows(x, middle, images * y.shape[1], y, argmax)
    return y, argmax


@pytest.mark.parametrize("k", MATRICES)
def test_the_formula(k: int) -> None:
    rng, (b_t, matrix, a_t) = np.random.default_rng(0), MATRICES[k]
    d, g = rng.standard_normal((k + 1, k + 1)), rng.standard_normal((k, k))
    z = a_t @ ((matrix @ g @ matrix.T) * (b_t @ d @ b_t.T)) @ a_t.T
    expected = loops.conv2d_forward(d[None, :, :, None], g[:, :, None, None], None, (1, 1), (0, 0))
    np.testing.assert_allclose(z, expected[0, :, :, 0], rtol=1e-12)


@pytest.mark.parametrize(("shape", "c_out"), CASES, ids=IDS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-5)])
@pytest.mark.parametrize("k", MATRICES)
def test_equal_to_the_loops(conv_relu_pool, shape, c_out, dtype, tolerance, k) -> None:
    assert_equal_to_the_loops(conv_relu_pool, shape, c_out, dtype, tolerance, tolerance, k)


@pytest.mark.parametrize(("shape", "c_out"), LARGE_CASES, ids=LARGE_IDS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_large_patches_are_equal_to_the_loops(conv_relu_pool, shape, c_out, dtype, tolerance) -> None:
    size_of_sums = np.sqrt(9 * shape[3])
    assert_equal_to_the_loops(conv_relu_pool, shape, c_out, dtype, tolerance, tolerance * size_of_sums, 3, large=True)


def assert_equal_to_the_loops(conv_relu_pool, shape, c_out, dtype, rtol, atol, k, large=False) -> None:
    x, weight, bias = conv_relu_pool.arrays(shape, c_out, (k, k), dtype)
    z, expected, _ = conv_relu_pool.forward(x, weight, bias)
    y, argmax = computed(x, weight, bias, large)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, expected, rtol=rtol, atol=atol)
    np.testing.assert_array_equal(argmax == NO_WINNER, y == 0)
    # Rounding may let another of two nearly equal places win: it must be as large.
    places = np.where(argmax == NO_WINNER, 0, argmax)[..., np.newaxis].astype(np.int64)
    won = np.take_along_axis(conv_relu_pool.places(z), places, axis=-1)[..., 0]
    np.testing.assert_allclose(np.maximum(won, 0), expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize("channels", [24, 96])
def test_the_error_of_large_patches_is_at_most_three_times_that_of_a_plain_sum(channels: int) -> None:
    """Root mean square, against float64: 2.1 to 2.3 times."""
    rng = np.random.default_rng(0)
    x = np.maximum(rng.standard_normal((2, 26, 26, channels)), 0).astype(np.float32)
    weight = (rng.standard_normal((3, 3, channels, 32)) * np.sqrt(2 / 9 / channels)).astype(np.float32)
    bias, results = np.full(32, 0.5, np.float32), []
    for dtype in (np.float64, np.float32):
        y = np.empty((2, 12, 12, 32), dtype)
        direct_rows(weight.astype(dtype), bias.astype(dtype), Scratch())(x.astype(dtype), 0, 24, y, None)
        results.append(y)
    exact, plain = results
    large, _ = computed(x, weight, bias, large=True)
    errors = [np.sqrt(np.mean((y - exact) ** 2)) for y in (plain, large)]
    assert errors[1] <= 3 * errors[0]


@pytest.mark.parametrize("k", MATRICES)
def test_the_first_in_reading_order_wins_a_tie(conv_relu_pool, k) -> None:
    """Small integers and quarters of them are summed exactly, so every bit must agree."""
    draw = conv_relu_pool.small_integers(3)
    x, weight, bias = conv_relu_pool.arrays((3, 10, 12, 16), 20, (k, k), np.float32, draw)
    z, expected, winners = conv_relu_pool.forward(x, weight, bias)
    assert (conv_relu_pool.ties(z) & (winners != NO_WINNER)).any()
    y, argmax = computed(x, weight, bias)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(argmax, winners)


@pytest.mark.parametrize("k", MATRICES)
def test_nan_stays_nan(conv_relu_pool, k) -> None:
    x, weight, bias = conv_relu_pool.arrays((1, 10, 10, 16), 24, (k, k), np.float32)
    x[0, 0, 0, 3] = np.nan
    y, _ = computed(x, weight, bias)
    assert np.isnan(y[0, 0, 0]).all()
    assert np.isnan(y).sum() == 24


def test_nan_reaches_the_windows_of_its_large_patches(conv_relu_pool) -> None:
    x, weight, bias = conv_relu_pool.arrays((1, 10, 10, 16), 24, (3, 3), np.float32)
    x[0, 1, 1, 3] = np.nan  # that only the first of the four needs
    y, _ = computed(x, weight, bias, large=True)
    assert np.isnan(y[0, :2, :2]).all()
    assert np.isnan(y).sum() == 4 * 24
