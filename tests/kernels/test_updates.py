"""The one-pass updates against the loops, number by number."""

from __future__ import annotations

import platform

import numpy as np
import pytest

from nnscratch.kernels import loops, updates
from nnscratch.kernels.assembly import assembly
from nnscratch.kernels.compiled import CHECKED

SIZES = [1, 7, 33]
HAS_SSE = platform.machine().lower() in {"x86_64", "amd64"}


def arrays(size: int, dtype: type) -> list[np.ndarray]:
    w, dw, m, v = np.random.default_rng(size).standard_normal((4, size)).astype(dtype)
    return [w, dw, m, np.abs(v)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-14), (np.float32, 2e-6)])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_momentum(size: int, dtype: type, tolerance: float, weight_decay: float, nesterov: bool) -> None:
    w, dw, v, _ = arrays(size, dtype)
    expected = [loops.sgd_update(*numbers, 0.2, weight_decay, 0.9, nesterov) for numbers in zip(w, dw, v, strict=True)]
    numbers = map(dtype, (0.2, weight_decay, 0.9, 0.9 if nesterov else 0, nesterov, 0))
    updates.sgd_momentum(w, dw, v, *numbers)
    np.testing.assert_allclose(np.stack([w, v], axis=1), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-14), (np.float32, 2e-6)])
def test_sgd(size: int, dtype: type, tolerance: float) -> None:
    w, dw, _, _ = arrays(size, dtype)
    expected = [loops.sgd_update(*numbers, 0, 0.2, 0.1, 0, False)[0] for numbers in zip(w, dw, strict=True)]
    updates.sgd(w, dw, dtype(0.2), dtype(0.1))
    np.testing.assert_allclose(w, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 5e-6)])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_adam(size: int, dtype: type, tolerance: float, weight_decay: float) -> None:
    w, dw, m, v = arrays(size, dtype)
    t, lr, betas = 3, 0.2, (0.9, 0.99)
    expected = [
        loops.adam_update(*map(float, numbers), t, lr, weight_decay, betas, 1e-8)
        for numbers in zip(w, dw, m, v, strict=True)
    ]
    corrections = lr / (1 - betas[0] ** t), 1 - lr * weight_decay
    root = 1 / np.sqrt(1 - betas[1] ** t)
    numbers = map(dtype, (*corrections, betas[0], 1 - betas[0], betas[1], 1 - betas[1], root, 1e-8, 0))
    updates.adam(w, dw, m, v, *numbers)
    np.testing.assert_allclose(np.stack([w, m, v], axis=1), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-15), (np.float32, 1e-6)])
def test_running_mean(size: int, dtype: type, tolerance: float) -> None:
    w, mean, _, _ = arrays(size, dtype)
    w_before, expected = w.copy(), mean.astype(np.float64) + 0.3 * (w.astype(np.float64) - mean)
    updates.running_mean(mean, w, dtype(0.3), updates.flush_threshold(np.dtype(dtype)))
    np.testing.assert_allclose(mean, expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(w, w_before)


@pytest.mark.parametrize("size", [0, *SIZES, 100])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sum_of_squares(size: int, dtype: type) -> None:
    values = (1e20 * np.random.default_rng(size).standard_normal(size)).astype(dtype)  # float32's squares end at 3e38
    expected = np.sum(np.square(values.astype(np.float64)))
    np.testing.assert_allclose(updates.sum_of_squares(values), expected, rtol=1e-14)
    for unusual in (np.nan, np.inf) if size else ():
        values[size // 2] = unusual
        assert not np.isfinite(updates.sum_of_squares(values))


def test_running_means_never_become_subnormal() -> None:
    tiny = updates.flush_threshold(np.dtype(np.float32))
    w, dw, v = np.ones(3, np.float32), np.zeros(3, np.float32), np.float32([1e-29, -1e-31, 1.0])
    updates.sgd_momentum(w, dw, v, *map(np.float32, (0.1, 0, 0.5, 0, 0)), tiny)
    np.testing.assert_array_equal(v, np.float32([5e-30, 0, 0.5]))
    v[:] = [1e-29, -1e-31, np.nan]
    updates.sgd_momentum(w, dw, v, *map(np.float32, (0.1, 0, 0.5, 0, 0)), tiny)
    assert np.isnan(v[2])
    mean = np.float32([2e-30, -1e-30, np.nan, 1.0])
    updates.running_mean(mean, np.zeros(4, np.float32), np.float32(0.25), tiny)
    np.testing.assert_array_equal(mean, np.float32([1.5e-30, 0, np.nan, 0.75]))


@pytest.mark.skipif(not HAS_SSE or CHECKED, reason="looks for an instruction of x86-64; checked loops have branches")
def test_adam_computes_whole_vectors() -> None:
    numbers = [np.float32(0.5)] * 9
    assert "sqrtps" in assembly(updates.adam, *arrays(33, np.float32), *numbers)
