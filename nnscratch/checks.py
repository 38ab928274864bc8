"""Checks of arguments: one vocabulary for all of nnscratch, of words that compose.

    whole_number, pair                 sizes and counts
    number                             finite, within limits: at_least, above, below, at_most
    positive, not_negative, fraction   the three ranges that most numbers here are in
    check_array, check_finite, check_rows   arrays
    flag                               True or False
    random_generator                   what random numbers are drawn from
    floating                           dtypes

A check of a number returns it as a plain int or float: a NumPy scalar would make what follows
compute in the scalar's dtype. Every error is one line, "WHERE: got NAME=VALUE, expected WHAT; FIX".
WHERE is the class or function that the caller named, or the layer.

>>> number("Dropout", "p", 0.5, at_least(0), below(1))
0.5
>>> number("Dropout", "p", 50, at_least(0), below(1), fix="it is the share to drop")
Traceback (most recent call last):
ValueError: Dropout: got p=50, expected a finite number >= 0 and < 1; it is the share to drop
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from nnscratch.kernels.finite import all_finite


class NotFiniteError(ValueError):
    """An array holds NaN or infinity, and nothing can be computed with these."""


@dataclass(frozen=True)
class Limit:
    """One end of a range of numbers: in words, such as ">= 0", and as a test."""

    words: str
    holds: Callable[[float], bool]


def at_least(bound: float) -> Limit:
    """Numbers >= `bound`."""
    return Limit(f">= {bound:g}", lambda value: value >= bound)


def above(bound: float) -> Limit:
    """Numbers > `bound`."""
    return Limit(f"> {bound:g}", lambda value: value > bound)


def at_most(bound: float) -> Limit:
    """Numbers <= `bound`."""
    return Limit(f"<= {bound:g}", lambda value: value <= bound)


def below(bound: float) -> Limit:
    """Numbers < `bound`."""
    return Limit(f"< {bound:g}", lambda value: value < bound)


_ABOVE_0, _AT_LEAST_0, _BELOW_1 = above(0), at_least(0), below(1)


def number(where: object, name: str, value: object, *limits: Limit, fix: str = "") -> float:
    """`value` as a float, if it is a finite real number that keeps to all `limits`.

    Raises
        ValueError : it is not; `fix` ends the message, or "set NAME in that range"
    """
    try:
        result = float(value) if not isinstance(value, bool) and isinstance(value, Real) else math.nan
    except OverflowError:  # a whole number that is too large for a float
        result = math.inf
    if not math.isfinite(result) or not all(limit.holds(result) for limit in limits):
        words = " and ".join(limit.words for limit in limits)
        raise _error(where, name, value, f"a finite number {words}".rstrip(), fix)
    return result


def positive(where: object, name: str, value: object, fix: str = "") -> float:
    """`value` as a float, if 0 < value < infinity; otherwise ValueError: see `number`."""
    return number(where, name, value, _ABOVE_0, fix=fix)


def not_negative(where: object, name: str, value: object, fix: str = "") -> float:
    """`value` as a float, if 0 <= value < infinity; otherwise ValueError: see `number`."""
    return number(where, name, value, _AT_LEAST_0, fix=fix)


def fraction(where: object, name: str, value: object, fix: str = "") -> float:
    """`value` as a float, if 0 <= value < 1; otherwise ValueError: see `number`."""
    return number(where, name, value, _AT_LEAST_0, _BELOW_1, fix=fix)


def whole_number(where: object, name: str, value: object, least: int = 1, fix: str = "") -> int:
    """`value` as an int, if it is a whole number of at least `least`.

    Raises
        ValueError : it is not; `fix` ends the message, or "set NAME in that range"
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise _error(where, name, value, f"a whole number from {least} up", fix)
    return int(value)


def flag(where: object, name: str, value: object) -> bool:
    """`value` as a bool, if it is one: "no" and -5 are not, though Python would take them for True.

    Raises
        ValueError : it is something else
    """
    if not isinstance(value, bool | np.bool_):
        raise _error(where, name, value, "True or False", "choose one of the two")
    return bool(value)


