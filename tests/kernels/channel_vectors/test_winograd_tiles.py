"""The three steps of Winograd's algorithm against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from nnscratch.kernels.channel_vectors.forward_tiles import CHANNEL_VECTORS
from nnscratch.kernels.channel_vectors.winograd_tiles import (
    WINDOWS_PER_TILE,
    WINDOWS_TOGETHER,
    multiply_patches,
    pool_patches,
    transform_patches,
)
from nnscratch.kernels.vectors import VECTOR_BYTES

# By the side of a patch, which is 4 for a 3x3 kernel and 3 for a 2x2 one.
B_T = {
    4: np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]),
    3: np.array([[1, -1, 0], [0, 1, 0], [0, -1, 1]]),
}
A_T = {4: np.array([[1, 1, 1, 0], [0, 1, -1, -1]]), 3: np.array([[1, 1, 0], [0, 1, 1]])}
TOLERANCE = {np.float32: {"rtol": 1e-5, "atol": 1e-4}, np.float64: {"rtol": 1e-12, "atol": 1e-12}}


def random(seed: int, size: int, dtype: type) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(size).astype(dtype)


@njit
def transform_of_4(x, x_at, row_step, pixel_step, patches, first, windows):
    transform_patches(x, x_at, row_step, pixel_step, patches, first, windows, 4)


@njit
def transform_of_3(x, x_at, row_step, pixel_step, patches, first, windows):
    transform_patches(x, x_at, row_step, pixel_step, patches, first, windows, 3)


@pytest.mark.parametrize("channels", [1, 8, 19])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("side", [3, 4])
def test_transform_patches(side, dtype, channels) -> None:
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    first, windows, row_step, chunks = 5, 3, 8 * channels + 2, -(-channels // lanes)
    x, patches = random(1, 3 + 4 * row_step, dtype), np.full((chunks, side**2, WINDOWS_TOGETHER, lanes), 9, dtype)
    expected = patches.copy()
    for chunk, w in np.ndindex(chunks, windows):
        d = np.zeros((side, side, lanes))
        for i, j in np.ndindex(side, side):
            pixel = x[3 + i * row_step + (2 * w + j) * channels :][:channels]
            part = pixel[chunk * lanes : (chunk + 1) * lanes]
            d[i, j, : len(part)] = part
        transformed = np.einsum("pi,ijc,qj->pqc", B_T[side], d, B_T[side])
        expected[chunk, :, first + w] = transformed.reshape(-1, lanes)
    transform = transform_of_4 if side == 4 else transform_of_3
    transform(x, 3, row_step, channels, patches, first, windows)
    np.testing.assert_allclose(patches, expected, **TOLERANCE[dtype])


@njit
def multiply(*arguments):
    multiply_patches(*arguments)


@pytest.mark.parametrize("windows", sorted({1, 2, 5, WINDOWS_PER_TILE[0], WINDOWS_TOGETHER}))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("positions", [9, 16])
@pytest.mark.parametrize("vectors", [1, 2])
@pytest.mark.parametrize("missing", [0, 1, 3])
def test_multiply_patches(missing, vectors, positions, dtype, windows) -> None:
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    chunks, size = 2, CHANNEL_VECTORS * lanes
    channels, written = chunks * lanes - missing, vectors * lanes
    patches = random(1, chunks * positions * WINDOWS_TOGETHER * lanes, dtype)
    weight = random(2, 5 + positions * chunks * lanes * size, dtype)
    products = np.full((positions, WINDOWS_TOGETHER, size), 9, dtype)
    expected = products.copy()
    existing = weight[5:].reshape(positions, chunks, lanes, size).copy()
    existing[:, -1, lanes - missing :] = 0
    expected[:, :windows, :written] = np.einsum(
        "kpwc,pkco->pwo",
        patches.reshape(chunks, positions, WINDOWS_TOGETHER, lanes)[:, :, :windows],
        existing[..., :written],
    )
    multiply(patches, positions, channels, weight, 5, products, windows, vectors)
    whole = -(-windows // WINDOWS_PER_TILE[-1]) * WINDOWS_PER_TILE[-1]
    np.testing.assert_allclose(products[:, :windows], expected[:, :windows], **TOLERANCE[dtype])
    np.testing.assert_array_equal(products[:, whole:], 9)  # in between may be anything


@njit
def pool_of_4(products, bias, b_at, y, argmax, to, channels, vectors, windows, count):
    pool_patches(products, bias, b_at, y, argmax, to, channels, vectors, windows, count, 4)


@njit
def pool_of_3(products, bias, b_at, y, argmax, to, channels, vectors, windows, count):
    pool_patches(products, bias, b_at, y, argmax, to, channels, vectors, windows, count, 3)


@pytest.mark.parametrize("vectors", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("side", [3, 4])
def test_pool_patches(side, dtype, vectors) -> None:
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    windows, size, channels = 5, CHANNEL_VECTORS * lanes, 2 * lanes + 3
    products, bias = random(1, side**2 * WINDOWS_TOGETHER * size, dtype), random(2, 4 + size, dtype)
    m = products.reshape(side, side, WINDOWS_TOGETHER, size)[:, :, :windows]
    four = np.einsum("ai,ijwo,bj->wabo", A_T[side], m, A_T[side]).reshape(windows, 4, size) + bias[4:]
    pool = pool_of_4 if side == 4 else pool_of_3
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
