"""Splits: some faces to learn from, the others to be judged by."""

from __future__ import annotations

import numpy as np

from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.lookalikes import groups


def split_last(faces: Faces, count: int) -> tuple[Faces, Faces]:
    """(training, validation), where the last `count` rows are for validation: the report's split, with 400.

    Raises
        ValueError : `count` leaves nothing on one side
    """
    if not isinstance(count, int | np.integer) or not 1 <= count < len(faces):
        expected = f"a whole number 1..{len(faces) - 1}, so that neither side of {len(faces)} faces is empty"
        raise ValueError(f"split_last: count is {count!r}; expected {expected}; take fewer for validation")
    return faces.select(slice(None, -count)), faces.select(slice(-count, None))


def split_random(faces: Faces, fraction: float, *, seed: int | np.random.Generator) -> tuple[Faces, Faces]:
    """(training, validation), where `fraction` of the rows, drawn at random, are for validation.

    Both sides keep the order of the rows, and have at least one. The same seed gives the same split. Frames of one
    person that are spread over many rows fall on both sides, which flatters the validation score a little.

    Raises
        ValueError : `fraction` is not between 0 and 1, or there are fewer than two faces
    """
    check_split("split_random", faces, fraction)
    count = min(max(round(fraction * len(faces)), 1), len(faces) - 1)
    is_validation = np.zeros(len(faces), bool)
    is_validation[np.random.default_rng(seed).permutation(len(faces))[:count]] = True
    return faces.select(~is_validation), faces.select(is_validation)


def check_split(what: str, faces: Faces, fraction: float) -> None:
    """Raises ValueError unless `faces` can be split by `fraction`; `what` begins the message."""
    if not 0 < fraction < 1:
        raise ValueError(f"{what}: fraction is {fraction}; expected 0 < fraction < 1; 0.2 keeps a fifth aside")
    if len(faces) < 2:
        raise ValueError(f"{what}: {len(faces)} faces; expected at least 2; load more rows")


def split_apart(faces: Faces, fraction: float, *, seed: int | np.random.Generator) -> tuple[Faces, Faces]:
    """(training, validation), where groups of look-alikes, drawn at random, are for validation, each as a whole.

    The rows for validation are as near to `fraction` of all as whole groups allow. Both sides keep the order of the
    rows, and have at least one. The same seed gives the same split. If all faces are one group, there is nothing to
    keep apart, and `split_random` splits the rows: one can learn from the frames of one person too.

    Raises
        ValueError : `fraction` is not between 0 and 1, or there are fewer than two faces
    """
    check_split("split_apart", faces, fraction)
    group = groups(faces)
    sizes = np.bincount(group)
    if len(sizes) == 1:
        return split_random(faces, fraction, seed=seed)
    order = np.random.default_rng(seed).permutation(len(sizes))
    is_validation = np.isin(group, order[_fill(sizes[order], fraction * len(faces))])
    return faces.select(~is_validation), faces.select(is_validation)


def _fill(sizes: np.ndarray, wanted: float) -> np.ndarray:
    """(G,) bool: some groups, neither none nor all, whose sizes add up as near to `wanted` as can be; early ones first.

    Bit s of reach[k] says whether some of the last k groups have s rows together. A group is taken if those behind it
    can still make up the rest.
    """
    reach = [1]
    for size in reversed(sizes.tolist()):
        reach.append(reach[-1] | reach[-1] << size)
    rest = min((s for s in range(1, sizes.sum()) if reach[-1] >> s & 1), key=lambda s: abs(s - wanted))
    is_taken = np.zeros(len(sizes), bool)
    for k, size in enumerate(sizes.tolist()):
        if size <= rest and reach[len(sizes) - 1 - k] >> (rest - size) & 1:
            is_taken[k] = True
            rest -= size
    return is_taken
