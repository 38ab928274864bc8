"""Rows of an optimizer's table, by address: those of a block move, others stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit

from nnscratch.kernels import update_table
from nnscratch.kernels.one_call import program as p
from nnscratch.kernels.products.deferred import DeferredProduct
from nnscratch.kernels.threads import set_threads
from nnscratch.kernels.update_rows import double_block, single_block
from nnscratch.kernels.update_table import BLOCK, LEAST_TO_SHARE, Moved, UpdateTable
from nnscratch.kernels.updates import in_dtype


@njit
def one_block(compute: Any, step: np.ndarray, block: int, counters: np.ndarray) -> None:
    compute(step, block, 0, 0, step[p.SCRATCH], counters)


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize(("dtype", "compute"), [(np.float32, single_block), (np.float64, double_block)])
def test_a_block_moves_its_rows_and_no_others(dtype: Any, compute: Any, waits: bool) -> None:
    rows, width = 2 * LEAST_TO_SHARE // 64, 64
    rng = np.random.default_rng(0)
    w, x, dz = (rng.standard_normal(shape).astype(dtype) for shape in ((rows, width), (1, rows), (1, width)))
    before, dw = w.copy(), x.T * dz
    gradient = DeferredProduct(x, dz, lambda: np.empty((rows, width), dtype)) if waits else dw
    update = update_table.sgd(*in_dtype(np.dtype(dtype), 0.5, 0.0))
    set_threads(1)
    try:
        table = UpdateTable(update, [Moved(w, gradient, [w, w], 0)])
        table.step(np.zeros((1, 2), dtype))  # a step of length 0
    finally:
        set_threads(None)
    np.testing.assert_array_equal(w, before)
    table._scalars[0] = update.scalars
    one_block(compute, table._steps[0], 1, p.counters(1))
    first, stop = BLOCK // width, 2 * BLOCK // width
    np.testing.assert_array_equal(w[:first], before[:first])
    np.testing.assert_array_equal(w[stop:], before[stop:])
    np.testing.assert_allclose(w[first:stop], (before - dtype(0.5) * dw)[first:stop], rtol=1e-5, atol=1e-6)
