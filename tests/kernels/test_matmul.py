"""The shared-out matrix product against NumPy's and the loops."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels import loops
from nnscratch.kernels.matmul import matmul


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 300, 7), (0, 4, 5), (130, 257, 999), (999, 257, 3), (1, 2000, 1000)])
@pytest.mark.parametrize("transposed", [False, True])
def test_equal_to_numpy(shape: tuple[int, int, int], transposed: bool) -> None:
    m, k, n = shape
    rng = np.random.default_rng(1)
    a = rng.standard_normal((k, m)).T if transposed else rng.standard_normal((m, k))
    b = rng.standard_normal((n, k)).T if transposed else rng.standard_normal((k, n))
    np.testing.assert_allclose(matmul(a, b), a @ b, rtol=1e-11, atol=1e-11)


def test_dense_is_this_product() -> None:
    rng = np.random.default_rng(1)
    x, weight, bias, dy = (rng.standard_normal(s) for s in [(5, 4), (4, 3), (3,), (5, 3)])
    np.testing.assert_allclose(matmul(x, weight) + bias, loops.dense_forward(x, weight, bias), rtol=1e-12)
    dx, dweight, dbias = loops.dense_backward(x, weight, dy)
    np.testing.assert_allclose(matmul(dy, weight.T), dx, rtol=1e-12)
    np.testing.assert_allclose(matmul(x.T, dy), dweight, rtol=1e-12)
    np.testing.assert_allclose(dy.sum(axis=0), dbias, rtol=1e-12)
