"""Whether rows that stand beside each other are alike: then a batch of them is one-sided."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnscratch.diagnosis.case import Case, Finding
from nnscratch.diagnosis.thresholds import BATCH, MOST_COLUMNS, ONE_SIDED, ORDERED_ROWS
from nnscratch.kernels.threads import single_threaded_blas
from nnscratch.losses import mean_of


def order(case: Case) -> Iterator[Finding]:
    share = one_sidedness(case.y)
    if share > ONE_SIDED:
        yield Finding(
            "unshuffled",
            None,
            {"between_batches": share},
            f"The rows are sorted: {share:.0%} of what differs between the targets differs between one batch of "
            "neighbours and the next. A batch pulls the network to one answer, the next batch to another.",
            "Shuffle x and y with one permutation before every epoch, as Trainer does; also before a split.",
        )


def one_sidedness(y: np.ndarray) -> float:
    """Share of the targets' variance that lies between batches of neighbouring rows, where it is most.

    That is, in one column, or in the direction of the targets that differs most from batch to batch. What the same rows
    give in a random order is taken away: 0 for shuffled rows, to +-0.1, and 1 for sorted ones.

    >>> y = np.random.default_rng(0).normal(size=(320, 4))
    >>> round(one_sidedness(y), 1), round(one_sidedness(y[np.argsort(y.sum(axis=1))]), 1)
    (0.0, 1.0)
    """
    y = y.reshape(len(y), -1).astype(np.float64)
    if y.shape[1] > MOST_COLUMNS or len(y) < ORDERED_ROWS:  # maps of pixels have no order
        return 0.0
    y = np.where(np.isfinite(y), y - mean_of(y), 0)
    y = y[:, y.var(axis=0) > 0]
    if y.shape[1] == 0:
        return 0.0
    with single_threaded_blas():
        return _one_sidedness(y)


def _one_sidedness(y: np.ndarray) -> float:
    columns = y / y.std(axis=0)
    # With a direction for every few rows, one would always be found: the largest components, one for 16 rows.
    strength, axes = np.linalg.eigh(y.T @ y)
    axes = axes[:, strength > 1e-6 * strength[-1]][:, -max(1, len(y) // 16) :]
    components = y @ axes
    components /= components.std(axis=0)
    rng = np.random.default_rng(0)
    random = [rng.permutation(len(y)) for _ in range(3)]
    found = []
    for values, between in ((columns, _of_columns), (components, _of_directions)):
        chance = float(np.mean([between(values[rows]) for rows in random]))
        found.append((between(values) - chance) / max(1 - chance, 1e-9))
    return max(0.0, *found)


def _batch_means(y: np.ndarray) -> np.ndarray:
    size = max(4, min(BATCH, len(y) // 8))
    means: np.ndarray = y[: len(y) // size * size].reshape(-1, size, y.shape[1]).mean(axis=1)
    return means


def _of_columns(y: np.ndarray) -> float:
    return float(np.square(_batch_means(y)).mean(axis=0).max())


def _of_directions(y: np.ndarray) -> float:
    means = _batch_means(y)
    return float(np.linalg.eigvalsh(means.T @ means / len(means))[-1])
