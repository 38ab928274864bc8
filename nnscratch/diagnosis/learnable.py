"""What can be learnt from the data: two rules from x to y, judged on rows that they did not see.

    linear   ridge regression: what a network without activations can do at best
    kernel   ridge regression on the kernel of an endless layer of ReLUs: about what one hidden
             layer can do

A network that explains much less than these, once its loss is flat, is ill; data that neither rule
can do anything with may not belong together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nnscratch.diagnosis.rows import evenly_spaced
from nnscratch.kernels.products.matmul import matmul
from nnscratch.kernels.threads import single_threaded_blas
from nnscratch.losses import labelled_mean

FEWEST_ROWS = 40  # with fewer rows, a weak rule cannot be told from chance
_ROWS = 256  # more rows tell little more
_FEW_ROWS = 128  # of rows with many numbers
_MANY_NUMBERS = 2000
_PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0)  # times the mean of the kernel's diagonal
_LARGEST = 5.0  # standard deviations: a rare word in a column counts no more than that


@dataclass(frozen=True)
class Learnable:
    """Share of the variance of each output that a rule explains, on rows that it was not fitted to.

    linear, kernel : (outputs,) 1 is perfect, 0 or below is as good as the mean; NaN for an output
        that is constant
    """

    linear: np.ndarray
    kernel: np.ndarray

    @property
    def each(self) -> np.ndarray:
        """(outputs,) the better of the two rules."""
        return np.fmax(self.linear, self.kernel)

    @property
    def best(self) -> float:
        """The mean over outputs of the better rule; NaN if it is unknown."""
        return _mean(self.each)

    @property
    def by_linear(self) -> float:
        """The mean over outputs of the linear rule; NaN if it is unknown."""
        return _mean(self.linear)


class Rules:
    """Fits of both rules to the same rows of x; `learnable(y)` judges them on any targets.

    x : (N, ...) finite. At most 256 evenly spaced rows count (128 of rows with more than 2000
        numbers). Columns become (x - mean) / spread; pixels share one spread.
    rows : the places of the rows that count

    With x and y less their means, the kernel K between rows, and the hat matrix
    H = K (K + penalty)^-1 + 1/N, one fit gives the errors of all rows, each predicted from a fit to
    all others (Golub, Heath & Wahba, "Generalized cross-validation as a method for choosing a good
    ridge parameter", 1979):

        errors = (y - H y) / (1 - diag(H))

    The kernel of ReLUs with random weights (Cho & Saul, "Kernel methods for deep learning", 2009),
    of rows a and b with a 1 put behind each for the bias, t = the angle between them:

        K[a, b] = |a| |b| (sin t + (pi - t) cos t) / pi

    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((200, 3))
    >>> y = np.stack([x[:, 0], x[:, 0] * x[:, 1], rng.standard_normal(200)], axis=1)
    >>> found = Rules(x).learnable(y)
    >>> np.round(found.linear, 1) + 0.0, np.round(found.kernel, 1) + 0.0
    (array([1., 0., 0.]), array([ 1. ,  1. , -0.1]))
    """

    def __init__(self, x: np.ndarray) -> None:
        most = _FEW_ROWS if x[0].size > _MANY_NUMBERS else _ROWS
        self.rows = evenly_spaced(len(x), most)
        a = _standardized(x[self.rows])
        self.constant = a.shape[1] == 0
        products = matmul(a, np.ascontiguousarray(a.T)).astype(np.float64)
        self._linear = _Ridge(products)
        self._kernel = _Ridge(_arc_cosine(products + 1))

    def learnable(self, y: np.ndarray) -> Learnable:
        """y : (N, ...) all targets, those of the rows that do not count too; NaN where missing."""
        y = y.reshape(len(y), -1)[self.rows].astype(np.float64)
        enough = len(y) >= FEWEST_ROWS and not self.constant
        unknown = np.full(y.shape[1], math.nan)
        if not enough:
            return Learnable(unknown, unknown.copy())
        return Learnable(self._linear.explained(y), self._kernel.explained(y))


class _Ridge:
    """A ridge regression on a kernel between rows; the fit of each penalty is made once."""

    def __init__(self, kernel: np.ndarray) -> None:
        n = len(kernel)
        means = kernel.mean(axis=0)
        centred = kernel - means - means[:, None] + means.mean()
        scale = max(float(np.trace(centred)) / n, 1e-300)
        with single_threaded_blas():  # a matrix as small as this is not worth waking another thread
            values, self._vectors = np.linalg.eigh(centred)
        values = np.maximum(values, 0)
        self._shares = [penalty * scale / (values + penalty * scale) for penalty in _PENALTIES]
        self._left_out = [np.square(self._vectors) @ shares - 1 / n for shares in self._shares]

    def explained(self, y: np.ndarray) -> np.ndarray:
        """(outputs,) by the best penalty. y : (n, outputs); a missing label counts as the mean."""
        labelled = np.isfinite(y)
        b = np.where(labelled, y - labelled_mean(y), 0)
        variance = np.square(b).sum(axis=0)
        best = np.full(y.shape[1], -math.inf)
        with single_threaded_blas():
            inside = self._vectors.T @ b
            for shares, left_out in zip(self._shares, self._left_out, strict=True):
                error = (self._vectors @ (shares[:, None] * inside)) / np.maximum(left_out, 1e-9)[:, None]
                error = np.where(labelled, error, 0)
                with np.errstate(all="ignore"):
                    best = np.fmax(best, 1 - np.square(error).sum(axis=0) / variance)
        few = labelled.sum(axis=0) < FEWEST_ROWS
        return np.where((variance > 0) & ~few, best, math.nan)


def _standardized(x: np.ndarray) -> np.ndarray:
    """(n, columns) of mean 0 and a mean square of 1 per row, without constant columns."""
    flat = x.reshape(len(x), -1).astype(np.float64)
    size = np.abs(flat).max(axis=0, initial=0)
    flat = flat - flat.mean(axis=0)
    spread = flat.std(axis=0)
    changes = spread > 1e-6 * size  # less is rounding
    flat, spread = flat[:, changes], spread[changes]
    if x.ndim > 2 and flat.size:  # pixels, or steps in time: one unit for all of them
        spread = np.full_like(spread, math.sqrt(float(np.square(spread).mean())))
    flat = np.clip(flat / spread, -_LARGEST, _LARGEST) / math.sqrt(max(1, flat.shape[1]))
    return flat.astype(np.float32)


def _arc_cosine(products: np.ndarray) -> np.ndarray:
    length = np.sqrt(np.maximum(np.diag(products), 1e-30))
    lengths = np.outer(length, length)
    cosine = np.clip(products / lengths, -1, 1)
    angle = np.arccos(cosine)
    return lengths * (np.sin(angle) + (math.pi - angle) * cosine) / math.pi


def _mean(shares: np.ndarray) -> float:
    known = shares[np.isfinite(shares)]
    return float(np.maximum(known, -1).mean()) if known.size else math.nan
