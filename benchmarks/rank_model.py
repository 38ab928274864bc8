"""What a training step costs on n ranks, from the parts that ranks.py has measured."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

BATCH = 128
COUNTS = (1, 2, 4, 8, 16, 32, 64)  # of machines
# Assumed, as textbooks have them: seconds per message, bytes per second.
NETS = {"1 Gbit/s Ethernet": (50e-6, 0.118e9), "10 Gbit/s Ethernet": (15e-6, 1.18e9)}
_PAYS = 1.25  # a doubling makes a step so much faster, or it is not worth the machines
Row = dict[str, Any]


def allreduce_at(measured: Row, size: int) -> float:
    """Seconds of a message of so many bytes, between the measured sizes along straight lines."""
    return float(np.interp(size, [int(each) for each in measured], list(measured.values())))


def compute_at(facts: Row, name: str, rows: float, threads: int) -> float:
    """Seconds of a step of so many rows: a + b * rows, of least relative errors, none below 0."""
    counts = [BATCH // n for n in COUNTS]
    times = np.array([facts["alone"]["compute"][f"{name}, {each} rows, {threads} threads"] for each in counts])
    columns = np.stack([np.ones(len(counts)), np.array(counts)], axis=1) / times[:, np.newaxis]
    a, b = np.linalg.lstsq(columns, np.ones(len(times)), rcond=None)[0]
    if min(a, b) < 0:  # others have disturbed the measurement
        a, b = 0.0, float(np.median(times / counts))
    return float(a + b * rows)


def predicted(facts: Row, name: str, ranks: int, cores: int) -> float:
    """A step on so many ranks of this machine, from one process's steps and the messages."""
    threads = max(1, cores // ranks)
    turns = max(1.0, ranks * threads / cores)  # ranks per core, if there are more of them
    compute = turns * compute_at(facts, name, BATCH / ranks, threads)
    if ranks == 1:
        return compute
    size = facts["alone"]["bytes"][name]
    return compute + turns * float(facts["alone"]["pack"][name]) + allreduce_at(facts[str(ranks)]["allreduce"], size)


def on_machines(facts: Row, name: str, ranks: int, cores: int, latency: float, bandwidth: float) -> float:
    """A step on so many machines like this one, a rank on each."""
    compute = compute_at(facts, name, BATCH / ranks, cores)
    if ranks == 1:
        return compute
    size = facts["alone"]["bytes"][name]
    message = 2 * math.log2(ranks) * latency + 2 * (ranks - 1) / ranks * size / bandwidth
    return compute + float(facts["alone"]["pack"][name]) + message


def speed_ups(facts: Row, names: Iterable[str], cores: int) -> dict[str, dict[str, list[float]]]:
    """Name of a net -> name of a network -> t(1) / t(n), for the n in COUNTS."""
    return {
        net: {
            name: [
                on_machines(facts, name, 1, cores, *how) / on_machines(facts, name, n, cores, *how) for n in COUNTS
            ]
            for name in names
        }
        for net, how in NETS.items()
    }  # fmt: skip


def pays_up_to(row: list[float]) -> int:
    """How many machines pay, by their t(1) / t(n): each doubling up to it brings enough.

    >>> pays_up_to([1.0, 1.9, 3.0, 3.2, 5.0, 6.0, 7.0])
    4
    """
    pays = 1
    for count, before, now in zip(COUNTS[1:], row, row[1:], strict=False):
        if now < _PAYS * before:
            break
        pays = count
    return pays
