"""as_rows: tables and arrays of any numbers, made arrays that a model takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import nnscratch as nn


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.ones((3, 2)), np.ones((3, 2))),
        (np.arange(3), [[0], [1], [2]]),
        ([True, False], [[1], [0]]),
        ([[1, 2], [3, 4.5]], [[1, 2], [3, 4.5]]),
        ([[1, None]], [[1, np.nan]]),
        (np.ma.masked_equal(np.array([[1, 7]]), 7), [[1, np.nan]]),
        (np.ones((2, 3, 3, 1), np.uint8), np.ones((2, 3, 3, 1))),
        (pd.Series([1, 2]), [[1], [2]]),
        (pd.DataFrame({"a": [1, 2], "b": [0.5, None], "c": [True, False]}), [[1, 0.5, 1], [2, np.nan, 0]]),
        (pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": pd.array([0.5, 2], dtype="Float64")}),
         [[1, 0.5], [np.nan, 2]]),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), [[1, 2]]),
        (pd.DataFrame([[1, 0], [0, 2]]).astype(pd.SparseDtype("float", 0.0)), [[1, 0], [0, 2]]),
        (pd.Index([3, 4]), [[3], [4]]),
        (np.array([[np.inf, -np.inf]]), [[np.inf, -np.inf]]),  # as they came: fit says what is wrong with them
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_become_rows(values: Any, expected: Any, dtype: Any) -> None:
    rows = nn.as_rows(values, dtype)
    assert rows.dtype == dtype
    assert isinstance(rows, np.ndarray)
    np.testing.assert_array_equal(rows, np.asarray(expected, dtype))


def test_an_array_that_is_right_stays_itself() -> None:
    x = np.ones((2, 2), np.float32)
    assert nn.as_rows(x) is not None
    assert np.shares_memory(nn.as_rows(x), x)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pd.DataFrame({"a": [1], "city": ["Bern"]}), "got the column 'city' of (object|str), expected numbers"),
        (pd.DataFrame({"day": pd.to_datetime(["2020-01-01"])}), "got the column 'day' of datetime64"),
        (pd.DataFrame({"kind": pd.Categorical(["a"])}), "got the column 'kind' of category"),
        (pd.DataFrame(), "got a table without columns"),
        (pd.Series(["x"]), "expected numbers"),
        (3.0, "got one value '3.0', expected N rows"),
        ("text", "got one value 'text', expected N rows"),
        (["a", "b"], "got values of <U1, expected real numbers"),
        ([[1, 2], [3]], "got values of type list, expected N rows of numbers, all of one shape"),
        (np.ones((2, 2), complex), "got values of complex128, expected real numbers"),
        (np.array([[1e39]]), r"got 1e\+39, expected numbers that float32 can hold; divide"),
        (None, "got one value 'None'"),
        ([10**400], "expected N rows of numbers"),
    ],
)  # fmt: skip
def test_what_is_no_rows_of_numbers_is_named(values: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"as_rows: .*{message}" if "city" not in message else message):
        nn.as_rows(values)


def test_a_dtype_that_no_model_has() -> None:
    with pytest.raises(ValueError, match="as_rows: got dtype int64, expected float32 or float64"):
        nn.as_rows([[1]], np.int64)
