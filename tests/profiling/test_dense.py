"""A dense layer's products by every method."""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.profiling import dense
from nnscratch.profiling.dense import DenseShape, compare_dense


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "_PRODUCTS_OF_LOOPS", 1000)
    monkeypatch.setattr(dense.compare, "__kwdefaults__", {"seconds": 0.0})


@pytest.mark.parametrize("shape", [(7, 5, 3), (1, 40, 20), (30, 1, 20), (3, 2000, 2), (1, 1, 1)])
@pytest.mark.parametrize("threads", [1, 2])
def test_all_methods_agree(shape: tuple[int, int, int], threads: int) -> None:
    nn.set_threads(threads)
    try:
        result = compare_dense(DenseShape(*shape))
    finally:
        nn.set_threads(None)
    assert [row.method for row in result.rows[::2]] == ["loops", "NumPy", "own"]
    for row in result.rows:
        assert row.difference <= result.operation.bounds[row.direction == "backward"]
    products = shape[0] * shape[1] * shape[2]
    assert result.operation.operations == (2 * products, 4 * products)
    assert ("NumPy's BLAS hands" in result.operation.notes[-1]) == (threads == 2)


def test_the_reason_is_that_of_the_rule() -> None:
    notes = compare_dense(DenseShape(1, 40, 20)).operation.notes
    assert notes[1] == "y, dx: products/gemv.py, row: one row: the time is that of reading the weights once"
    assert notes[2] == "dweight: products/gemv.py, outer: one term per sum: the time is that of writing the result"


def test_the_loops_run_on_a_part_that_is_told() -> None:
    result = compare_dense(DenseShape(10, 100, 50))
    assert result.rows[0].part == 10 / 500
    assert "run on 1 row and 10 outputs, scaled" in result.ideas["loops"]


def test_a_wrong_kernel_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = dense.matmul

    def wrong(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        product = right(a, b)
        product[-1, -1] = 0
        return product

    monkeypatch.setattr(dense, "matmul", wrong)
    with pytest.raises(ValueError, match="got y by own that differs by"):
        compare_dense(DenseShape(4, 6, 5))
