"""Conversion: a table or an array of any numbers, made an array that a model takes, once."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnscratch.checks import floating


def as_rows(values: Any, dtype: Any = np.float32) -> np.ndarray:
    """An array that a model can take, from a DataFrame, a Series, an array or nested lists.

    This is for numbers that are to be converted once, before a training.

    values : N rows of numbers. A column of a DataFrame may be of any numeric dtype, booleans and
        pandas' nullable ones included. Missing values (None, NA, masked) become NaN
    dtype : float32 or float64, as the model's parameters

    Returns
        (N, ...), in `dtype`. One number per row, such as a Series, becomes a column (N, 1).
        `values` itself if it is such an array

    Raises
        ValueError : text, dates or categories, whose column is named; rows of different lengths;
            complex numbers; a number too large for `dtype`

    To convert millions of pictures at once would take four times their memory: `nn.Rows` converts
    them batch by batch.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"height": [1.75, None], "age": [30, 41]})
    >>> as_rows(frame)
    array([[ 1.75, 30.  ],
           [  nan, 41.  ]], dtype=float32)
    >>> as_rows(frame["age"])
    array([[30.],
           [41.]], dtype=float32)
    """
    dtype = floating("as_rows", dtype)
    array = _of_columns(values) if hasattr(values, "iloc") else _of_array(values)
    if array.ndim == 0:
        raise _error(f"one value {str(values)[:40]!r}", "N rows", "put it into a list, or look at where it comes from")
    if array.dtype.kind not in "fiub":
        raise _error(f"values of {array.dtype}", "real numbers", "encode them as numbers first")
    with np.errstate(over="ignore", invalid="ignore"):
        rows = array.astype(dtype, copy=False)
    if rows is not array and array.dtype.kind == "f" and (np.isinf(rows) & np.isfinite(array)).any():
        largest = float(np.max(np.abs(array), initial=0, where=np.isfinite(array)))
        raise _error(
            f"{largest:.3g}", f"numbers that {dtype} can hold", "divide them by their spread, or use dtype=np.float64"
        )
    return rows.reshape(-1, 1) if rows.ndim == 1 else rows


def _of_columns(table: Any) -> np.ndarray:
    """A DataFrame or a Series of pandas as float64."""
    frame = table if hasattr(table, "columns") else table.to_frame()
    columns = []
    for k, name in enumerate(frame.columns):
        column = frame.iloc[:, k]  # by place: a name may stand there twice
        if getattr(column.dtype, "kind", "O") not in "fiub":
            raise _error(
                f"the column {str(name)[:40]!r} of {column.dtype}", "numbers",
                "leave it out, or encode it: pandas.get_dummies(frame) for categories",
            )  # fmt: skip
        columns.append(column.to_numpy(dtype=np.float64, na_value=np.nan))
    if not columns:
        raise _error("a table without columns", "one at least", "look at how it was selected")
    return np.stack(columns, axis=1)


def _of_array(values: Any) -> np.ndarray:
    if hasattr(values, "toarray"):  # a sparse matrix
        return np.asarray(values.toarray())
    if isinstance(values, np.ma.MaskedArray):
        return np.where(np.ma.getmaskarray(values), np.nan, values.data)
    try:
        array = np.asarray(values)
        is_numbers_and_none = array.dtype.kind == "O" and array.ndim > 0
        return np.asarray(array, np.float64) if is_numbers_and_none else array
    except (OverflowError, TypeError, ValueError):
        raise _error(f"values of type {type(values).__name__}", "N rows of numbers, all of one shape",
                     "encode text as numbers, and give each row as many values") from None  # fmt: skip


def _error(came: str, expected: str, fix: str) -> ValueError:
    return ValueError(f"as_rows: got {came}, expected {expected}; {fix}")
