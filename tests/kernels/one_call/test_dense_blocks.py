"""The sums of dense layers by themselves, where the networks of test_one_call.py do not go."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels import loops
from nnscratch.kernels.one_call import dense_blocks
from nnscratch.kernels.one_call import program as p
from tests.kernels.one_call.test_blocks import row

F = np.float32


@pytest.mark.parametrize("relu", [0, 1])
@pytest.mark.parametrize("has_bias", [0, 1])
def test_add_bias_relu(has_bias: int, relu: int) -> None:
    sums, bias, y = (
        np.random.default_rng(0).standard_normal((3, 2, 5)).astype(F),
        np.arange(5, dtype=F),
        np.ones((2, 5), F),
    )
    sums[1, 1, 2], sums[2, 0, 1] = np.nan, -np.inf
    step, x_at, y_at = row(sums, y, A=3, B=2, C=5, D=has_bias, E=relu, BIAS=bias.ctypes.data, BLOCK=1)
    for block in range(2):
        dense_blocks.add_bias_relu(step, block, x_at, y_at, 0, p.counters(1))
    expected = (sums[0] + sums[1] + sums[2]) + has_bias * bias
    np.testing.assert_allclose(y, np.maximum(expected, 0) if relu else expected, rtol=1e-6)


@pytest.mark.parametrize(("number", "noted"), [(1e30, 0), (np.nan, 1), (np.inf, 1), (-np.inf, 1)])
def test_add_bias_relu_notes_what_is_not_finite_also_where_relu_makes_it_0(number: float, noted: int) -> None:
    sums, y = np.ones((2, 3, 4), F), np.empty((3, 4), F)
    sums[1, 2, 3] = number
    for asked in (0, 1):
        counters = p.counters(1)
        step, x_at, y_at = row(sums, y, A=2, B=3, C=4, E=1, F=asked, BLOCK=3)
        dense_blocks.add_bias_relu(step, 0, x_at, y_at, 0, counters)
        assert counters[p.NOT_FINITE] == (noted and asked)


def test_relu_as_in_the_loops() -> None:
    x, y = np.linspace(-1, 1, 9, dtype=F).reshape(1, 1, 9), np.ones((1, 9), F)
    step, x_at, y_at = row(x, y, A=1, B=1, C=9, E=1, BLOCK=1)
    dense_blocks.add_bias_relu(step, 0, x_at, y_at, 0, p.counters(1))
    np.testing.assert_array_equal(y, loops.relu_forward(x[0]))


@pytest.mark.parametrize(("blocks", "expected"), [(6, [2, 1, 0, 5, 4, 3]), (5, [2, 1, 0, 4, 3]), (2, [0, 1]), (1, [0])])
def test_every_second_call_each_half_is_read_backwards(blocks: int, expected: list[int]) -> None:
    backwards = np.zeros(1, np.int64)
    step, *_ = row(backwards, backwards, BLOCKS=blocks, OTHER=backwards.ctypes.data)
    assert [dense_blocks._from_either_end(step, k) for k in range(blocks)] == list(range(blocks))
    backwards[0] = 1
    assert [dense_blocks._from_either_end(step, k) for k in range(blocks)] == expected


@pytest.mark.parametrize(("blocks", "expected"), [(6, [1, 2, 2, 3, 3, 4]), (5, [1, 2, 2, 3, 3]), (2, [0, 1]), (1, [0])])
def test_the_first_half_goes_on_upwards_and_the_other_downwards(blocks: int, expected: list[int]) -> None:
    step, *_ = row(np.zeros(1), np.zeros(1), BLOCKS=blocks)
    assert [dense_blocks._block_after(step, k) for k in range(blocks)] == expected
