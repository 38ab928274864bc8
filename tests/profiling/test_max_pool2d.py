"""Max pooling by every method."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels import loops
from nnscratch.profiling import max_pool2d
from nnscratch.profiling.max_pool2d import Pool, compare_max_pool2d


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(max_pool2d, "_COMPARISONS_OF_LOOPS", 500)
    monkeypatch.setattr(max_pool2d.compare, "__kwdefaults__", {"seconds": 0.0})


@pytest.mark.parametrize(
    "pool",
    [Pool(2, 6, 7, 3), Pool(3, 9, 9, 2, 3, 2), Pool(1, 40, 40, 2, 2, 3), Pool(5, 2, 2, 1), Pool(1, 8, 8, 1, 3, 1)],
)
def test_all_methods_agree(pool: Pool) -> None:
    result = compare_max_pool2d(pool)
    assert [row.method for row in result.rows[::2]] == ["loops", "NumPy", "compiled"]
    assert [row.difference for row in result.rows[::2]] == [0, 0, 0]  # nothing is added: the same bits
    assert max(row.difference for row in result.rows) <= result.operation.bounds[1]
    assert result.operation.operations == (pool.comparisons, int(np.prod(pool.y_shape)))


def test_the_loops_run_on_a_part_that_is_told() -> None:
    result = compare_max_pool2d(Pool(4, 40, 40, 2))
    assert result.rows[0].part == 3 / (4 * 20)
    assert "run on 6 rows of 1 image, scaled" in result.ideas["loops"]


def test_a_wrong_method_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = loops.max_pool2d_backward
    monkeypatch.setattr(loops, "max_pool2d_backward", lambda *arguments: 1.001 * right(*arguments))
    with pytest.raises(ValueError, match="got dx by loops that differs by 0.001"):
        compare_max_pool2d(Pool(2, 6, 6, 3))


def test_images_smaller_than_a_window() -> None:
    with pytest.raises(ValueError, match="use larger images"):
        compare_max_pool2d(Pool(2, 1, 6, 3))
