"""Metric: a number for people that judges a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Metric:
    """A number for people beside the loss, such as an error in pixels.

    Arguments
        name : heading of its column in the history
        unit : shown after the number; "" if there is none
        function : (prediction, target), two arrays of N rows -> float
        higher_is_better : (default False) for errors; True for a score such as R^2: then the best
            epoch is the one with the highest, for `keep_best` and `patience` too

    Raises
        ValueError : a name or unit that is no text, a function that is none, a higher_is_better
            that is neither True nor False

    >>> def mean_error(prediction, target):
    ...     return float(np.nanmean(np.abs(prediction - target)))
    >>> error = Metric("mean_error", "px", mean_error)
    >>> error.function(np.array([1.0, 5.0]), np.array([2.0, np.nan]))
    1.0
    """

    name: str
    unit: str
    function: Callable[[np.ndarray, np.ndarray], float]
    higher_is_better: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not isinstance(self.unit, str) or not self.name:
            raise ValueError(
                f"Metric: got name={self.name!r}, unit={self.unit!r}, expected two texts; write Metric('R2', '', ...)"
            )
        if not callable(self.function):
            raise ValueError(
                f"Metric: got function={self.function!r}, expected a function (prediction, target) -> float; pass one"
            )
        if not isinstance(self.higher_is_better, bool):
            raise ValueError(
                f"Metric: got higher_is_better={self.higher_is_better!r}, expected True or False; write one of them"
            )
