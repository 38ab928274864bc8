"""A block of a backward pass by itself: it writes its own part, and nothing beside it."""

from __future__ import annotations

import numpy as np
import pytest
from numba import types

from nnscratch.kernels import loops
from nnscratch.kernels.channel_vectors import backward, input_gradient
from nnscratch.kernels.one_call import gradient_blocks
from nnscratch.kernels.one_call import program as p
from nnscratch.kernels.one_call.calls import address_of
from nnscratch.kernels.one_call.table import F1, F2, F4, INT, array

F = np.float32
_U4, _PAIR = array(types.uint8, 4), types.UniTuple(INT, 2)


def row(x: np.ndarray, y: np.ndarray, **columns: int) -> tuple[np.ndarray, int, int]:
    step = np.zeros(p.COLUMNS, np.int64)
    for name, value in columns.items():
        step[getattr(p, name)] = value
    return step, x.ctypes.data, y.ctypes.data


def layer() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x, weight, dy, argmax, and the gradient of z: 3 x 2 kernel, 3 windows of rows"""
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((1, 9, 7, 3)).astype(F), rng.standard_normal((3, 2, 3, 20)).astype(F)
    dy, argmax = rng.standard_normal((1, 3, 3, 20)).astype(F), rng.integers(0, 5, (1, 3, 3, 20)).astype(np.uint8)
    dz = np.zeros((1, 7, 6, 20), F)
    for place in range(4):
        dz[:, place // 2 : 6 : 2, place % 2 :: 2] = np.where(argmax == place, dy, 0)
    return x, weight, dy, argmax, dz


def test_weight_gradient_of_some_channels() -> None:
    x, weight, dy, argmax, dz = layer()
    dweight, dbias = np.full((20, 18), 7, F), np.full(20, 7, F)
    kernel = address_of(backward.add_weight_gradient, (F4, F4, _U4, _PAIR, types.boolean, F2, F1, INT, INT))
    sizes = dict(zip("ABCDEFGHIJKL", (1, 9, 7, 3, 3, 3, 20, 3, 2, 0, 1, 2), strict=True))
    step, x_at, y_at = row(
        x, dweight, BLOCK=16, KERNEL=kernel, OTHER=dy.ctypes.data, ARGMAX=argmax.ctypes.data, BIAS=dbias.ctypes.data,
        **sizes,
    )  # fmt: skip
    gradient_blocks.weight_gradient(step, 1, x_at, y_at, 0, p.counters(1))
    assert (dweight[:16] == 7).all()
    assert (dbias[:16] == 7).all()
    gradient_blocks.weight_gradient(step, 0, x_at, y_at, 0, p.counters(1))
    _, expected, expected_bias = loops.conv2d_backward(x, weight, dz, (1, 1), (0, 0))
    np.testing.assert_allclose(dweight.T.reshape(weight.shape), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(dbias, expected_bias, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_input_gradient_of_some_rows(parts: int) -> None:
    x, weight, dy, argmax, dz = layer()
    dx, scratch = np.full_like(x, 7), np.zeros(20_000, np.uint8)
    by_output = np.ascontiguousarray(weight.reshape(18, 20).T)
    kernel = address_of(input_gradient.add_by_place, (F2, F4, _U4, _PAIR, array(types.uint64, 1), F4))
    sizes = dict(zip("ABCDEFGHIJKL", (9, 7, 3, 0, 0, 3, 3, 20, 3, 2, 0, parts), strict=True))
    step, x_at, y_at = row(dy, dx, KERNEL=kernel, ARGMAX=argmax.ctypes.data, WEIGHT=by_output.ctypes.data, **sizes)
    for part in reversed(range(parts)):
        assert (dx[0, 2 * (3 * part // parts)] == 7).all()
        gradient_blocks.input_gradient(step, part, x_at, y_at, scratch.ctypes.data, p.counters(1))
    expected, _, _ = loops.conv2d_backward(x, weight, dz, (1, 1), (0, 0))
    np.testing.assert_allclose(dx, expected, rtol=1e-4, atol=1e-4)
