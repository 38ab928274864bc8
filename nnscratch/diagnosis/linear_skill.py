"""Whether the inputs say anything about the targets: what the simplest learner gets out of them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from nnscratch.diagnosis.case import Case, Finding
from nnscratch.diagnosis.thresholds import CONTENT_ROWS, NOTHING
from nnscratch.kernels.products.matmul import matmul
from nnscratch.kernels.threads import single_threaded_blas
from nnscratch.losses import MSELoss, mean_of


def content(case: Case) -> Iterator[Finding]:
    """For a network that was trained and explains nothing: there may be nothing to explain."""
    if not case.trained or type(case.loss) is not MSELoss or case.signals.not_finite:
        return
    share = linear_skill(case.x, case.y)
    if share < NOTHING:
        yield Finding(
            "no_better_than_mean",
            None,
            {"explained_variance": case.skill, "explained_by_linear": share},
            f"The network explains {max(case.skill, 0.0):.1%} of what differs between the targets, and a linear rule "
            f"from x to y no more ({max(share, 0.0):.1%} on rows left out): x seems to say nothing about y.",
            "Look at some rows of x beside their y: were both shuffled, sorted or selected alike?",
        )


def linear_skill(x: np.ndarray, y: np.ndarray) -> float:
    """Share of the targets' variance that a linear rule explains on rows that it was not fitted to; NaN if unknown.

    Ridge regression, each row predicted by a fit to all others. For x and y without their means, and the hat matrix
    H = K (K + penalty)^-1 + 1/N of K = x x^T, the errors are (y - H y) / (1 - diag(H)): that takes one fit.

    x, y : (N, ...); the rows with all labels count, at most 128 evenly spaced ones

    Source: Golub, Heath & Wahba, "Generalized cross-validation as a method for choosing a good ridge parameter" (1979).

    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((100, 50))
    >>> linear_skill(x, x[:, :2]) > 0.4, linear_skill(x, rng.standard_normal((100, 2))) < 0.05
    (True, True)
    """
    y = y.reshape(len(y), -1)
    whole = np.flatnonzero(np.isfinite(y).all(axis=1))
    if len(whole) < 2 * CONTENT_ROWS[0]:
        return math.nan
    rows = whole[np.unique(np.linspace(0, len(whole) - 1, min(CONTENT_ROWS[1], len(whole))).astype(int))]
    a, b = x[rows].reshape(len(rows), -1).astype(np.float32), y[rows].astype(np.float64)
    a, b = a - a.mean(axis=0), b - mean_of(b)
    products = matmul(a, a.T).astype(np.float64)
    scale, variance = float(np.trace(products)) / len(rows), float(np.square(b).sum())
    if not (math.isfinite(scale) and scale > 0 and variance > 0):
        return math.nan
    best = -math.inf
    with single_threaded_blas():  # a matrix as small as this is not worth waking another thread
        values, vectors = np.linalg.eigh(products)
        for penalty in (0.03, 0.3, 3.0):
            left = (vectors * (penalty * scale / (values + penalty * scale))) @ vectors.T  # 1 - H, but for the mean
            error = left @ b / (np.diag(left) - 1 / len(rows))[:, None]
            best = max(best, 1 - float(np.square(error).sum()) / variance)
    return best
