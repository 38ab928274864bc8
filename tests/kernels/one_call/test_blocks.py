"""The blocks by themselves, where the networks of tests/stages/test_one_call.py do not go."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels.one_call import blocks
from nnscratch.kernels.one_call import program as p

F = np.float32


def row(x: np.ndarray, y: np.ndarray, **columns: int) -> tuple[np.ndarray, int, int]:
    step = np.zeros(p.COLUMNS, np.int64)
    for name, value in columns.items():
        step[getattr(p, name)] = value
    return step, x.ctypes.data, y.ctypes.data


@pytest.mark.parametrize(("index", "bits"), [(0, 1), (6, 1 << 31), (4, 0x7FC00001)])
def test_compare_copies_what_differs_in_any_bit(index: int, bits: int) -> None:
    x = np.array([0, 1, -0.0, np.nan, np.inf, 3, 0], F)
    kept, counters = x.copy(), p.counters(3)
    step, x_at, kept_at = row(x, kept, BLOCK=4, A=7, B=2)
    for block in range(2):
        blocks.compare(step, block, x_at, kept_at, 0, counters)
    assert not counters.any()
    x.view(np.uint32)[index] ^= bits
    for block in range(2):
        blocks.compare(step, block, x_at, kept_at, 0, counters)
    assert kept.tobytes() == x.tobytes()
    assert counters.nonzero()[0].tolist() == [p.CHANGED + 2 * p.PER_STEP]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_check_finite(value: float) -> None:
    x, y, counters = np.ones(5, F), np.ones(3, F), p.counters(1)
    for of_y, array in ((0, x), (1, y)):
        step, x_at, y_at = row(x, y, A=len(array), B=of_y)
        counters[:] = 0
        blocks.check_finite(step, 0, x_at, y_at, 0, counters)
        assert not counters.any()
        array[-1] = value
        blocks.check_finite(step, 0, x_at, y_at, 0, counters)
        assert counters[p.NOT_FINITE] == 1
        array[-1] = 1


def test_frame_leaves_the_frame() -> None:
    x, y = np.arange(1, 25, dtype=F).reshape(2, 3, 4), np.zeros((2, 5, 8), F)
    step, x_at, y_at = row(x, y, BLOCK=4, A=6, B=3, C=4, D=2, E=1)
    for block in range(2):
        blocks.frame(step, block, x_at, y_at, 0, p.counters(1))
    np.testing.assert_array_equal(y, np.pad(x, ((0, 0), (1, 1), (2, 2))))
