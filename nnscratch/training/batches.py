"""Batches: the rows of a data set, some at a time, in a new order every epoch."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np

from nnscratch.checks import check_finite


class Batches:
    """The rows of a data set, in a new order every time, without ever a copy of the whole.

    x, y : (N, ...), one row of y for each of x

    >>> batches = Batches(np.arange(5.0), np.arange(5.0), batch_size=2)
    >>> [len(x) for x, y in batches.shuffled(np.random.default_rng(0))]
    [2, 2, 1]
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, batch_size: int) -> None:
        # np.take would copy all of a strided array for each batch; this copies it once, and a contiguous one never.
        self.x, self.y = np.ascontiguousarray(x), np.ascontiguousarray(y)
        self.batch_size = min(batch_size, len(x))
        self.batch_x = np.empty((self.batch_size, *x.shape[1:]), x.dtype)
        self.batch_y = np.empty((self.batch_size, *y.shape[1:]), y.dtype)

    def shuffled(self, generator: np.random.Generator) -> Generator[tuple[np.ndarray, np.ndarray], None, None]:
        """All rows in batches; each pair is overwritten by the next, and the last one may be smaller."""
        order = generator.permutation(len(self.x))
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            x, y = self.batch_x[: len(rows)], self.batch_y[: len(rows)]
            # mode="clip": with the default, np.take gathers into a buffer of its own first. No row is out of range.
            np.take(self.x, rows, axis=0, out=x, mode="clip")
            np.take(self.y, rows, axis=0, out=y, mode="clip")
            yield x, y


def check_rows(which: str, x: np.ndarray, y: np.ndarray, dtype: np.dtype[Any]) -> None:
    """Stops rows that a model cannot learn from, before any time goes into them.

    which : begins their names in the message, such as "validation "
    x, y : (N, ...), NaN in y where a label is missing
    dtype : of the model's parameters

    Raises
        ValueError : no arrays, no rows, lengths that differ, another dtype, NaN or inf in x, inf or only NaN in y
    """
    if not isinstance(x, np.ndarray) or not isinstance(y, np.ndarray):
        raise ValueError(f"got {which}x, y = {type(x)}, {type(y)}, expected NumPy arrays; use np.asarray")
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise ValueError(f"got {which}x of shape {x.shape} and y of {y.shape}, expected one row of y for each of x")
    if len(x) == 0:
        raise ValueError(f"got {which}x without rows, expected at least one; look at how the rows were selected")
    for name, array in (("x", x), ("y", y)):
        if array.dtype != dtype:
            raise ValueError(
                f"got {which}{name} of {array.dtype}, expected the model's {dtype}; use {name}.astype(np.{dtype})"
            )
    check_finite("fit", f"{which}x", x)
    if np.isinf(y).any():
        raise ValueError(f"got {which}y with infinite values, expected numbers, or NaN where a label is missing")
    if np.isnan(y).all():
        raise ValueError(f"got {which}y of NaN only, expected labels, else there is nothing to learn; look at y")
