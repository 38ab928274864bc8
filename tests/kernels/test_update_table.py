"""A table of arrays against each array by itself: the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnscratch.kernels import update_table
from nnscratch.kernels.threads import set_threads
from nnscratch.kernels.update_table import BLOCK, LEAST_TO_SHARE, Moved, Update, UpdateTable, fits
from nnscratch.kernels.updates import in_dtype

SIZES = [1, 7, 33, LEAST_TO_SHARE - BLOCK + 1, 2 * BLOCK, 0, BLOCK - 1]
RULES: list[tuple[Any, list[tuple[float, ...]]]] = [
    (update_table.sgd, [(0.2, 0.0), (0.2, 0.1)]),
    (update_table.sgd_momentum, [(0.2, 0.0, 0.9, 0.0, 0, 1e-30), (0.2, 0.1, 0.9, 0.9, 1, 1e-30)]),
    (
        update_table.adam,
        [(0.2, 1.0, 0.9, 0.1, 0.99, 0.01, 2.0, 1e-8, 0), (0.2, 0.9, 0.9, 0.1, 0.99, 0.01, 3.0, 1e-8, 0)],
    ),
]


def random_parameters(sizes: list[int], dtype: Any) -> list[Moved]:
    parameters = []
    for k, size in enumerate(sizes):
        w, dw, m, v = np.random.default_rng(k).standard_normal((4, size)).astype(dtype)
        parameters.append(Moved(w, dw, [m, np.abs(v)], k % 2))
    return parameters


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule[0].__name__)
def test_a_table_gives_the_bits_of_each_array_by_itself(rule: Any, dtype: Any, threads: int) -> None:
    made, kinds = rule
    updates: list[Update] = [made(*in_dtype(np.dtype(dtype), *scalars)) for scalars in kinds]
    expected, parameters = random_parameters(SIZES, dtype), random_parameters(SIZES, dtype)
    table = UpdateTable(updates[0], parameters)
    set_threads(threads)
    try:
        for _ in range(2):
            for w, dw, means, kind in expected:
                updates[kind](w, dw, *means)
            table.step(np.array([update.scalars for update in updates], dtype))
    finally:
        set_threads(None)
    for moved, wanted in zip(parameters, expected, strict=True):
        for array, right in zip((moved.w, moved.dw, *moved.means), (wanted.w, wanted.dw, *wanted.means), strict=True):
            np.testing.assert_array_equal(array, right)


def test_small_arrays_stay_on_one_thread_and_large_ones_are_cut() -> None:
    update = update_table.sgd(*in_dtype(np.dtype(np.float32), 0.1, 0.0))
    small, large = ([LEAST_TO_SHARE // 4] * 3, [9, LEAST_TO_SHARE, 9])
    assert len(UpdateTable(update, random_parameters(small, np.float32))._starts) == 2
    table = UpdateTable(update, random_parameters(large, np.float32))
    assert table._table[:, update_table.SIZE].tolist() == [9, *[BLOCK] * (LEAST_TO_SHARE // BLOCK), 9]
    assert len(table._starts) == 1 + 1 + LEAST_TO_SHARE // BLOCK


def test_arrays_that_overlap_lie_askew_or_differ_in_dtype_are_for_no_table() -> None:
    first, second = random_parameters([8, 8], np.float32)
    third = random_parameters([8], np.float64)[0]
    askew = np.zeros(9 * 4, np.uint8)[1:33].view(np.float32)
    memory = np.zeros(12, np.float32)
    assert fits([first, second])
    assert fits([first._replace(dw=first.w), second])  # number by number, nothing depends on the order
    assert not fits([first, third])
    assert not fits([first, second._replace(w=first.w)])
    assert not fits([first, second._replace(dw=first.w)])
    assert not fits([first._replace(w=memory[:8]), second._replace(w=memory[4:])])
    assert not fits([first._replace(w=memory), second._replace(w=memory[2:4]), third])
    assert not fits([first._replace(w=askew)])
    with pytest.raises(ValueError, match="got arrays that overlap"):
        UpdateTable(update_table.sgd(np.float32(1), np.float32(0)), [first, second._replace(w=first.w)])
