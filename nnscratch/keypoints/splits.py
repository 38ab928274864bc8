"""Splits: some faces to learn from, and others to validate on."""

from __future__ import annotations

import numpy as np

from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.lookalikes import groups


def split_random(faces: Faces, fraction: float, *, seed: int | np.random.Generator) -> tuple[Faces, Faces]:
    """(training, validation) faces; `fraction` of the rows, drawn at random, are for validation.

    Both sides keep the order of the rows and have at least one. The same seed gives the same split.
    Video frames of one person may fall on both sides; that flatters the validation score a little.

    Raises
        ValueError : `fraction` is not between 0 and 1, or there are fewer than two faces
    """
    _check_split("split_random", faces, fraction)
    count = min(max(round(fraction * len(faces)), 1), len(faces) - 1)
    is_validation = np.zeros(len(faces), bool)
    is_validation[np.random.default_rng(seed).permutation(len(faces))[:count]] = True
    return faces.select(~is_validation), faces.select(is_validation)


def split_apart(faces: Faces, fraction: float, *, seed: int | np.random.Generator) -> tuple[Faces, Faces]:
    """(training, validation) faces; random groups of look-alikes, each whole, are for validation.

    The number of rows for validation is as near to `fraction` of all rows as whole groups allow.
    Both sides keep the order of the rows and have at least one. The same seed gives the same split.
    If all faces are one group, nothing can be kept apart, and the rows are split by `split_random`.

    Raises
        ValueError : `fraction` is not between 0 and 1, or there are fewer than two faces
    """
    _check_split("split_apart", faces, fraction)
    group = groups(faces)
    sizes = np.bincount(group)
    if len(sizes) == 1:
        return split_random(faces, fraction, seed=seed)
    order = np.random.default_rng(seed).permutation(len(sizes))
    is_validation = np.isin(group, order[nearest_sum(sizes[order], fraction * len(faces))])
    return faces.select(~is_validation), faces.select(is_validation)


def nearest_sum(sizes: np.ndarray, wanted: float) -> np.ndarray:
    """Chooses some of `sizes`, neither none nor all, whose sum is as near to `wanted` as possible.

    sizes : (G,) whole numbers of 1 or more, at least two of them
    Returns (G,) bool. Where several choices give the best sum, early sizes are preferred.

    A Python integer holds a set of possible sums: bit s is 1 if some of the sizes add up to s.
    Adding a size to all sums is a shift by it, so G shifts find all possible sums.

    >>> nearest_sum(np.array([5, 4, 3]), 7.2)
    array([False,  True,  True])
    """
    sums_from = [1]  # of the sizes from the last backwards; the sum of none is 0
    for size in reversed(sizes.tolist()):
        sums_from.append(sums_from[-1] | sums_from[-1] << size)
    sums_from.reverse()  # sums_from[k] : the possible sums of sizes[k:]

    possible = [s for s in range(1, int(sizes.sum())) if sums_from[0] >> s & 1]
    rest = min(possible, key=lambda s: abs(s - wanted))
    is_chosen = np.zeros(len(sizes), bool)
    for k, size in enumerate(sizes.tolist()):
        if size <= rest and sums_from[k + 1] >> (rest - size) & 1:  # the later sizes can make up the rest
            is_chosen[k] = True
            rest -= size
    return is_chosen


def _check_split(where: str, faces: Faces, fraction: float) -> None:
    if not 0 < fraction < 1:
        raise ValueError(f"{where}: got fraction={fraction}, expected 0 < fraction < 1; 0.2 keeps a fifth aside")
    if len(faces) < 2:
        raise ValueError(f"{where}: got {len(faces)} faces, expected at least 2; load more rows")
