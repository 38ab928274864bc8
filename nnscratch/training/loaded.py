"""Loaded: batches that come from the user's own code, checked one by one as they come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnscratch.kernels.finite import all_finite
from nnscratch.losses.base import checked_weights
from nnscratch.training.batches import Batch

Fits = Callable[[np.ndarray, np.ndarray], None]


@dataclass
class Loaded:
    """What each batch must be that was not there, as an array, before the training.

    where : what gives the batches, for messages: "rows", "validation rows", "a Stream"
    dtype : of the model's parameters
    classes : whether y may hold whole numbers, too
    weighted : whether the loss takes weights of rows
    fits : called with x and y of the first batch; raises ValueError if they do not fit the model
    has_label : whether one batch so far had a label that is not NaN

    >>> loaded = Loaded("rows", np.dtype(np.float32))
    >>> loaded.checked((np.zeros((2, 3), np.uint8), np.zeros((2, 1), np.float32)))
    Traceback (most recent call last):
    ValueError: fit: got rows with x of uint8, expected the model's float32; convert each batch:
        nn.Rows(x, y, convert=...)
    """

    where: str
    dtype: np.dtype[Any]
    classes: bool = False
    weighted: bool = True
    fits: Fits | None = None
    has_label: bool = False
    _shapes: list[tuple[int, ...]] = field(default_factory=list)

    def checked(self, batch: Any, count: int | None = None) -> Batch:
        """The batch as a tuple, (x, y) or (x, y, float64 weights).

        count : rows that it must have; None: any number from 1 up

        Raises
            ValueError : it is something else, or holds what no model can learn from
        """
        if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
            raise self._error(f"a batch of type {type(batch).__name__}", "(x, y) or (x, y, sample_weight)", "return so")
        x, y, *weights = batch
        for name, array in (("x", x), ("y", y)):
            if not isinstance(array, np.ndarray):
                raise self._error(f"{name} of type {type(array).__name__}", "a NumPy array", "use np.asarray")
            if array.dtype != self.dtype and not (self.classes and array is y and array.dtype.kind in "iu"):
                fix = "convert each batch: nn.Rows(x, y, convert=...)" if "rows" in self.where else "use astype"
                raise self._error(f"{name} of {array.dtype}", f"the model's {self.dtype}", fix)
        self._check_shapes(x, y, count)
        if not all_finite(x):  # no NotFiniteError: that would be taken for a training that diverges
            raise self._error("NaN or infinity in x", "finite numbers", "look for missing values in the data")
        if y.dtype.kind == "f" and np.isinf(y).any():
            raise self._error("infinite values in y", "numbers, or NaN where a label is missing", "look at y")
        if weights and weights[0] is not None and not self.weighted:
            raise self._error(
                "sample weights", "a loss that takes them", "give its forward the argument sample_weight=None"
            )
        self.has_label = self.has_label or y.dtype.kind != "f" or not np.isnan(y).all()
        if not self._shapes:
            if self.fits is not None:
                self.fits(x, y)
            self._shapes = [x.shape[1:], y.shape[1:]]
        if not weights or weights[0] is None:
            return x, y
        return x, y, checked_weights(f"fit: {self.where}", weights[0], len(x))

    def check_labels(self) -> None:
        """Stops data that have come to their end without a label; ValueError."""
        if not self.has_label:
            raise self._error("y of NaN only", "labels to learn from", "look at y")

    def _check_shapes(self, x: np.ndarray, y: np.ndarray, count: int | None) -> None:
        if x.ndim == 0 or y.ndim == 0 or len(x) != len(y) or len(x) == 0 or (count is not None and len(x) != count):
            raise self._error(
                f"x of shape {x.shape} and y of {y.shape}",
                "one row of each, or more" if count is None else f"{count} rows of each, one for each index",
                "select both alike",
            )
        shapes = [x.shape[1:], y.shape[1:]]
        if self._shapes and shapes != self._shapes:
            first = " and ".join(str(("N", *shape)).replace("'", "") for shape in self._shapes)
            raise self._error(f"x of shape {x.shape} and y of {y.shape}", f"{first} as before", "give all one shape")

    def _error(self, came: str, expected: str, fix: str) -> ValueError:
        return ValueError(f"fit: got {self.where} with {came}, expected {expected}; {fix}")
