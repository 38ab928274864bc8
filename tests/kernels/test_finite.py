"""NaN and infinity are found wherever they are, and nothing else is taken for them."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels.finite import all_finite

LARGE = (1 << 18) + 5  # more than a block


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 3, 100, LARGE])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_bad_number_anywhere(dtype: type, size: int, bad: float) -> None:
    x = np.ones(size, dtype)
    assert all_finite(x)
    for place in {0, size // 2, size - 1}:
        x[place] = bad
        assert not all_finite(x)
        x[place] = 1


@pytest.mark.parametrize("size", [4, LARGE])
def test_the_largest_numbers_are_finite(size: int) -> None:
    assert all_finite(np.full(size, np.finfo(np.float32).max, np.float32))


def test_no_number_and_strided_numbers() -> None:
    assert all_finite(np.empty((0, 3), np.float32))
    x = np.ones((4, 6), np.float32)
    x[:, 1] = np.nan
    assert all_finite(x[:, ::2])
    assert not all_finite(x.T)


@pytest.mark.parametrize(
    "x", [np.ones((3, 4), ">f4"), np.ones(5, np.float16), np.ones((2, 3), int), np.ones(3, bool), np.ones(()),
          np.ones((0, 3), np.float32), np.ones(4, complex), np.ones((4, 6), np.float32).T[::2]],
)  # fmt: skip
def test_any_array_of_numbers(x: np.ndarray) -> None:
    assert all_finite(x)
    if x.size and x.dtype.kind in "fc":
        bad = x.copy()
        bad[(-1,) * x.ndim] = np.nan
        assert not all_finite(bad)


@pytest.mark.parametrize("x", [np.array(["a"]), np.array([None]), [1.0], None])
def test_what_is_no_array_of_numbers(x: object) -> None:
    with pytest.raises(ValueError, match="all_finite: got x of .*expected an array of numbers"):
        all_finite(x)  # type: ignore[arg-type]