def random_generator(where: object, rng: Any, name: str = "rng") -> np.random.Generator:
    """`rng` as a NumPy Generator: itself, or a new one that begins with this seed; None: by chance.

    Raises
        ValueError : it is neither a Generator, nor a whole number from 0 up, nor another seed that
            `numpy.random.default_rng` takes
    """
    try:
        if not isinstance(rng, bool | np.bool_):
            return np.random.default_rng(rng)
    except (TypeError, ValueError):
        pass
    raise _error(where, name, rng, "a seed, a whole number from 0 up, or a NumPy Generator", f"write {name}=0")


def random_streams(where: object, rng: Any, count: int, name: str = "rng") -> list[np.random.Generator]:
    """`count` Generators with different streams, from one seed; a larger count changes none.

    rng : a Generator, which gives others each time, or a seed

    Raises
        ValueError : as `random_generator`, and a Generator that cannot be split

    >>> [int(stream.integers(100)) for stream in random_streams("Sequential", 0, 3)]
    [80, 66, 65]
    """
    generator = random_generator(where, rng, name)
    try:
        return generator.spawn(count)
    except TypeError:
        fix = "pass numpy.random.default_rng(SEED)"
        raise _error(where, name, rng, "a Generator that can spawn others", fix) from None


def pair(where: object, name: str, value: object, least: int = 1) -> tuple[int, int]:
    """(height, width) from one whole number, for both, or from two; each at least `least`.

    Raises
        ValueError : `value` is neither

    >>> pair("Conv2D", "stride", 2), pair("Conv2D", "stride", (2, 1))
    ((2, 2), (2, 1))
    """
    if not isinstance(value, tuple | list):
        value = (value, value)
    if len(value) != 2:
        raise _error(where, name, value, "one whole number or (height, width)", "leave the others out")
    return whole_number(where, name, value[0], least), whole_number(where, name, value[1], least)


def short_pair(value: tuple[int, int]) -> int | tuple[int, int]:
    """A pair of equal numbers as the one number: how `repr` and saved files show pairs.

    >>> short_pair((2, 2)), short_pair((2, 1))
    (2, (2, 1))
    """
    return value[0] if value[0] == value[1] else value


def floating(where: object, dtype: Any) -> np.dtype[Any]:
    """`dtype` as NumPy's float32 or float64.

    Raises
        ValueError : it is another dtype
    """
    result = np.dtype(dtype)
    if result not in (np.float32, np.float64):
        raise ValueError(
            f"{where}: got dtype {result}, expected float32 or float64; use float32 to train, float64 to check"
        )
    return result


def check_array(where: object, name: str, x: object) -> None:
    """Stops what is no NumPy array, such as a list.

    Raises
        ValueError : says the type of x
    """
    if not isinstance(x, np.ndarray):
        raise ValueError(
            f"{where}: got {name} of type {type(x).__name__}, expected a NumPy array; use np.asarray({name}, dtype)"
        )


def check_rows(where: object, x: np.ndarray, y: np.ndarray) -> None:
    """Stops an x and a y that are not some rows, with one of y for each of x; ValueError."""
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y) or len(x) == 0:
        raise ValueError(
            f"{where}: got x {x.shape} and y {y.shape}, expected rows, one of y for each of x; select both alike"
        )


def check_finite(where: object, name: str, x: np.ndarray) -> None:
    """Stops NaN and infinity.

    Raises
        NotFiniteError : says how many values of x are not finite
    """
    if not all_finite(x):
        count = x.size - int(np.isfinite(x).sum())
        raise NotFiniteError(
            f"{where}: got {name} with {count:,} of {x.size:,} values NaN or infinite, expected finite numbers; look "
            "for missing values in the data, or lower the learning rate if training brought them about"
        )


def _error(where: object, name: str, value: object, expected: str, fix: str) -> ValueError:
    return ValueError(f"{where}: got {name}={value!r}, expected {expected}; {fix or f'set {name} in that range'}")
