"""A row of pooled windows against its formula."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from nnscratch.kernels.channel_vectors.forward_tiles import conv_pool_row
from nnscratch.kernels.vectors import VECTOR_BYTES

X_AT, ROW_STEP, PIXEL_STEP, K_H, RUN = 5, 60, 3, 2, 7
W_AT, B_AT, TO = 4, 1000, 6


@njit
def compute(*arguments):
    conv_pool_row(*arguments)


@pytest.mark.parametrize("windows", [1, 2, 5, 7])
@pytest.mark.parametrize("vectors", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_conv_pool_row(dtype, vectors, windows) -> None:
    rng = np.random.default_rng(1)
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    x, weight = rng.standard_normal(300).astype(dtype), rng.standard_normal(1100).astype(dtype)
    w_step, channels, size = 2 * lanes, 2 * lanes + 3, vectors * lanes
    for count in (1, lanes - 1, lanes):
        y, argmax = np.full(350, 9, dtype), np.full(350, 9, np.uint8)
        expected, winners = y.copy(), argmax.copy()
        written = size - lanes + count
        for w in range(windows):
            four = np.empty((4, size))
            for a, b in np.ndindex(2, 2):
                four[2 * a + b] = weight[B_AT : B_AT + size]
                for i, r in np.ndindex(K_H, RUN):
                    number = x[X_AT + (2 * w + b) * PIXEL_STEP + (a + i) * ROW_STEP + r]
                    four[2 * a + b] += weight[W_AT + (i * RUN + r) * w_step :][:size] * number
            to = slice(TO + w * channels, TO + w * channels + written)
            expected[to] = np.maximum(four.max(axis=0), 0)[:written]
            winners[to] = np.where(four.max(axis=0) > 0, four.argmax(axis=0), 4)[:written]
        compute(
            x, X_AT, ROW_STEP, PIXEL_STEP, K_H, RUN, weight, W_AT, w_step, B_AT, vectors, windows,
            y, argmax, TO, channels, count,
        )  # fmt: skip
        tolerance = 1e-5 if dtype == np.float32 else 1e-12
        np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance)
        np.testing.assert_array_equal(argmax, winners)
