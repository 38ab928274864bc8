"""What the simplest learner makes of the data: a linear rule from x to y, by ridge regression."""

from __future__ import annotations

import math

import numpy as np

from nnscratch.kernels.products.matmul import matmul
from nnscratch.kernels.threads import single_threaded_blas
from nnscratch.losses import labelled_mean

_FEWEST_ROWS = 80  # with fewer rows, a weak rule cannot be told from chance
_ROWS = 128  # more rows tell no more
_PENALTIES = (0.03, 0.3, 3.0)  # times the mean squared length of a row of x


def linear_skill(x: np.ndarray, y: np.ndarray) -> float:
    """Share of the targets' variance that a linear rule explains on rows it was not fitted to.

    It is NaN where it is unknown.

    A ridge regression predicts each row from a fit to all others. With x and y less their means,
    and the hat matrix H = K (K + penalty)^-1 + 1/N, where K = x x^T, one fit gives all errors:

        errors = (y - H y) / (1 - diag(H))

    x, y : (N, ...); the rows with all labels count, at most 128 evenly spaced ones; NaN with fewer
        than 80

    Source: Golub, Heath & Wahba, "Generalized cross-validation as a method for choosing a good
    ridge parameter" (1979).

    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((100, 50))
    >>> linear_skill(x, x[:, :2]) > 0.4, linear_skill(x, rng.standard_normal((100, 2))) < 0.05
    (True, True)
    """
    y = y.reshape(len(y), -1)
    whole = np.flatnonzero(np.isfinite(y).all(axis=1))
    if len(whole) < _FEWEST_ROWS:
        return math.nan
    rows = whole[np.unique(np.linspace(0, len(whole) - 1, min(_ROWS, len(whole))).astype(int))]
    a, b = x[rows].reshape(len(rows), -1).astype(np.float32), y[rows].astype(np.float64)
    a, b = a - a.mean(axis=0), b - labelled_mean(b)
    products = matmul(a, a.T).astype(np.float64)
    scale, variance = float(np.trace(products)) / len(rows), float(np.square(b).sum())
    if not (math.isfinite(scale) and scale > 0 and variance > 0):
        return math.nan
    best = -math.inf
    with single_threaded_blas():  # a matrix as small as this is not worth waking another thread
        values, vectors = np.linalg.eigh(products)
        for penalty in _PENALTIES:
            rest = (vectors * (penalty * scale / (values + penalty * scale))) @ vectors.T  # 1 - H + 1/N
            error = rest @ b / (np.diag(rest) - 1 / len(rows))[:, None]
            best = max(best, 1 - float(np.square(error).sum()) / variance)
    return best
