"""What a level's networks have found, weighed against what was known before: a linear regression, point by point.

The networks of a level see one part of a face each, and not where in the picture it is. What they cannot know, the
other points do: a mouth found 2 px beside where everything else says it is, is probably not there; nor is a face far
from where faces usually are. For each coordinate c, with q the points found now (30 numbers), p those before and d the
label offset (mirror.py), all less their means and over their deviations,

    answer_c = q_c + b_c + sum over j of (W_cj q_j + V_cj (p_j - q_j)) + u_c d

(the second part of the sum lets the regression doubt a level: with V_cc such that p_c is all that is left.) W, V and u
minimise

    sum over faces of (answer_c - true_c)^2 + strength * (|W_c|^2 + |V_c|^2 + u_c^2)

on the faces that the networks have learnt from. On those they are better than on others, and one would rather ask
others; but held-out faces are few. On real ones, where networks that get 1.50 px of faces that they do not know get
1.32 px of their own, a regression on 993 held-out faces took other faces from 1.50 to 1.42 px, one on the networks' own
4,647 to 1.40 px. So held-out faces judge: they choose the strength, and a point whose answers are no better for them
than before keeps what it had: for it, the look is off. That done, they join the others in a last regression.

Source: Hoerl & Kennard, "Ridge regression: biased estimation for nonorthogonal problems" (1970).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnscratch.keypoints.faces import POINTS
from nnscratch.keypoints.metrics import rmse_px

_STRENGTHS = (10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10000.0)
_LEAST_JUDGES = 20  # held-out labels of a point; by fewer, nothing is said about it
_VALUES = 2 * len(POINTS)
_INPUTS = 2 * _VALUES + 1


@dataclass(frozen=True)
class Look:
    """What is weighed.

    before : (N, 15, 2) px, where the points were thought to be
    found  : (N, 15, 2) px, where networks found them
    offset : (N,) px, of the faces' labels
    """

    before: np.ndarray
    found: np.ndarray
    offset: np.ndarray

    def inputs(self) -> np.ndarray:
        """(N, 61): [q, p - q, d]."""
        q, p = (points.reshape(len(points), _VALUES) for points in (self.found, self.before))
        return np.concatenate([q, p - q, self.offset[:, np.newaxis]], axis=1)

    @classmethod
    def of_all(cls, looks: Sequence[Look]) -> Look:
        """One at the faces of all."""
        return cls(*(np.concatenate(parts) for parts in zip(*(vars(look).values() for look in looks), strict=True)))


@dataclass(frozen=True)
class Combination:
    """Linear maps from a look to answers.

    weight   : (61, 30) float64, for [q, p - q, d] as they are: deviations are in it
    bias     : (30,) float64 px, means are in it
    is_off   : (15,) bool: points that keep what they had
    strength : of the regression

    >>> look = Look(before=np.zeros((1, 15, 2)), found=np.ones((1, 15, 2)), offset=np.zeros(1))
    >>> Combination.none()(look)[0, 0]
    array([1., 1.])
    """

    weight: np.ndarray
    bias: np.ndarray
    is_off: np.ndarray
    strength: float

    @classmethod
    def none(cls) -> Combination:
        """Takes what was found as it is."""
        return cls(np.zeros((_INPUTS, _VALUES)), np.zeros(_VALUES), np.zeros(len(POINTS), bool), np.inf)

    def __call__(self, look: Look) -> np.ndarray:
        """(N, 15, 2) px."""
        change = look.inputs() @ self.weight + self.bias
        answer: np.ndarray = look.found + change.reshape(look.found.shape)
        answer[:, self.is_off] = look.before[:, self.is_off]
        return answer

    @classmethod
    def fit(
        cls, learnt: Look, true: np.ndarray, held_out: Look, held_out_true: np.ndarray
    ) -> tuple[Combination, Combination]:
        """Two regressions: one that the held-out faces judge, and one that they are part of, as good or better.

        learnt, true            : of the faces that the networks have learnt from; (N, 15, 2) px, NaN: no label
        held_out, held_out_true : of others

        What the first answers for held-out faces is what the second may be expected to do for new ones. Of several
        strengths, the one with the smallest held-out error is taken. A point that fewer than 20 of the held-out faces
        have a label for is off.
        """
        tried = [_ridge(learnt, true, strength) for strength in _STRENGTHS]
        best = min(tried, key=lambda each: rmse_px(each(held_out), held_out_true))
        answer, before = best(held_out), held_out.before
        is_off = [not _is_better(answer[:, k], before[:, k], held_out_true[:, k]) for k in range(len(POINTS))]
        final = _ridge(Look.of_all([learnt, held_out]), np.concatenate([true, held_out_true]), best.strength)
        judged, final = (cls(each.weight, each.bias, np.array(is_off), each.strength) for each in (best, final))
        return judged, final


def _ridge(look: Look, true: np.ndarray, strength: float) -> Combination:
    """The regression, each coordinate's from the faces that have its label; none for one that fewer than two have."""
    inputs, change = look.inputs(), (true - look.found).reshape(len(true), _VALUES)
    weight, bias = np.zeros((_INPUTS, _VALUES)), np.zeros(_VALUES)
    for c in range(_VALUES):
        rows = np.isfinite(change[:, c])
        if rows.sum() < 2:
            continue
        x, y = inputs[rows], change[rows, c]
        mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-6
        x = (x - mean) / deviation
        w = np.linalg.solve(x.T @ x + strength * np.eye(_INPUTS), x.T @ (y - y.mean())) / deviation
        weight[:, c], bias[c] = w, y.mean() - mean @ w
    return Combination(weight, bias, np.zeros(len(POINTS), bool), strength)


def _is_better(answer: np.ndarray, before: np.ndarray, true: np.ndarray) -> bool:
    """Whether answers (N, 2) for one point are nearer to the truth than those before; False with few labels."""
    labelled = np.isfinite(true).all(axis=1)
    errors = [np.square(points[labelled] - true[labelled]).sum() for points in (answer, before)]
    return bool(labelled.sum() >= _LEAST_JUDGES and errors[0] < errors[1])
