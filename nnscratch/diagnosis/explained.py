"""How much answers leave unexplained: of numbers, beside their mean; of a loss, beside a guess."""

from __future__ import annotations

import math

import numpy as np

from nnscratch.losses import Loss, SoftmaxCrossEntropy, labelled_mean

MOST_LEFT = 2.0  # worse than this is as bad: it counts no more in a mean over outputs


def shares_left(answers: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(outputs,) the share of each column's variance that the answers leave: 0 is perfect.

    1 is as good as the mean of the column; NaN where it is constant or without labels, infinite
    where an answer is not finite.

    answers, y : (N, ...) of one size; y is NaN where a label is missing

    >>> y = np.array([[0.0, 5.0], [2.0, 5.0]])
    >>> shares_left(np.array([[0.0, 5.0], [1.0, 5.0]]), y)
    array([0.5, nan])
    """
    y = y.reshape(len(y), -1).astype(np.float64)
    labelled = np.isfinite(y)
    errors = np.where(labelled, y - answers.reshape(y.shape), 0)
    total = np.square(np.where(labelled, y - labelled_mean(y), 0)).sum(axis=0)
    with np.errstate(all="ignore"):
        left = np.square(errors).sum(axis=0) / total
    left = np.where(np.isfinite(left), left, math.inf)
    return np.where(total > 0, left, math.nan)


def unexplained(answers: np.ndarray, y: np.ndarray) -> float:
    """The mean of `shares_left` over outputs, each 2 at most; 2 if none is known."""
    shares = shares_left(answers, y)
    known = shares[~np.isnan(shares)]
    return float(np.minimum(known, MOST_LEFT).mean()) if known.size else MOST_LEFT


def loss_beside_guess(loss: Loss, answers: np.ndarray, target: np.ndarray) -> float:
    """The loss over that of a guess; NaN if it is unknown.

    The guess is how frequent each class is; for other losses, the answers to other rows.
    """
    own = loss.forward(answers, target)
    if isinstance(loss, SoftmaxCrossEntropy):
        guess = uncertainty(target)
    else:
        guess = loss.forward(np.roll(answers, len(target) // 2, axis=0), target)
    return own / guess if guess > 0 else math.nan


def uncertainty(target: np.ndarray) -> float:
    """The cross-entropy of always answering how frequent each class is; NaN without labels.

    target : (N, C) shares of the classes, or (N,) classes; NaN where a label is missing

    >>> round(uncertainty(np.array([0, 0, 1, 1])), 3)  # log 2
    0.693
    """
    if target.ndim == 1:
        known = target[np.isfinite(target)] if target.dtype.kind == "f" else target
        shares = np.unique(known, return_counts=True)[1] / max(1, len(known))
    else:
        whole = target[np.isfinite(target).all(axis=1)].astype(np.float64)
        shares = whole.mean(axis=0) if len(whole) else np.empty(0)
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum()) if shares.size else math.nan
