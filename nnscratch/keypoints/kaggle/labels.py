"""Labels as other programs write them: placeholders for missing ones, and other units.

A network learns any of them without a complaint: to answer -1 where a label is missing, or to be
"0.07 px" off where the labels were divided by 96. So the reader of a training file looks for them.

    placeholder   one exact value in many rows of a column, far from the column's other labels
    not pixels    nearly all labels within 8 px of the upper left corner
    other pixels  a column of x and one of y with many labels beyond the right or lower edge
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnscratch.keypoints.faces import COLUMNS, SIDE
from nnscratch.keypoints.kaggle.files import DataError

# Share of a column's labels from which one exact value, and at least 3 of them, is too often. Where
# no picture is, no point lies; at an edge, some rows may really have one; but both x and y at once?
_OUTSIDE, _INSIDE, _BOTH_AXES = 0.005, 0.1, 0.02
_FEWEST, _FEWEST_OF_BOTH = 3, 5
_FEWEST_INSIDE = 10  # other labels: fewer do not tell where a point may lie
# A value in so many rows is a placeholder too if it lies close to the other labels.
_VERY_MANY = 0.2

_NEAR_CORNER = 8  # px; labels divided by their spread lie within it, and 15 points of a face do not
_BEYOND = 0.25  # share of a column's labels beyond the edge: the picture was larger than 96 x 96
_FEWEST_BEYOND = 5


def check_labels(file: str, points: np.ndarray) -> None:
    """Sees to it that the labels of a training file are pixels, and missing ones are NaN.

    file : its name, for the message
    points : (N, 15, 2) float32 px, NaN where a label is missing; they may be anything else here

    Raises
        DataError : they are not, so far as this can be told; the message says what to do

    >>> points = np.random.default_rng(0).normal(48, 5, (20, 15, 2)).astype(np.float32)
    >>> check_labels("a.csv", points)
    >>> check_labels("a.csv", points / 96)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    nnscratch.keypoints.kaggle.files.DataError: a.csv: got labels that lie in 0.35..0.62, expect...
    """
    columns = points.reshape(len(points), len(COLUMNS))
    _check_placeholders(file, columns)
    labels = columns[np.isfinite(columns)]
    if len(labels) and np.ptp(labels) > 0:
        _check_unit(file, labels)
        _check_size(file, columns)


@dataclass(frozen=True)
class _Repeated:
    """A value that a column has several times.

    column : the column's number
    value  : that repeats
    rows   : (N,) bool, where it is
    others : the column's other labels, sorted
    """

    column: int
    value: float
    rows: np.ndarray
    others: np.ndarray

    @classmethod
    def of(cls, column: int, values: np.ndarray) -> list[_Repeated]:
        """The lowest, highest and commonest of a column (N,), if they repeat; NaN is no value."""
        different, counts = np.unique(values[~np.isnan(values)], return_counts=True)
        found = []
        for place in sorted({0, int(counts.argmax()), len(counts) - 1}) if len(counts) else ():
            if counts[place] >= _FEWEST:
                others = np.repeat(np.delete(different, place), np.delete(counts, place))
                found.append(cls(column, float(different[place]), values == different[place], others))
        return found

    @property
    def count(self) -> int:
        """Rows with the value."""
        return int(self.rows.sum())

    @property
    def labels(self) -> int:
        """Rows with this or another value."""
        return self.count + len(self.others)

    @property
    def is_placeholder(self) -> bool:
        """Whether it is one for sure, without a look at other columns."""
        share = self.count / self.labels
        if not self._is_at_edge:  # whole numbers repeat: only one that no label comes near is none
            return share >= _INSIDE and len(self.others) >= _FEWEST_INSIDE and self.is_beyond(1)
        is_outside = not 0 <= self.value <= SIDE
        if share >= (_OUTSIDE if is_outside else _INSIDE) and self.is_beyond(0.5):
            return True
        return share >= _VERY_MANY and self.is_beyond(0.1)

    def is_of_both_axes(self, other: _Repeated) -> bool:
        """Whether it is one because x and y of a point have it in the same rows."""
        if self.value != other.value or not (self.is_beyond(0) and other.is_beyond(0)):
            return False
        return bool((self.rows & other.rows).sum() >= max(_FEWEST_OF_BOTH, _BOTH_AXES * self.labels))

    def is_beyond(self, times: float) -> bool:
        """Whether it is `times` the width of the other labels away from them.

        The width is that of 98 % of them, about 5 standard deviations.
        """
        if len(np.unique(self.others)) < _FEWEST:
            return self._is_at_edge  # too few to compare with: but no point is there in all pictures
        low, high = np.quantile(self.others, [0.01, 0.99])
        away = times * (high - low)
        return bool(self.value < low - away or self.value > high + away)

    @property
    def _is_at_edge(self) -> bool:
        return not 0 < self.value < SIDE - 1


def _check_placeholders(file: str, columns: np.ndarray) -> None:
    repeated = [_Repeated.of(number, values) for number, values in enumerate(columns.T)]
    found = [
        each
        for number, of_column in enumerate(repeated)
        for each in of_column
        if each.is_placeholder or any(map(each.is_of_both_axes, repeated[number ^ 1]))
    ]
    if not found:
        return
    worst = max(found, key=lambda each: each.count)
    more = sum(each.value == worst.value for each in found) - 1
    also = f" (and in {more} more column{'s' * (more > 1)})" if more else ""
    far = f", far from the others at {worst.others[0]:.4g}..{worst.others[-1]:.4g}" if len(worst.others) else ""
    raise DataError.at(
        file,
        column=COLUMNS[worst.column],
        came=f"{worst.value:g} in {worst.count:,} of its {worst.labels:,} labels{far}{also}",
        expected="nothing where a label is missing",
        fix=f"leave the field empty in place of {worst.value:g}",
    )


def _check_unit(file: str, labels: np.ndarray) -> None:
    low, high = np.quantile(labels, [0.005, 0.995])
    if low < -_NEAR_CORNER or high > _NEAR_CORNER:
        return
    if low >= -0.1 and high <= 1.1:
        fix = f"multiply them by {SIDE}"
    elif low >= -1.6 and high <= 1.6:
        fix = f"multiply them by {SIDE // 2} and add {SIDE // 2}"
    else:
        fix = "undo what scaled them"
    raise DataError.at(file, came=f"labels that lie in {low:.2g}..{high:.2g}", expected=f"pixels 0..{SIDE}", fix=fix)


def _check_size(file: str, columns: np.ndarray) -> None:
    worst = [max(_beyond_edge(columns[:, number]) for number in range(axis, len(COLUMNS), 2)) for axis in range(2)]
    if min(worst) <= _BEYOND:
        return  # faces that leave the picture on one side do so on one axis
    raise DataError.at(
        file,
        came=f"labels that lie in {np.nanmin(columns):.4g}..{np.nanmax(columns):.4g}",
        expected=f"pixels 0..{SIDE} of a {SIDE} x {SIDE} picture",
        fix=f"multiply them by {SIDE} and divide them by the side of the picture that they were made in",
    )


def _beyond_edge(values: np.ndarray) -> float:
    """The share of a column's labels that lie beyond the right or lower edge; 0 for a few."""
    beyond = values > SIDE
    return float(beyond.sum() / np.isfinite(values).sum()) if beyond.sum() >= _FEWEST_BEYOND else 0.0
