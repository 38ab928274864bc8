"""Weights' gradients in vectors of output channels against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from nnscratch.kernels.channel_vectors.channel_tiles import (
    add_row_gradient,
    add_row_gradient_of_one_channel,
    add_winners_of_channels,
)
from nnscratch.kernels.vectors import AVX512, VECTOR_BYTES
from tests.kernels.channel_vectors.flat_arrays import check, random


@njit
def row_gradient(*arguments):
    add_row_gradient(*arguments)


@pytest.mark.parametrize(("k_h", "run"), [(1, 1), (3, 3), (4, 5)])
@pytest.mark.parametrize("vectors", [1, 2])
@pytest.mark.parametrize("missing", [0, 1, 3] if AVX512 else [0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_add_row_gradient(dtype, missing, vectors, k_h, run) -> None:
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    channels = vectors * lanes - missing
    x, dy, total = random(2, 400, dtype), random(3, 300, dtype), random(4, 900, dtype)
    argmax = np.random.default_rng(1).integers(0, 5, 300).astype(np.uint8)
    expected = total.copy()
    for w, i, r, o in np.ndindex(6, k_h, run, channels):
        winner = 7 + w * channels + o
        a, b = divmod(int(argmax[winner]), 2)
        if argmax[winner] < 4:
            number = x[5 + (2 * w + b) * 2 + (a + i) * 60 + r]
            expected[3 + (i * run + r) * channels + o] += dy[winner] * number
    row_gradient(x, 5, 60, 2, dy, argmax, 7, channels, vectors, 6, k_h, run, total, 3, lanes - missing)
    check(total, expected)


@njit
def row_gradient_of_one_channel(*arguments):
    add_row_gradient_of_one_channel(*arguments)


@pytest.mark.skipif(not AVX512, reason="looks up by an instruction of AVX-512")
@pytest.mark.parametrize("vectors", [1, 2])
@pytest.mark.parametrize("missing", [0, 1, 3])
def test_add_row_gradient_of_one_channel(missing, vectors) -> None:
    channels = vectors * 16 - missing
    x, dy, total = (random(2, size, np.float32) for size in (400, 300, 900))
    argmax = np.random.default_rng(1).integers(0, 5, 300).astype(np.uint8)
    expected = total.copy()
    for w, i, j, o in np.ndindex(6, 3, 3, channels):
        winner = 7 + w * channels + o
        a, b = divmod(int(argmax[winner]), 2)
        if argmax[winner] < 4:
            expected[3 + (3 * i + j) * channels + o] += dy[winner] * x[5 + 2 * w + b + (a + i) * 60 + j]
    row_gradient_of_one_channel(x, 5, 60, dy, argmax, 7, channels, vectors, 6, total, 3, 16 - missing)
    check(total, expected)


@njit
def winners_of_channels(*arguments):
    add_winners_of_channels(*arguments)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_add_winners_of_channels(dtype) -> None:
    dy, argmax = random(2, 200, dtype), np.random.default_rng(1).integers(0, 6, 200).astype(np.uint8)
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    for count in (1, lanes - 1, lanes):
        total = random(3, 40, dtype)
        expected = total.copy()
        for p, o in np.ndindex(5, count):
            if argmax[5 + p * 33 + o] < 4:
                expected[2 + o] += dy[5 + p * 33 + o]
        winners_of_channels(dy, argmax, 5, 33, 5, total, 2, count)
        check(total, expected)
