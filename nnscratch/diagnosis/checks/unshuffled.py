"""Rows that stand beside each other and are alike: a batch of them is one-sided."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.rows import evenly_spaced
from nnscratch.diagnosis.setup import Treatment
from nnscratch.diagnosis.treatments import as_it_is
from nnscratch.kernels.threads import single_threaded_blas
from nnscratch.losses import labelled_mean

# Share of the targets' variance between batches of neighbours: 0 (+- 0.1) in a random order, 1 when
# sorted, 0.64 if merely the lower half comes before the upper half.
ONE_SIDED = 0.4

# One-sidedness of x over that of y: from here on, the order is that of x.
NATURAL = 0.9

_BATCH = 32  # neighbouring rows that are taken for a batch
_FEWEST_ROWS = 40  # fewer make too few batches
_MOST_COLUMNS = 64  # more are maps of pixels, which have no order


def check(case: Case) -> Iterator[Finding]:
    if case.history is not None and case.history.shuffled:
        return
    share = one_sidedness(case.columns)
    if share > ONE_SIDED and not _in_natural_order(case, share):
        yield Finding(
            "unshuffled",
            None,
            {"between_batches": share},
            f"The rows are sorted: {share:.0%} of the targets' variance lies between batches of neighbouring rows. "
            "One batch pulls the network to one answer, the next batch to another.",
            "Shuffle x and y with one permutation before every epoch, as Trainer does; also before a split.",
            treatments=(Treatment("rows shuffled before every epoch", as_it_is),),
        )


def _in_natural_order(case: Case, share: float) -> bool:
    """Whether x is sorted as much as y: rows in the order of time, or along an axis.

    Whoever shuffles them, as Trainer does, loses nothing; so only what a training in this order
    left behind counts against it.
    """
    flat = case.x.reshape(len(case.x), -1)
    some = evenly_spaced(flat.shape[1], _MOST_COLUMNS)
    natural = one_sidedness(flat[:, some]) > NATURAL * share
    return natural and not (case.trained and not case.has_learnt)


def one_sidedness(y: np.ndarray) -> float:
    """Share of the targets' variance that lies between batches of neighbouring rows.

    It is that of the column, or of the direction in the space of the targets, for which it is
    largest. What the same rows give in a random order is subtracted: 0 for shuffled rows, to +-0.1,
    and 1 for sorted ones.

    y : (N, ...), NaN where a label is missing; 0 with fewer than 40 rows or more than 64 columns

    >>> y = np.random.default_rng(0).normal(size=(320, 4))
    >>> round(one_sidedness(y), 1), round(one_sidedness(y[np.argsort(y.sum(axis=1))]), 1)
    (0.0, 1.0)
    """
    y = y.reshape(len(y), -1).astype(np.float64)
    if y.shape[1] > _MOST_COLUMNS or len(y) < _FEWEST_ROWS:
        return 0.0
    y = np.where(np.isfinite(y), y - labelled_mean(y), 0)
    y = y[:, y.var(axis=0) > 0]
    if y.shape[1] == 0:
        return 0.0
    with single_threaded_blas():
        return _one_sidedness(y)


def _one_sidedness(y: np.ndarray) -> float:
    columns = y / y.std(axis=0)
    # At most one direction per 16 rows, the largest components first: among more, one would always
    # differ by chance.
    strength, axes = np.linalg.eigh(y.T @ y)
    axes = axes[:, strength > 1e-6 * strength[-1]][:, -max(1, len(y) // 16) :]
    components = y @ axes
    components /= components.std(axis=0)
    rng = np.random.default_rng(0)
    random_orders = [rng.permutation(len(y)) for _ in range(3)]
    shares = []
    for values, largest in ((columns, _largest_of_columns), (components, _largest_of_directions)):
        by_chance = float(np.mean([largest(values[rows]) for rows in random_orders]))
        shares.append((largest(values) - by_chance) / max(1 - by_chance, 1e-9))
    return max(0.0, *shares)


def _batch_means(y: np.ndarray) -> np.ndarray:
    size = max(4, min(_BATCH, len(y) // 8))
    return y[: len(y) // size * size].reshape(-1, size, y.shape[1]).mean(axis=1)


def _largest_of_columns(y: np.ndarray) -> float:
    """The largest variance of a column's means over batches; the column itself has variance 1."""
    return float(np.square(_batch_means(y)).mean(axis=0).max())


def _largest_of_directions(y: np.ndarray) -> float:
    """The same over all directions in the space of the columns."""
    means = _batch_means(y)
    return float(np.linalg.eigvalsh(means.T @ means / len(means))[-1])
