"""Central differences: the slope of a number L as one entry of an array moves a little.

    dL/dw is about (L(w + h) - L(w - h)) / (2h)

with an error of order h^2 from the third derivative of L, and of about 1e-16 * L / h from rounding.
In float64 there is an h at which both are far below what a mistake in a formula makes: an error of
order 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

RIGHT = 1e-7  # a relative error up to this is rounding
# An error of a central difference with the first step, relative to the loss: 1e-16 / FIRST_STEP,
# with room.
ROUNDING = 1e-11
FIRST_STEP = 1e-3
_SMALLEST_STEP = 1e-6
# If two step sizes agree to this, relative to the largest gradient seen, no kink lies between them.
_AGREEMENT = 1e-9


@dataclass(frozen=True)
class Slope:
    """dL/dw of one entry: its value, the step h that gave it, and whether no kink was seen."""

    value: float
    step: float
    smooth: bool


def numerical_gradient(scalar: Callable[[], float], array: np.ndarray) -> np.ndarray:
    """Central differences of `scalar()` for each value of `array`.

    Each value is changed in place, and put back.

    array : any shape, float64, read by `scalar`
    Returns an array of the same shape.

    >>> x = np.array([1.0, -2.0])
    >>> numerical_gradient(lambda: float((x**2).sum()), x).round(6)
    array([ 2., -4.])
    """
    return slopes(scalar, array)[0]


def slopes(scalar: Callable[[], float], array: np.ndarray) -> tuple[np.ndarray, bool]:
    """The gradient by central differences, and whether no kink was seen."""
    gradient = np.zeros_like(array)
    middle, largest, smooth = scalar(), 1.0, True
    for index in np.ndindex(*array.shape):
        slope = slope_at(scalar, array, index, middle, largest)
        smooth = smooth and slope.smooth
        gradient[index] = slope.value
        largest = max(largest, abs(slope.value))
    return gradient, smooth


def slope_at(
    scalar: Callable[[], float],
    array: np.ndarray,
    index: tuple[int, ...],
    middle: float,
    largest: float,
    *,
    first_step: float = FIRST_STEP,
    smallest_step: float = _SMALLEST_STEP,
    rounding: float = 0.0,
) -> Slope:
    """The slope of `scalar()` as `array[index]` moves.

    middle   : scalar() as `array` is
    largest  : the size of the slopes around; two that agree to 1e-9 of it are equal
    first_step, smallest_step : a kink closer than the smallest is not stepped around
    rounding : of a central difference with the step FIRST_STEP: two that it explains are equal, too
    """
    step, agree, on_kink = first_step, False, False
    slope, bend = _central_difference(scalar, array, index, step, middle)
    while step > smallest_step and not agree:
        finer, finer_bend = _central_difference(scalar, array, index, step / 4, middle)
        agree = abs(finer - slope) <= max(_AGREEMENT * largest, rounding * FIRST_STEP * 4 / step)
        # The slopes to both sides differ by step * second derivative, or by a kink's angle, which a
        # smaller step does not make smaller.
        on_kink = abs(finer_bend) > max(abs(bend) / 2, RIGHT * largest)
        slope, bend, step = finer, finer_bend, step / 4
    return Slope(slope, step, agree and not on_kink)


def relative_error(a: np.ndarray, b: np.ndarray, rounding: float = 0.0) -> float:
    """|a - b| / (|a| + |b|), Euclidean norms: 0 if a = b, also if both are 0, at most 1.

    rounding : the |a - b| of two gradients that are 0 but for rounding; it counts as 1e-7
    """
    scale = float(np.linalg.norm(a) + np.linalg.norm(b)) + rounding / RIGHT
    return float(np.linalg.norm(a - b)) / scale if scale else 0.0


def _central_difference(
    scalar: Callable[[], float], array: np.ndarray, index: tuple[int, ...], step: float, middle: float
) -> tuple[float, float]:
    """The slope across both sides, and the slope to the right less that to the left.

    middle : scalar() as `array` is
    """
    value = array[index]
    array[index] = value + step
    above = scalar()
    array[index] = value - step
    below = scalar()
    array[index] = value
    return (above - below) / (2 * step), (above - 2 * middle + below) / step
