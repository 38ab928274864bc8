"""The three steps of Winograd's algorithm against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from nnscratch.kernels.channel_vectors.forward_tiles import CHANNEL_VECTORS
from nnscratch.kernels.channel_vectors.winograd_tiles import (
    PATCH,
    WINDOWS_PER_TILE,
    multiply_patches,
    pool_patches,
    transform_patches,
)
from nnscratch.kernels.vectors import VECTOR_BYTES

B_T = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
A_T = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])
TOLERANCE = {np.float32: {"rtol": 1e-5, "atol": 1e-4}, np.float64: {"rtol": 1e-12, "atol": 1e-12}}


def random(seed: int, size: int, dtype: type) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(size).astype(dtype)


@njit
def transform(*arguments):
    transform_patches(*arguments)


@pytest.mark.parametrize("channels", [1, 8, 19])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_transform_patches(dtype, channels) -> None:
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    windows, row_step, chunks = 3, 8 * channels + 2, -(-channels // lanes)
    step = windows * PATCH * lanes + 5
    x, patches = random(1, 3 + 4 * row_step, dtype), np.full(2 + chunks * step, 9, dtype)
    expected = patches.copy()
    for chunk, w in np.ndindex(chunks, windows):
        d = np.zeros((4, 4, lanes))
        for i, j in np.ndindex(4, 4):
            pixel = x[3 + i * row_step + (2 * w + j) * channels :][:channels]
            part = pixel[chunk * lanes : (chunk + 1) * lanes]
            d[i, j, : len(part)] = part
        transformed = np.einsum("pi,ijc,qj->pqc", B_T, d, B_T)
        expected[2 + chunk * step + w * PATCH * lanes :][: PATCH * lanes] = transformed.reshape(-1)
    transform(x, 3, row_step, channels, patches, 2, step, windows)
    np.testing.assert_allclose(patches, expected, **TOLERANCE[dtype])


@njit
def multiply(*arguments):
    multiply_patches(*arguments)


@pytest.mark.parametrize("windows", sorted({1, 2, 5, WINDOWS_PER_TILE[0]}))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_multiply_patches(dtype, windows) -> None:
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    chunks, size, step = 2, CHANNEL_VECTORS * lanes, WINDOWS_PER_TILE[0] * PATCH * lanes + 3
    patches, weight = random(1, 2 + chunks * step, dtype), random(2, 5 + PATCH * chunks * lanes * size, dtype)
    products = np.full(WINDOWS_PER_TILE[0] * PATCH * size, 9, dtype)
    expected = products.reshape(-1, PATCH, size).copy()
    by_chunk = np.stack([patches[2 + chunk * step :][: windows * PATCH * lanes] for chunk in range(chunks)])
    expected[:windows] = np.einsum(
        "kwpc,pkco->wpo",
        by_chunk.reshape(chunks, windows, PATCH, lanes),
        weight[5:].reshape(PATCH, chunks, lanes, size),
    )
    multiply(patches, 2, step, chunks, weight, 5, products, windows)
    np.testing.assert_allclose(products.reshape(expected.shape), expected, **TOLERANCE[dtype])


@njit
def pool(*arguments):
    pool_patches(*arguments)


@pytest.mark.parametrize("vectors", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pool_patches(dtype, vectors) -> None:
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    windows, size, channels = 5, CHANNEL_VECTORS * lanes, 2 * lanes + 3
    products, bias = random(1, windows * PATCH * size, dtype), random(2, 4 + size, dtype)
    m = products.reshape(windows, 4, 4, size)
    four = np.einsum("ai,wijo,bj->wabo", A_T, m, A_T).reshape(windows, 4, size) + bias[4:]
    for count in (1, lanes - 1, lanes):
        y, argmax = np.full(250, 9, dtype), np.full(250, 9, np.uint8)
        expected, winners = y.copy(), argmax.copy()
        written = (vectors - 1) * lanes + count
        for w in range(windows):
            to = slice(3 + w * channels, 3 + w * channels + written)
            expected[to] = np.maximum(four[w].max(axis=0), 0)[:written]
            winners[to] = np.where(four[w].max(axis=0) > 0, four[w].argmax(axis=0), 4)[:written]
        pool(products, bias, 4, y, argmax, 3, channels, vectors, windows, count)
        np.testing.assert_allclose(y, expected, **TOLERANCE[dtype])
        np.testing.assert_array_equal(argmax, winners)
