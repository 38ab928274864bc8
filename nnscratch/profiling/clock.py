"""How times are taken: in turn, medians, ratios pair by pair."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

Work = Callable[[], object]

WARM_UP = 2  # rounds before any is counted: caches fill, buffers grow, kernels are compiled


def milliseconds(work: Work) -> float:
    """How long one call of `work` takes."""
    began = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - began)


def in_turn(works: Sequence[Work], repeats: int) -> list[list[float]]:
    """Milliseconds of each work, `repeats` of them, A B C A B C ..., after WARM_UP such rounds.

    In turn, because a machine that slows down then slows all of them. A work may need what the one
    before it left, as a backward pass needs its forward pass.
    """
    for _ in range(WARM_UP):
        for work in works:
            work()
    return _columns([[milliseconds(work) for work in works] for _ in range(repeats)])


def in_turn_within(works: Sequence[Work], seconds: float, least: int = 3, most: int = 25) -> list[list[float]]:
    """As `in_turn`, with as many rounds as fit into `seconds`, from `least` to `most` of them.

    The warm-up is one round, because these works may be slow.
    """
    for work in works:
        work()
    rounds: list[list[float]] = []
    began = time.perf_counter()
    while len(rounds) < least or (len(rounds) < most and time.perf_counter() - began < seconds):
        rounds.append([milliseconds(work) for work in works])
    return _columns(rounds)


def ratio(slower: Sequence[float], faster: Sequence[float]) -> float:
    """The median of the ratios pair by pair.

    >>> ratio([2.0, 6.0, 2.0], [1.0, 3.0, 1.0])  # the machine was slow in the second round
    2.0
    """
    return statistics.median(a / b for a, b in zip(slower, faster, strict=True))


def _columns(rounds: list[list[float]]) -> list[list[float]]:
    return [list(column) for column in zip(*rounds, strict=True)]
