"""What a level's networks have found, weighed against what was known before: a linear regression, point by point.

The networks of a level see one part of a face each, and not where in the picture it is. What they cannot know, the
other points do: a mouth found 2 px beside where everything else says it is, is probably not there; nor is a face far
from where faces usually are. For each coordinate c, with q the points found now (30 numbers) and p those before,

    answer_c = q_c + b_c + sum over j of  W_cj (q_j - mean) / deviation + V_cj (p_j - q_j - mean') / deviation'

(the second sum has the regression switch a level off: with V_cc such that p_c is all that is left.) W and V minimise

    sum over faces of (answer_c - true_c)^2 + strength * (|W_c|^2 + |V_c|^2)

on faces that no level was trained on: on others the networks look better than they are. How such a regression does on
new faces is told by cross-validation: each tenth of the faces is answered by a regression on the other nine. A point
whose answers, so judged, are no better than before keeps what it had: for it, the level is off.

Source: Hoerl & Kennard, "Ridge regression: biased estimation for nonorthogonal problems" (1970).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnscratch.keypoints.faces import POINTS
from nnscratch.keypoints.metrics import rmse_px

_STRENGTHS = (10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10000.0)
_FOLDS = 10
_VALUES = 2 * len(POINTS)


@dataclass(frozen=True)
class Combination:
    """Linear maps from what was found, and before, to answers.

    weight   : (60, 30) float64, for [q, p - q] as they are: deviations are in it
    bias     : (30,) float64 px, means are in it
    is_off   : (15,) bool: points that keep what they had
    strength : of the regression

    >>> combination = Combination.none()
    >>> before, found = np.zeros((1, 15, 2)), np.ones((1, 15, 2))
    >>> combination(before, found)[0, 0]
    array([1., 1.])
    """

    weight: np.ndarray
    bias: np.ndarray
    is_off: np.ndarray
    strength: float

    @classmethod
    def none(cls) -> Combination:
        """Takes what was found as it is."""
        return cls(np.zeros((2 * _VALUES, _VALUES)), np.zeros(_VALUES), np.zeros(len(POINTS), bool), np.inf)

    def __call__(self, before: np.ndarray, found: np.ndarray) -> np.ndarray:
        """(N, 15, 2) px from (N, 15, 2) px before and found."""
        change = _inputs(before, found) @ self.weight + self.bias
        answer: np.ndarray = found + change.reshape(found.shape)
        answer[:, self.is_off] = before[:, self.is_off]
        return answer

    @classmethod
    def fit(
        cls, before: np.ndarray, found: np.ndarray, true: np.ndarray, *, seed: int | np.random.Generator
    ) -> tuple[Combination, np.ndarray]:
        """The regression on all faces, and its cross-validated answers for them, (N, 15, 2) px.

        before, found : (N, 15, 2) px, of faces that no network was trained on
        true          : (N, 15, 2) px, NaN where a label is missing
        seed          : of the division into tenths

        Of several strengths, the one with the smallest cross-validated error is taken. A point that fewer than 20 faces
        have a label for is off.
        """
        inputs, change = _inputs(before, found), (true - found).reshape(len(true), _VALUES)
        fold = np.random.default_rng(seed).permutation(len(true)) % _FOLDS

        def answers(strength: float) -> np.ndarray:
            answer = found.reshape(len(true), _VALUES).copy()
            for k in range(_FOLDS):
                weight, bias = _ridge(inputs[fold != k], change[fold != k], strength)
                answer[fold == k] += inputs[fold == k] @ weight + bias
            return answer.reshape(found.shape)

        tried = {strength: answers(strength) for strength in _STRENGTHS}
        strength = min(tried, key=lambda strength: rmse_px(tried[strength], true))
        answer = tried[strength]
        is_off = np.array([not _is_better(answer[:, k], before[:, k], true[:, k]) for k in range(len(POINTS))])
        answer[:, is_off] = before[:, is_off]
        weight, bias = _ridge(inputs, change, strength)
        return cls(weight, bias, is_off, strength), answer


def _inputs(before: np.ndarray, found: np.ndarray) -> np.ndarray:
    q, p = found.reshape(-1, _VALUES), before.reshape(-1, _VALUES)
    return np.concatenate([q, p - q], axis=1)


def _ridge(inputs: np.ndarray, change: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """weight (60, 30) and bias (30,), each column from the rows (N, 60) that have its value in `change` (N, 30)."""
    weight, bias = np.zeros((inputs.shape[1], change.shape[1])), np.zeros(change.shape[1])
    for c in range(change.shape[1]):
        rows = np.isfinite(change[:, c])
        if rows.sum() < 2:
            continue
        x, y = inputs[rows], change[rows, c]
        mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-6
        x = (x - mean) / deviation
        w = np.linalg.solve(x.T @ x + strength * np.eye(x.shape[1]), x.T @ (y - y.mean())) / deviation
        weight[:, c], bias[c] = w, y.mean() - mean @ w
    return weight, bias


def _is_better(answer: np.ndarray, before: np.ndarray, true: np.ndarray) -> bool:
    """Whether answers (N, 2) for one point are nearer to the truth than those before; False with few labels."""
    labelled = np.isfinite(true).all(axis=1)
    errors = [np.square(points[labelled] - true[labelled]).sum() for points in (answer, before)]
    return bool(labelled.sum() >= 20 and errors[0] < errors[1])
