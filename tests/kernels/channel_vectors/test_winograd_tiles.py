"""The three steps of Winograd's algorithm against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from nnscratch.kernels.channel_vectors.forward_tiles import CHANNEL_VECTORS
from nnscratch.kernels.channel_vectors.winograd_tiles import (
    PIXELS,
    WINDOWS_PER_TILE,
    WINDOWS_TOGETHER,
    multiply_patches,
    pool_patches,
    transform_kernels,
    transform_patches,
)
from nnscratch.kernels.vectors import VECTOR_BYTES
from tests.kernels.channel_vectors.flat_arrays import random

# By the side of a patch: 4 for a 3x3 kernel, 3 for a 2x2 one; large ones, 6.
P, Q = 5 / 8, 5 / 4
BETWEEN = [[1, p, p * p] / np.prod([p - q for q in (0, P, -P, Q, -Q) if q != p]) for p in (0, P, -P, Q, -Q)]
G = {
    3: np.array([[1, 0], [1, 1], [0, 1]]),
    4: np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]]),
    6: np.array([*BETWEEN, [0, 0, 1]]),
}
B_T = {
    3: np.array([[1, -1, 0], [0, 1, 0], [0, -1, 1]]),
    4: np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]),
    6: np.array([
        [P * P * Q * Q, 0, -P * P - Q * Q, 0, 1, 0],
        [0, -P * Q * Q, -Q * Q, P, 1, 0],
        [0, P * Q * Q, -Q * Q, -P, 1, 0],
        [0, -Q * P * P, -P * P, Q, 1, 0],
        [0, Q * P * P, -P * P, -Q, 1, 0],
        [0, P * P * Q * Q, 0, -P * P - Q * Q, 0, 1],
    ]),
}  # fmt: skip
A_T = {
    3: np.array([[1, 1, 0], [0, 1, 1]]),
    4: np.array([[1, 1, 1, 0], [0, 1, -1, -1]]),
    6: np.array([[1, 1, 1, 1, 1, 0], *([0, P**k, (-P) ** k, Q**k, (-Q) ** k, k // 3] for k in (1, 2, 3))]),
}
TOLERANCE = {np.float32: {"rtol": 1e-5, "atol": 1e-4}, np.float64: {"rtol": 1e-12, "atol": 1e-12}}


@pytest.mark.parametrize("side", A_T)
def test_the_formula(side: int) -> None:
    outputs = len(A_T[side])
    d, g = random(1, side * side, np.float64), random(2, (side - outputs + 1) ** 2, np.float64)
    d, g = d.reshape(side, side), g.reshape(side - outputs + 1, -1)
    z = A_T[side] @ ((G[side] @ g @ G[side].T) * (B_T[side] @ d @ B_T[side].T)) @ A_T[side].T
    for a, b in np.ndindex(outputs, outputs):
        np.testing.assert_allclose(z[a, b], np.sum(d[a : a + len(g), b : b + len(g)] * g), rtol=1e-11, atol=1e-11)


@njit
def kernels_of_6(weight, at, channels, step, transformed, to, position_step, count):
    transform_kernels(weight, at, channels, step, transformed, to, position_step, count, 3, 6)


@njit
def kernels_of_4(weight, at, channels, step, transformed, to, position_step, count):
    transform_kernels(weight, at, channels, step, transformed, to, position_step, count, 3, 4)


@njit
def kernels_of_3(weight, at, channels, step, transformed, to, position_step, count):
    transform_kernels(weight, at, channels, step, transformed, to, position_step, count, 2, 3)


@pytest.mark.parametrize("count", [1, 8, 19])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("side", A_T)
def test_transform_kernels(side, dtype, count) -> None:
    lanes, size, channels = VECTOR_BYTES // np.dtype(dtype).itemsize, 2 if side == 3 else 3, 3
    vectors = min(-(-count // lanes), CHANNEL_VECTORS)
    count = min(count, vectors * lanes)
    weight = random(1, 3 + size * size * channels * 35, dtype)
    transformed = np.full((side * side, 4 + channels, CHANNEL_VECTORS * lanes), 9, dtype)
    expected = transformed.copy()
    taps = weight[3:].reshape(size, size, channels, 35)[..., :count]
    expected[:, 4:, : vectors * lanes] = 0
    expected[:, 4:, :count] = np.einsum("pi,ijco,qj->pqco", G[side], taps, G[side]).reshape(-1, channels, count)
    transform = {3: kernels_of_3, 4: kernels_of_4, 6: kernels_of_6}[side]
    transform(weight, 3, channels, 35, transformed, 4 * CHANNEL_VECTORS * lanes, transformed[0].size, count)
    np.testing.assert_allclose(transformed, expected, **TOLERANCE[dtype])


@njit
def transform_of_6(x, x_at, row_step, pixel_step, patches, first, windows):
    transform_patches(x, x_at, row_step, pixel_step, patches, first, windows, 6)


@njit
def transform_of_4(x, x_at, row_step, pixel_step, patches, first, windows):
    transform_patches(x, x_at, row_step, pixel_step, patches, first, windows, 4)


@njit
def transform_of_3(x, x_at, row_step, pixel_step, patches, first, windows):
    transform_patches(x, x_at, row_step, pixel_step, patches, first, windows, 3)


@pytest.mark.parametrize("channels", [1, 8, 19])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("side", A_T)
def test_transform_patches(side, dtype, channels) -> None:
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    first, windows, row_step, chunks = 5, 3, 14 * channels + 2, -(-channels // lanes)
    x, patches = random(1, 3 + side * row_step, dtype), np.full((chunks, side**2, WINDOWS_TOGETHER, lanes), 9, dtype)
    expected = patches.copy()
    for chunk, w in np.ndindex(chunks, windows):
        d = np.zeros((side, side, lanes))
        for i, j in np.ndindex(side, side):
            pixel = x[3 + i * row_step + (PIXELS[side] * w + j) * channels :][:channels]
            part = pixel[chunk * lanes : (chunk + 1) * lanes]
            d[i, j, : len(part)] = part
        transformed = np.einsum("pi,ijc,qj->pqc", B_T[side], d, B_T[side])
        expected[chunk, :, first + w] = transformed.reshape(-1, lanes)
    transform = {3: transform_of_3, 4: transform_of_4, 6: transform_of_6}[side]
    transform(x, 3, row_step, channels, patches, first, windows)
    np.testing.assert_allclose(patches, expected, **TOLERANCE[dtype])


@njit
def multiply(*arguments):
    multiply_patches(*arguments)


@pytest.mark.parametrize("windows", sorted({1, 2, 5, WINDOWS_PER_TILE[0], WINDOWS_TOGETHER}))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("positions", [9, 16, 36])
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
def pool_of_6(products, first, bias, b_at, y, argmax, to, channels, row_step, vectors, windows, count):
    pool_patches(products, first, bias, b_at, y, argmax, to, channels, row_step, vectors, windows, count, 6)


@njit
def pool_of_4(products, first, bias, b_at, y, argmax, to, channels, row_step, vectors, windows, count):
    pool_patches(products, first, bias, b_at, y, argmax, to, channels, row_step, vectors, windows, count, 4)


@njit
def pool_of_3(products, first, bias, b_at, y, argmax, to, channels, row_step, vectors, windows, count):
    pool_patches(products, first, bias, b_at, y, argmax, to, channels, row_step, vectors, windows, count, 3)


@pytest.mark.parametrize("first", [0, 4])
@pytest.mark.parametrize("vectors", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("side", A_T)
def test_pool_patches(side, dtype, vectors, first) -> None:
    lanes, beside = VECTOR_BYTES // np.dtype(dtype).itemsize, PIXELS[side] // 2
    windows, size, channels = 5, CHANNEL_VECTORS * lanes, 2 * lanes + 3
    row_step = windows * beside * channels + 7
    products, bias = random(1, side**2 * WINDOWS_TOGETHER * size, dtype), random(2, 4 + size, dtype)
    m = products.reshape(side, side, WINDOWS_TOGETHER, size)[:, :, first : first + windows]
    z = np.einsum("ai,ijwo,bj->wabo", A_T[side], m, A_T[side]) + bias[4:]
    pool = {3: pool_of_3, 4: pool_of_4, 6: pool_of_6}[side]
    for count in (1, lanes - 1, lanes):
        y, argmax = np.full(800, 9, dtype), np.full(800, 9, np.uint8)
        expected, winners = y.copy(), argmax.copy()
        written = (vectors - 1) * lanes + count
        for w, h, k in np.ndindex(windows, beside, beside):
            four = z[w, 2 * h : 2 * h + 2, 2 * k : 2 * k + 2].reshape(4, size)[:, :written]
            to = slice(3 + h * row_step + (beside * w + k) * channels, None)
            expected[to][:written] = np.maximum(four.max(axis=0), 0)
            winners[to][:written] = np.where(four.max(axis=0) > 0, four.argmax(axis=0), 4)
        pool(products, first, bias, 4, y, argmax, 3, channels, row_step, vectors, windows, count)
        np.testing.assert_allclose(y, expected, **TOLERANCE[dtype])
        np.testing.assert_array_equal(argmax, winners)
