"""Blends: what a level's networks found, corrected by what was known before: a ridge regression.

Each network of a level sees one part of a face, and not where in the picture it is. What it cannot
know, the other points tell: a mouth that was found 2 px beside where everything else says it is, is
probably not there; nor is a face far from where faces usually are. For each coordinate c, let q be
the points found now (30 numbers), p the points known before and d the label offset. With q, p - q
and d each minus its mean and divided by its standard deviation,

    answer_c = q_c + b_c + sum over j of (W_cj q_j + V_cj (p_j - q_j)) + u_c d

The V terms let the regression ignore a level: with one choice of V_cc, answer_c = p_c. W, V and u
minimise

    sum over faces of (answer_c - true_c)^2 + strength * (|W_c|^2 + |V_c|^2 + u_c^2)

on the faces that the networks were trained on. The networks do better on these (1.32 px on real
faces) than on new ones (1.50 px), so held-out faces would be fairer teachers. But there are few: a
regression fitted on 993 held-out faces took new faces to 1.42 px, one fitted on the 4,647 training
faces to 1.40 px. So held-out faces only judge: they choose the strength, and they switch a blend
off for each point that it does not improve, which then keeps its answer of before. After that, a
last regression is fitted on training and held-out faces together. A face may count less than
others: each term of both sums, of what is minimised and of what judges, has its face's weight.

Source: Hoerl & Kennard, "Ridge regression: biased estimation for nonorthogonal problems" (1970).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nnscratch.keypoints.faces import POINTS

_STRENGTHS = (10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10000.0)
_LEAST_JUDGES = 20  # held-out labels of a point; fewer do not decide whether a blend improves it
_VALUES = 2 * len(POINTS)
_INPUTS = 2 * _VALUES + 1
_LARGEST = 1e9  # a weight is about 1, a bias some px; the rest is room


@dataclass(frozen=True)
class Sighting:
    """What one pass of a level saw: the inputs of a blend.

    before : (N, 15, 2) px, where the points were thought to be
    found  : (N, 15, 2) px, where the networks found them
    offset : (N,) px, the faces' label offset
    """

    before: np.ndarray
    found: np.ndarray
    offset: np.ndarray

    def inputs(self) -> np.ndarray:
        """(N, 61): [q, p - q, d]."""
        q, p = (points.reshape(len(points), _VALUES) for points in (self.found, self.before))
        return np.concatenate([q, p - q, self.offset[:, np.newaxis]], axis=1)

    @classmethod
    def joined(cls, sightings: Sequence[Sighting]) -> Sighting:
        """One sighting with the faces of all."""
        return cls(*(np.concatenate(parts) for parts in zip(*(vars(one).values() for one in sightings), strict=True)))


@dataclass(frozen=True)
class Blend:
    """A linear map from a sighting to answers. Its fields are names in cascade.npz.

    weight   : (61, 30) float64, for the inputs [q, p - q, d] in px
    bias     : (30,) float64 px; means and standard deviations are part of weight and bias
    is_off   : (15,) bool: points that keep their answer of before
    strength : of the ridge regression, >= 0

    Raises
        ValueError : another shape or dtype, or numbers that are not within +-1e9

    >>> before, found = np.zeros((1, 15, 2)), np.ones((1, 15, 2))
    >>> Blend.none()(Sighting(before, found, offset=np.zeros(1)))[0, 0]
    array([1., 1.])
    """

    weight: np.ndarray
    bias: np.ndarray
    is_off: np.ndarray
    strength: float

    FORMS: ClassVar[dict[str, tuple[tuple[int, ...], type]]] = {
        "weight": ((_INPUTS, _VALUES), np.float64),
        "bias": ((_VALUES,), np.float64),
        "is_off": ((len(POINTS),), np.bool_),
        "strength": ((), np.float64),
    }

    def __post_init__(self) -> None:
        for name, (shape, dtype) in self.FORMS.items():
            value = np.asarray(getattr(self, name))
            if value.shape != shape or value.dtype != dtype:
                raise ValueError(
                    f"Blend: got {name} of {value.dtype} {value.shape}, expected {np.dtype(dtype)} {shape}; fit again"
                )
        largest = max(np.abs(self.weight).max(), np.abs(self.bias).max())
        if not largest <= _LARGEST:
            raise ValueError(f"Blend: got a weight of {largest}, expected up to {_LARGEST:g}; fit it again")
        if not self.strength >= 0:
            raise ValueError(f"Blend: got strength={self.strength}, expected a number >= 0; fit it again")

    @classmethod
    def none(cls) -> Blend:
        """Answers what was found, unchanged."""
        return cls(np.zeros((_INPUTS, _VALUES)), np.zeros(_VALUES), np.zeros(len(POINTS), bool), np.inf)

    def __call__(self, sighting: Sighting) -> np.ndarray:
        """(N, 15, 2) float64 px, the answers."""
        change = sighting.inputs() @ self.weight + self.bias
        answer = sighting.found + change.reshape(sighting.found.shape)
        answer[:, self.is_off] = sighting.before[:, self.is_off]
        return answer

    @classmethod
    def fit(
        cls,
        train: Sighting,
        train_true: np.ndarray,
        held_out: Sighting,
        held_out_true: np.ndarray,
        *,
        weights: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> tuple[Blend, Blend]:
        """Two blends: one fitted on the training faces, one on these and the held-out faces.

        train, held_out           : sightings of the faces that the networks were trained on, and of
            others
        train_true, held_out_true : (N, 15, 2) px, their labels, NaN where one is missing
        weights                   : (N,) of the training and of the held-out faces, > 0: how much
            each counts; None: all alike

        The first blend's answers for held-out faces show what to expect of the second for new
        faces. Both have the strength with which the first has the smallest held-out error. Both are
        off for each point that the first does not improve on the held-out faces, or that fewer than
        20 of them have a label for.
        """
        own, judging = (np.ones(len(train_true)), np.ones(len(held_out_true))) if weights is None else weights
        tried = _ridges(train, train_true, own, _STRENGTHS)
        best = min(tried, key=lambda blend: _squared_error(blend(held_out), held_out_true, judging))
        answer, before = best(held_out), held_out.before
        is_off = np.array(
            [not _is_better(answer[:, k], before[:, k], held_out_true[:, k], judging) for k in range(len(POINTS))]
        )
        both, both_true = Sighting.joined([train, held_out]), np.concatenate([train_true, held_out_true])
        (final,) = _ridges(both, both_true, np.concatenate([own, judging]), [best.strength])
        judged, final = (cls(each.weight, each.bias, is_off, each.strength) for each in (best, final))
        return judged, final


def _ridges(sighting: Sighting, true: np.ndarray, weights: np.ndarray, strengths: Sequence[float]) -> list[Blend]:
    """For each strength, a ridge regression per coordinate, from the faces with its label.

    A coordinate that fewer than two faces have stays as it was found.
    """
    inputs, change = sighting.inputs(), (true - sighting.found).reshape(len(true), _VALUES)
    weight, bias = np.zeros((len(strengths), _INPUTS, _VALUES)), np.zeros((len(strengths), _VALUES))
    for c in range(_VALUES):
        rows = np.isfinite(change[:, c])
        if rows.sum() < 2:
            continue
        x, y, share = inputs[rows], change[rows, c], weights[rows]
        mean, mean_y = np.average(x, axis=0, weights=share), np.average(y, weights=share)
        deviation = np.sqrt(np.average(np.square(x - mean), axis=0, weights=share)) + 1e-6
        root = np.sqrt(share)  # in both factors of each product of two of a face's values
        x, y = root[:, np.newaxis] * (x - mean) / deviation, root * (y - mean_y)
        squares, products = x.T @ x, x.T @ y  # the same for every strength
        for k, strength in enumerate(strengths):
            w = np.linalg.solve(squares + strength * np.eye(_INPUTS), products) / deviation
            weight[k, :, c], bias[k, c] = w, mean_y - mean @ w
    on = np.zeros(len(POINTS), bool)
    return [Blend(weight[k], bias[k], on, strength) for k, strength in enumerate(strengths)]


def _squared_error(answer: np.ndarray, true: np.ndarray, weights: np.ndarray) -> float:
    """The weighted sum over faces of squared errors of answers (N, ..., 2) that have a label."""
    error = np.where(np.isfinite(true), answer - true, 0.0).reshape(len(true), -1)
    return float(weights @ np.square(error).sum(axis=1))


def _is_better(answer: np.ndarray, before: np.ndarray, true: np.ndarray, weights: np.ndarray) -> bool:
    """Whether answers (N, 2) for a point are better than those before; False with few labels."""
    labelled = np.isfinite(true).all(axis=1)
    errors = [_squared_error(points, true, weights) for points in (answer, before)]
    return bool(labelled.sum() >= _LEAST_JUDGES and errors[0] < errors[1])
