"""What the tests of tiles draw and compare."""

from __future__ import annotations

import numpy as np


def check(got: np.ndarray, expected: np.ndarray) -> None:
    tolerance = 2e-5 if got.dtype == np.float32 else 1e-12
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


def random(seed: int, size: int, dtype: type) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(size).astype(dtype)
