"""How two arrays differ, in words: what a wrong result gives away about the code that made it.

Each rule looks at all cases that were tried, and speaks only if it explains every one of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Difference:
    """A wrong result of one case.

    got, right : arrays; they may differ in shape and dtype
    rows       : the length of the first argument, usually the number of rows or images N
    tolerance  : the largest relative difference that counts as equal
    """

    got: np.ndarray
    right: np.ndarray
    rows: int
    tolerance: float = 1e-7

    def explained_by(self, other: np.ndarray) -> bool:
        """Whether `other` is what was got."""
        return equal(self.got, other, self.tolerance)

    @property
    def of_another_kind(self) -> bool:
        """Whether whole numbers or truth values stand where fractions do, or numbers for a mask."""
        got, right = self.got.dtype, self.right.dtype
        return got.kind in "iub" if right.kind == "f" else (got.kind == "b") != (right.kind == "b")

    @property
    def none(self) -> bool:
        return equal(self.got, self.right, self.tolerance)


def equal(a: np.ndarray, b: np.ndarray, tolerance: float) -> bool:
    """Whether two arrays have one shape and the same numbers, up to rounding."""
    if a.shape != b.shape:
        return False
    if a.dtype == bool or b.dtype == bool:
        return bool(np.array_equal(a, b))
    finite = np.abs(b[np.isfinite(b)])
    scale = float(finite.max(initial=0.0))
    return bool(np.allclose(a, b, rtol=tolerance, atol=tolerance * scale, equal_nan=True))


def explain(differences: Sequence[Difference]) -> str:
    """One sentence about what is wrong with a result; some cases may be right."""
    for rule in _RULES_OF_MASKS if differences[0].right.dtype == bool else _RULES:
        told = rule(differences)
        if told:
            return told
    return where(differences)


def where(differences: Sequence[Difference]) -> str:
    """How many numbers are right in the first wrong case, and the first one that is not."""
    first = next(each for each in differences if not each.none)
    if first.got.shape != first.right.shape:
        return f"its shape is {first.got.shape}, expected {first.right.shape}"
    right = first.got == first.right
    if first.got.dtype != bool and first.right.dtype != bool:
        scale = float(np.abs(first.right).max(initial=0.0))
        right = np.isclose(first.got, first.right, rtol=first.tolerance, atol=first.tolerance * scale, equal_nan=True)
    if not right.ndim:
        return f"yours is {_number(first.got)}, right is {_number(first.right)}"
    index = tuple(int(i) for i in np.argwhere(~right)[0])
    return (
        f"{np.count_nonzero(right)} of {right.size} numbers are right; the first wrong one is at "
        f"[{', '.join(map(str, index))}]: yours {_number(first.got[index])}, right {_number(first.right[index])}"
    )


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float | np.floating | np.ndarray) and np.size(value) == 1 else str(value)


# The rules: each gives its sentence, or nothing.


def _order(differences: Sequence[Difference]) -> str:
    dimensions = {each.right.ndim for each in differences} | {each.got.ndim for each in differences}
    if len(dimensions) > 1 or max(dimensions) > 4:
        return ""
    axes = tuple(range(max(dimensions)))
    for order in itertools.permutations(axes):
        if order != axes and all(each.explained_by(each.right.transpose(order)) for each in differences):
            if len(axes) == 2:
                return "it is the transpose of what it should be: rows and columns are exchanged"
            return f"its axes stand in another order: what should be its axes {axes} are its axes {_inverse(order)}"
    return ""


def _inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    """Where each axis has gone."""
    return tuple(order.index(axis) for axis in range(len(order)))


def _shape(differences: Sequence[Difference]) -> str:
    wrong = [each for each in differences if each.got.shape != each.right.shape]
    if not wrong:
        return ""
    first = wrong[0]
    told = f"its shape is {first.got.shape}, expected {first.right.shape}"
    if all(each.got.size == each.right.size for each in differences):
        if all(equal(each.got.reshape(each.right.shape), each.right, each.tolerance) for each in differences):
            return f"its numbers are right, but {told}"
        return told
    for axis in range(first.got.ndim):
        if all(_summed(each.got, axis, each.right, each.tolerance) for each in differences):
            return f"the sum over its axis {axis} is missing: {told}"
    for axis in range(first.right.ndim):
        if all(_summed(each.right, axis, each.got, each.tolerance) for each in differences):
            return f"it is summed over one axis too many, axis {axis}: {told}"
    if all(equal(each.got, each.right.sum(), each.tolerance) for each in differences):
        return f"it is one number, the sum of all that it should be: {told}"
    return told


def _summed(array: np.ndarray, axis: int, total: np.ndarray, tolerance: float) -> bool:
    return axis < array.ndim and equal(array.sum(axis=axis), total, tolerance)


def _kind(differences: Sequence[Difference]) -> str:
    if any(each.got.dtype.kind in "iu" and each.right.dtype.kind == "f" for each in differences):
        dtype = next(each.got.dtype for each in differences if each.got.dtype.kind in "iu")
        return f"it holds whole numbers (dtype {dtype}), so everything behind the point is cut off: make it a float"
    if any(each.got.dtype == bool != each.right.dtype for each in differences):
        return "it holds True and False, expected numbers"
    loose = all(equal(each.got, each.right, 1e-4) for each in differences)
    if loose and any(each.got.dtype.itemsize < each.right.dtype.itemsize for each in differences):
        dtype = differences[0].got.dtype
        return f"its numbers are rounded (dtype {dtype}): keep the dtype of what comes in, here float64"
    return ""


def _not_finite(differences: Sequence[Difference]) -> str:
    for each in differences:
        bad = ~np.isfinite(each.got) & np.isfinite(each.right)
        if bad.any():
            index = tuple(int(i) for i in np.argwhere(bad)[0])
            at = f" at [{', '.join(map(str, index))}]" if index else ""
            return f"it is {each.got[index]}{at}, where a number is expected: a division by 0, or an overflow?"
    return ""


def _zero(differences: Sequence[Difference]) -> str:
    if all(not each.got.any() for each in differences):
        return "it is 0 everywhere: was anything ever written into it?"
    return ""


def _factor(differences: Sequence[Difference]) -> str:
    if all(each.explained_by(-each.right) for each in differences):
        return "its sign is wrong: it is the negative of what it should be"
    if all(each.explained_by(each.right / each.rows) for each in differences):
        return "it is divided by N, the length of the first argument, once too often"
    if all(each.explained_by(each.right / each.rows**2) for each in differences):
        return "it is divided by N, the length of the first argument, twice too often"
    if all(each.explained_by(each.right * each.rows) for each in differences):
        return "it is N times too large, N being the length of the first argument: a division by N is missing"
    if all(each.explained_by(each.right / each.right.size) for each in differences):
        return "it is divided by the number of its values once too often"
    first = differences[0]
    place = int(np.argmax(np.abs(first.right))) if first.right.size else 0
    if not first.right.size or not first.right.ravel()[place]:
        return ""
    factor = float(first.got.ravel()[place] / first.right.ravel()[place])
    if factor and all(each.explained_by(factor * each.right) for each in differences):
        return f"it is {factor:.4g} times what it should be, everywhere: a constant factor"
    return ""


def _offset(differences: Sequence[Difference]) -> str:
    if differences[0].right.size < 2:
        return ""
    offset = float(np.mean(differences[0].got - differences[0].right))
    if all(each.explained_by(each.right + offset) for each in differences):
        return f"every number of it is {abs(offset):.4g} too {'large' if offset > 0 else 'small'}"
    return ""


def _mirrored(differences: Sequence[Difference]) -> str:
    dimensions = differences[0].right.ndim
    for count in range(1, dimensions + 1):
        for axes in itertools.combinations(range(dimensions), count):
            if all(each.explained_by(np.flip(each.right, axes)) for each in differences):
                named = "axis " + " and ".join(map(str, axes))
                return f"it is mirrored: its numbers stand in reverse order along {named}"
    return ""


def _first_row(differences: Sequence[Difference]) -> str:
    several = [each for each in differences if each.right.ndim and len(each.right) > 1]
    if several and all(equal(each.got[:1], each.right[:1], each.tolerance) for each in differences if each.right.ndim):
        rest = [
            equal(got, right, each.tolerance)
            for each in several
            for got, right in zip(each.got[1:], each.right[1:], strict=True)
        ]
        if not any(rest):
            return "only its first row is right: does the loop end too early, or use index 0 for all?"
    return ""


def _border(differences: Sequence[Difference]) -> str:
    seen = False
    for each in differences:
        if each.right.ndim not in (3, 4):
            return ""
        rows, columns = each.right.shape[-3:-1]
        if rows < 3 or columns < 3:
            continue
        inside = (..., slice(1, -1), slice(1, -1), slice(None))
        if not equal(each.got[inside], each.right[inside], each.tolerance):
            return ""
        seen = seen or not each.none
    return "only its border is wrong, the inside is right: look at what lies outside the image" if seen else ""


def _masks(differences: Sequence[Difference]) -> str:
    if any(each.got.dtype != bool for each in differences):
        return f"its dtype is {differences[0].got.dtype}, expected True and False: make a comparison"
    if all(each.explained_by(~each.right) for each in differences):
        return "it is the wrong way round: True where it should be False"
    return ""


_RULES_OF_MASKS: tuple[Callable[[Sequence[Difference]], str], ...] = (_order, _shape, _masks)
_RULES: tuple[Callable[[Sequence[Difference]], str], ...] = (
    _order, _shape, _kind, _not_finite, _zero, _factor, _mirrored, _offset, _first_row, _border,
)  # fmt: skip
