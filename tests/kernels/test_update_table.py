"""A table of arrays against each array by itself: the same bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from nnscratch.kernels import update_table
from nnscratch.kernels.products.deferred import DeferredProduct
from nnscratch.kernels.products.packed_factors import copy_factors
from nnscratch.kernels.threads import set_threads
from nnscratch.kernels.update_rows import SIZE
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


def random_parameters(dtype: Any, sizes: Sequence[int] = SIZES) -> list[Moved]:
    parameters = []
    for k, size in enumerate(sizes):
        w, dw, m, v = np.random.default_rng(k).standard_normal((4, size)).astype(dtype)
        parameters.append(Moved(w, dw, [m, np.abs(v)], k % 2))
    return parameters


def deferred_parameters(dtype: Any) -> list[Moved]:
    """Gradients of 1 to 128 terms, whose rows fill several blocks, one block or a part of one."""
    parameters = random_parameters(dtype, [50])
    for k, (terms, rows, width) in enumerate(
        [
            (1, 1003, 700),
            (2, 1003, 700),
            (16, 300, 77),
            (32, 40, 8192),
            (1, 2, 1),
            (3, 2, 1),
            (17, 513, 256),
            (128, 300, 500),
        ]
    ):
        rng = np.random.default_rng(k)
        x, dz = (rng.standard_normal((terms, size)).astype(dtype) for size in (rows, width))
        w, m, v = rng.standard_normal((3, rows, width)).astype(dtype)
        kept = copy_factors(x, dz, lambda _, shape: np.full(shape, np.nan, dtype))
        product = DeferredProduct(*kept, lambda shape=w.shape: np.empty(shape, dtype))  # type: ignore[misc]
        parameters.append(Moved(w, product, [m, np.abs(v)], k % 2))
    return parameters


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule[0].__name__)
@pytest.mark.parametrize("make", [random_parameters, deferred_parameters], ids=["computed", "deferred"])
def test_a_table_gives_the_bits_of_each_array_by_itself(make: Any, rule: Any, dtype: Any, threads: int) -> None:
    made, kinds = rule
    updates: list[Update] = [made(*in_dtype(np.dtype(dtype), *scalars)) for scalars in kinds]
    expected, parameters = make(dtype), make(dtype)
    table = UpdateTable(updates[0], parameters)
    set_threads(threads)
    try:
        for _ in range(2):
            for w, dw, means, kind in expected:
                value = dw.value() if isinstance(dw, DeferredProduct) else dw
                updates[kind](*(array.reshape(-1) for array in (w, value, *means)))
            table.step(np.array([update.scalars for update in updates], dtype))
    finally:
        set_threads(None)
    for moved, wanted in zip(parameters, expected, strict=True):
        assert not isinstance(moved.dw, DeferredProduct) or not moved.dw.is_computed
        for array, right in zip((moved.w, *moved.means), (wanted.w, *wanted.means), strict=True):
            np.testing.assert_array_equal(array, right)


def test_a_table_of_nothing() -> None:
    update = update_table.sgd(*in_dtype(np.dtype(np.float32), 0.1, 0.0))
    UpdateTable(update, random_parameters(np.float32, [0])).step(np.zeros((1, 2), np.float32))


def test_small_arrays_stay_on_one_thread_and_large_ones_are_cut() -> None:
    update = update_table.sgd(*in_dtype(np.dtype(np.float32), 0.1, 0.0))
    small, large = ([LEAST_TO_SHARE // 4] * 3, [9, LEAST_TO_SHARE, 9])
    assert len(UpdateTable(update, random_parameters(np.float32, small))._starts) == 2
    table = UpdateTable(update, random_parameters(np.float32, large))
    assert table._table[:, SIZE].tolist() == [9, *[BLOCK] * (LEAST_TO_SHARE // BLOCK), 9]
    assert len(table._starts) == 1 + 1 + LEAST_TO_SHARE // BLOCK


def test_other_gradients_take_their_places_in_a_small_table() -> None:
    sizes, update = [9, BLOCK + 5, 0, 7], update_table.sgd(*in_dtype(np.dtype(np.float32), 0.1, 0.0))
    parameters, expected = random_parameters(np.float32, sizes), random_parameters(np.float32, sizes)
    table = UpdateTable(update, parameters)
    others = [-2 * each.dw for each in parameters if isinstance(each.dw, np.ndarray)]
    assert table.replace({1: others[1], 2: others[2], 3: others[3]})
    table.step(np.array([update.scalars] * 2, np.float32))
    for k, (moved, wanted) in enumerate(zip(parameters, expected, strict=True)):
        update(wanted.w, others[k] if k else wanted.dw, *wanted.means)  # type: ignore[arg-type]
        np.testing.assert_array_equal(moved.w, wanted.w)
    waiting = DeferredProduct(np.ones((1, 7), np.float32), np.ones((1, 1), np.float32), lambda: others[3])
    assert not table.replace({3: waiting})
    assert not table.replace({0: np.zeros(9 * 4 + 1, np.uint8)[1:].view(np.float32)})
    assert not UpdateTable(update, [Moved(others[3], waiting, [others[0], others[0]], 0)]).replace({0: others[3]})
    assert not UpdateTable(update, random_parameters(np.float32, [LEAST_TO_SHARE])).replace({0: parameters[0].w})


def test_arrays_that_overlap_lie_askew_or_differ_in_dtype_are_for_no_table() -> None:
    first, second = random_parameters(np.float32, [8, 8])
    third = random_parameters(np.float64, [8])[0]
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


def test_more_threads_than_at_first() -> None:
    update = update_table.sgd(*in_dtype(np.dtype(np.float32), 0.1, 0.0))
    parameters, expected = deferred_parameters(np.float32), deferred_parameters(np.float32)
    table, scalars = UpdateTable(update, parameters), np.array([update.scalars] * 2, np.float32)
    try:
        for threads in (1, 3, 2):
            set_threads(threads)
            table.step(scalars)
            for w, dw, _, _ in expected:
                update(w.reshape(-1), (dw.value() if isinstance(dw, DeferredProduct) else dw).reshape(-1))
    finally:
        set_threads(None)
    for moved, wanted in zip(parameters, expected, strict=True):
        np.testing.assert_array_equal(moved.w, wanted.w)
