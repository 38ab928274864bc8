"""The compiled contrast normalization against the textbook loops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from nnscratch.kernels import loops
from nnscratch.kernels.normalization import normalize_backward, normalize_forward
from nnscratch.kernels.threads import set_threads


@pytest.fixture
def _own_threads() -> Iterator[None]:
    yield
    set_threads(None)


def run(x: np.ndarray, dy: np.ndarray, spread: float, floor: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    # NaN wherever the kernels forget to write.
    y, dx, moments = np.full(x.shape, np.nan, x.dtype), np.full(x.shape, np.nan, x.dtype), np.full((len(x), 2), np.nan)
    normalize_forward(x, spread, floor, y, moments)
    normalize_backward(x, dy, moments, spread, floor, dx)
    return y, dx, moments


@pytest.mark.parametrize("shape", [(0, 4), (1, 1), (1, 5), (3, 7), (4, 33)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 1e-6)])
@pytest.mark.parametrize("floor", [1e-3, 1.0, 100.0])  # below all pictures, among them, above all
def test_equal_to_the_loops(shape: tuple[int, int], dtype: Any, tolerance: float, floor: float) -> None:
    rng = np.random.default_rng(1)
    contrast = np.linspace(0.5, 2.0, shape[0])[:, np.newaxis]  # the floor of 1 divides them
    x, dy = (contrast * rng.standard_normal(shape) + 1).astype(dtype), rng.standard_normal(shape).astype(dtype)
    y, dx, moments = run(x, dy, 0.3, floor)
    x64, dy64 = x.astype(np.float64), dy.astype(np.float64)
    np.testing.assert_allclose(y, loops.normalize_forward(x64, 0.3, floor), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(dx, loops.normalize_backward(x64, dy64, 0.3, floor), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(moments, np.stack([x64.mean(axis=1), x64.std(axis=1)], axis=1), rtol=1e-13, atol=1e-15)


def test_non_contiguous_arrays() -> None:
    rng = np.random.default_rng(2)
    x = rng.standard_normal((4, 3, 8, 6)).transpose(0, 2, 3, 1)
    dy = np.asfortranarray(rng.standard_normal(x.shape))
    y, dx, _ = run(x, dy, 0.25, 0.02)
    rows = x.reshape(4, -1), dy.reshape(4, -1)
    np.testing.assert_allclose(y.reshape(4, -1), loops.normalize_forward(rows[0], 0.25, 0.02), atol=1e-13)
    np.testing.assert_allclose(dx.reshape(4, -1), loops.normalize_backward(*rows, 0.25, 0.02), atol=1e-13)


def test_little_contrast_on_a_bright_ground_keeps_its_digits_in_float32() -> None:
    rng = np.random.default_rng(3)
    x = (1000 + 0.5 * rng.standard_normal((2, 90, 90))).astype(np.float32)
    dy = (50 + rng.standard_normal(x.shape)).astype(np.float32)  # most of which the backward pass takes away
    y, dx, _ = run(x, dy, 0.25, 0.02)
    y64, dx64, _ = run(x.astype(np.float64), dy.astype(np.float64), 0.25, 0.02)
    np.testing.assert_allclose(y, y64, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(dx, dx64, rtol=1e-6, atol=1e-7)


@pytest.mark.usefixtures("_own_threads")
def test_the_same_bits_on_any_number_of_threads_and_in_any_batch() -> None:
    rng = np.random.default_rng(4)
    x, dy = rng.standard_normal((2, 40, 96, 96, 1), dtype=np.float32)  # three blocks
    results = []
    for threads in (1, 2, 3):
        set_threads(threads)
        results.append(run(x, dy, 0.25, 0.02))
    # A batch that begins elsewhere puts each picture in another block.
    results.append(tuple(np.concatenate(parts) for parts in zip(*(run(*two, 0.25, 0.02) for two in (
        (x[:5], dy[:5]), (x[5:], dy[5:]))), strict=True)))  # fmt: skip
    for result in results[1:]:
        for a, b in zip(results[0], result, strict=True):
            np.testing.assert_array_equal(a, b)
