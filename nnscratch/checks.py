"""Checks of what callers give: each error says what came, what was expected, and the fix."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np

from nnscratch.kernels.finite import all_finite


class NotFiniteError(ValueError):
    """An array holds NaN or infinity where only numbers can be computed with."""


def check_finite(owner: object, name: str, x: np.ndarray) -> None:
    """Stops NaN and infinity. `owner` and the array's `name` begin the message: "ReLU(): got x with ...".

    Raises
        NotFiniteError : says how many values of x are not finite
    """
    if not all_finite(x):
        count = x.size - int(np.isfinite(x).sum())
        raise NotFiniteError(
            f"{owner}: got {name} with {count:,} of {x.size:,} values NaN or infinite, expected finite numbers; look "
            "for missing values in the data, or lower the learning rate if training brought them about"
        )


def size(layer_name: str, name: str, value: object, least: int = 1) -> int:
    """`value` as a whole number of at least `least`.

    Raises
        ValueError : it is not one
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{layer_name}: got {name}={value!r}, expected a whole number from {least} up")
    return int(value)


def pair(layer_name: str, name: str, value: object, least: int = 1) -> int | tuple[int, int]:
    """`value` as given, a whole number or two of them (height, width), after a check.

    Raises
        ValueError : it is neither
    """
    if isinstance(value, tuple | list):
        if len(value) != 2:
            raise ValueError(f"{layer_name}: got {name}={value!r}, expected one whole number or (height, width)")
        return size(layer_name, name, value[0], least), size(layer_name, name, value[1], least)
    return size(layer_name, name, value, least)


def both(value: int | tuple[int, int]) -> tuple[int, int]:
    """(height, width) from a number that stands for both, or from a pair."""
    return value if isinstance(value, tuple) else (value, value)


def floating(dtype: Any) -> np.dtype[Any]:
    """`dtype` as NumPy's float32 or float64.

    Raises
        ValueError : it is another one
    """
    result: np.dtype[Any] = np.dtype(dtype)
    if result not in (np.float32, np.float64):
        raise ValueError(f"got dtype {result}, expected float32 (to train) or float64 (to check)")
    return result


def in_range(name: str, value: object, low: float, high: float) -> float:
    """`value` as a float (a NumPy scalar would compute in its own dtype) if low <= value < high, else ValueError."""
    if not isinstance(value, Real) or not low <= float(value) < high:
        expected = f"a finite number >= {low}" if high == math.inf else f"a number >= {low} and < {high}"
        raise ValueError(f"got {name}={value!r}, expected {expected}; set {name} in that range")
    return float(value)
