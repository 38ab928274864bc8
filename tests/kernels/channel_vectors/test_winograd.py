"""Winograd's way through a 3x3 convolution, ReLU and pooling, against the textbook loops one after the other."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels import loops
from nnscratch.kernels.channel_vectors import winograd
from nnscratch.kernels.channel_vectors.forward import SHUT, conv_pool_forward
from nnscratch.kernels.memory import Scratch

B_T = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
A_T = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])

# (image shape with its padding, c_out)
CASES = [
    ((1, 4, 4, 1), 1),  # one window
    ((2, 9, 7, 3), 4),  # odd rows and columns: the last ones have no window
    ((1, 6, 30, 16), 16),  # one vector of channels, a tile and a rest of windows
    ((3, 8, 10, 17), 33),  # a channel more than vectors and groups hold
    ((2, 5, 28, 40), 20),
    ((1, 12, 12, 32), 64),
]
IDS = [f"{shape} to {c_out}" for shape, c_out in CASES]


def arrays(shape, c_out, dtype) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape).astype(dtype)
    return x, rng.standard_normal((3, 3, shape[3], c_out)).astype(dtype), rng.standard_normal(c_out).astype(dtype)


def forward(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    images, height, width, _ = x.shape
    y = np.full((images, (height - 2) // 2, (width - 2) // 2, len(bias)), -1, x.dtype)
    argmax = np.full(y.shape, 99, np.uint8)
    rows = winograd.rows_of(weight, bias, y.shape[2], Scratch())
    middle = images * y.shape[1] // 2  # in two calls, the second from the middle of an image
    rows(x, 0, middle, y, argmax)
    rows(x, middle, images * y.shape[1], y, argmax)
    return y, argmax


def loops_forward(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """z, and y of the three layers one after the other."""
    z = loops.conv2d_forward(x, weight, bias, (1, 1), (0, 0))
    return z, loops.max_pool2d_forward(loops.relu_forward(z), (2, 2), (2, 2))


def test_the_formula() -> None:
    rng = np.random.default_rng(0)
    d, g = rng.standard_normal((4, 4)), rng.standard_normal((3, 3))
    z = A_T @ ((G @ g @ G.T) * (B_T @ d @ B_T.T)) @ A_T.T
    expected = loops.conv2d_forward(d[None, :, :, None], g[:, :, None, None], None, (1, 1), (0, 0))
    np.testing.assert_allclose(z, expected[0, :, :, 0], rtol=1e-12)


@pytest.mark.parametrize("block_bytes", [1, 1 << 18])  # one row of windows at a time, or several
@pytest.mark.parametrize(("shape", "c_out"), CASES, ids=IDS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_equal_to_the_loops(monkeypatch, shape, c_out, dtype, tolerance, block_bytes) -> None:
    monkeypatch.setattr(winograd, "_PATCH_BYTES", block_bytes)
    x, weight, bias = arrays(shape, c_out, dtype)
    z, expected = loops_forward(x, weight, bias)
    y, argmax = forward(x, weight, bias)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(argmax == SHUT, y == 0)
    h, w = 2 * y.shape[1], 2 * y.shape[2]
    in_fours = z[:, :h, :w].reshape(len(x), h // 2, 2, w // 2, 2, c_out).transpose(0, 1, 3, 5, 2, 4)
    places = np.where(argmax == SHUT, 0, argmax)[..., None].astype(np.int64)
    won = np.take_along_axis(in_fours.reshape(*y.shape, 4), places, axis=-1)[..., 0]
    np.testing.assert_allclose(np.maximum(won, 0), expected, rtol=tolerance, atol=tolerance)


def test_ties_go_to_the_first_in_reading_order() -> None:
    """Small whole numbers and quarters of them are summed exactly, so every bit must agree."""
    rng = np.random.default_rng(3)
    x = rng.integers(-1, 2, (3, 10, 12, 16)).astype(np.float32)
    weight = rng.integers(-1, 2, (3, 3, 16, 20)).astype(np.float32)
    bias = rng.integers(-1, 2, 20).astype(np.float32)
    z, expected = loops_forward(x, weight, bias)
    y, argmax = forward(x, weight, bias)
    np.testing.assert_array_equal(y, expected)
    windows = z.reshape(3, 4, 2, 5, 2, 20).transpose(0, 1, 3, 5, 2, 4).reshape(3, 4, 5, 20, 4)
    ties = (windows == windows.max(axis=-1, keepdims=True)).sum(axis=-1) > 1
    assert (ties & (argmax != SHUT)).any()
    np.testing.assert_array_equal(argmax, np.where(y > 0, windows.argmax(axis=-1), SHUT))


def test_nan_stays_nan() -> None:
    x, weight, bias = arrays((1, 10, 10, 16), 24, np.float32)
    x[0, 0, 0, 3] = np.nan
    y, _ = forward(x, weight, bias)
    assert np.isnan(y[0, 0, 0]).all()
    assert np.isnan(y).sum() == 24


def test_it_is_what_conv_pool_forward_takes_for_many_windows(monkeypatch) -> None:
    x, weight, bias = arrays((9, 12, 14, 16), 40, np.float32)
    results = []
    for windows in (1, 10**9):
        monkeypatch.setattr(winograd, "_WINDOWS", windows)
        y, argmax = np.empty((9, 6, 7, 40), np.float32), np.empty((9, 6, 7, 40), np.uint8)
        conv_pool_forward(x, weight, bias, (1, 1), y, argmax, Scratch())
        results.append(y)
    assert (results[0] != results[1]).any()  # rounded in other places
    np.testing.assert_allclose(results[0], results[1], rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize(
    ("shape", "windows", "dtype", "wanted"),
    [
        ((3, 3, 16, 32), 1000, np.float32, True),
        ((3, 3, 16, 32), 10, np.float32, False),  # the weights' transformation would not pay
        ((3, 3, 1, 32), 1000, np.float32, False),  # mostly zeros in a vector of channels
        ((2, 2, 64, 64), 1000, np.float32, False),
        ((3, 3, 16, 32), 1000, np.float64, True),
    ],
)
def test_where_it_is_taken(shape, windows, dtype, wanted) -> None:
    assert winograd.is_faster(shape, windows, np.dtype(dtype)) == wanted
