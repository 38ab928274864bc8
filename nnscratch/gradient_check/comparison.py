"""A gradient as the code wrote it beside the one of differences, entry by entry."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nnscratch.gradient_check.differences import RIGHT, relative_error

# Small entries count as larger ones do: their differences are rounded like those of the largest
# entry, and no difference is exact to more than 1e-9 / 15 (`differences` stops where two step sizes
# agree to 1e-9, and the finer one is then 15 times as good).
_SMALL, _LEAST = 0.01, 1e-3


@dataclass(frozen=True)
class Entry:
    """The entry of an array where the two gradients differ most.

    index : its place in the array;  error : of that entry, 0 to 1
    written, numeric : the two gradients there
    """

    index: tuple[int, ...]
    error: float
    written: float
    numeric: float


@dataclass(frozen=True)
class Comparison:
    """The two gradients of one array.

    name     : "x", "weight" or, in a network, "layer 2 weight"
    shape    : of the array
    places   : (K,) which of its entries were compared, counted in reading order
    written  : (K,) dL/d(entry) as backward gave it
    numeric  : (K,) dL/d(entry) by central differences
    rounding : (K,) or one number: how far rounding alone may move `numeric`
    smooth   : no kink was seen
    kinks    : how many entries were left out because a kink lay too close

    The relative error of an entry is

        |written - numeric| / (|written| + |numeric| + floor)

    where floor is the largest of three numbers: 1/100 of the largest numeric entry of the array,
    1/1000, and rounding / 1e-7. So the error is 0 where both are 0, small where the gradient is 0
    but for rounding, about 1 where one of them is 0 and the other is not, 1/3 where one is twice
    the other. Above the bound, 1e-7, are a large entry that is wrong by 2e-7 of itself, and a small
    one that is wrong by 1e-9 of the largest (by 1e-10, if that is more).

    >>> written, numeric = np.array([1.0, 2.0, 3.0, 2.0]), np.array([1.0, 2.0, 3.0, 4.0])
    >>> half = Comparison("weight", (2, 2), np.arange(4), written, numeric, rounding=1e-11)
    >>> half.worst.index, round(half.worst.error, 4), half.verdict
    ((1, 1), 0.3311, 'wrong')
    """

    name: str
    shape: tuple[int, ...]
    places: np.ndarray
    written: np.ndarray
    numeric: np.ndarray
    rounding: np.ndarray | float
    smooth: bool = True
    kinks: int = 0

    @cached_property
    def errors(self) -> np.ndarray:
        """(K,) the relative error of each entry that was compared."""
        largest = float(np.abs(self.numeric).max(initial=0.0))
        floor = np.maximum(max(_SMALL * largest, _LEAST), np.asarray(self.rounding) / RIGHT)
        finite = np.isfinite(self.written)  # NaN or infinity is as wrong as can be
        written = np.where(finite, self.written, 0)
        sizes, differences = np.abs(written) + np.abs(self.numeric) + floor, np.abs(written - self.numeric)
        errors = np.divide(differences, sizes, out=np.zeros_like(sizes), where=sizes > 0)
        return np.where(finite, errors, 1.0)

    @cached_property
    def worst(self) -> Entry | None:
        """The entry with the largest relative error; None if none was compared."""
        if not len(self.places):
            return None
        k = int(np.argmax(self.errors))
        index = tuple(int(i) for i in np.unravel_index(self.places[k], self.shape))
        return Entry(index, float(self.errors[k]), float(self.written[k]), float(self.numeric[k]))

    @property
    def right(self) -> bool:
        """Whether every entry that was compared has a relative error of at most 1e-7."""
        return bool((self.errors <= RIGHT).all())

    @property
    def verdict(self) -> str:
        """ "right", "wrong", or "kinks" if each entry that was looked at has one too close."""
        if not len(self.places):
            return "kinks"
        return "right" if self.right else "wrong"

    @property
    def error(self) -> float:
        """The relative error of the array as a whole, by norms: what `gradient_check` returns."""
        if isinstance(self.rounding, np.ndarray):
            rounding = float(np.linalg.norm(self.rounding))
        else:
            rounding = self.rounding * math.sqrt(self.written.size)
        return relative_error(self.numeric, self.written, rounding=rounding)
