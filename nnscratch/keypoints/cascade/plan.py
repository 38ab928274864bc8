"""How many networks a level gets: as many of its list as the time allows, measured on this machine.

A network that gets a few epochs answers badly, and one that is left out costs nothing. So of a list
of networks, the most useful first, the level trains the first ones: as many as all get at least a
given share of their epochs. These share the time. Thus a fast machine trains more networks, and a
slow one does not train all of them for too short a time.

What an epoch costs is measured: a few steps of each kind of network, on a copy of its trainer.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence

import numpy as np

from nnscratch.kernels.threads import get_threads, set_threads, single_threaded_blas
from nnscratch.keypoints.cascade.region_crops import RegionCrops
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.training.all_ranks import Ranks
from nnscratch.training.side_by_side import Job

_STEPS = 4  # that are measured, after one that may compile
_FEW_ROWS = 32  # at least so many: an augmentation may hide the label of one
_ROWS = 256  # of the validation rows that are measured


def first_regions(regions: Sequence[Region], seconds: Sequence[float], *, core_seconds: float, least: float) -> int:
    """How many regions, from the first on, get a network.

    regions      : the most useful first
    seconds      : what the network of each takes with all of its epochs, on one core
    core_seconds : the time for all of them: seconds times cores
    least        : the share of its epochs that each network has to get

    They are at least so many that each point of any region has a network that finds it.

    >>> regions = [Region(f"nose_{width}", ("nose_tip",), 24, width) for width in (20, 30, 40, 50)]
    >>> first_regions(regions, [60, 60, 60, 60], core_seconds=120, least=0.75)
    2
    >>> first_regions(regions, [60, 60, 60, 60], core_seconds=120, least=0.6)
    3
    """
    found = [set(region.indices_both_sides.tolist()) for region in regions]
    everything = set().union(*found)
    enough = next((k for k in range(len(found)) if set().union(*found[:k]) == everything), len(found))
    fit = int((least * np.cumsum(seconds) <= core_seconds).sum())
    return max(enough, fit)


def seconds_per_epoch(jobs: Mapping[str, Job]) -> dict[str, float]:
    """How long an epoch of each training takes on one core, validation included, in seconds.

    Networks that differ in their last layer alone, or in which part of a face they see, take the
    same time per row: one of them is measured. Nothing of the jobs changes.
    """
    per_row: dict[object, tuple[float, float]] = {}
    seconds = {}
    threads = get_threads()
    set_threads(1)
    try:
        with single_threaded_blas():
            for name, job in jobs.items():
                kind = _kind(job)
                if kind not in per_row:
                    per_row[kind] = _seconds_per_row(job)
                to_learn, to_judge = per_row[kind]
                _, x, _, (seen, _) = job
                seconds[name] = len(x) * to_learn + len(seen) * to_judge
    finally:
        set_threads(threads)
    return seconds


def cores_of(ranks: Ranks) -> int:
    """How many cores all ranks together train on; every rank calls it."""
    return sum(ranks.all_of([ranks.threads()])) if ranks.are_several else get_threads()


def _kind(job: Job) -> tuple[object, ...]:
    """What trainings must share to take the same time per row."""
    trainer, _, _, (seen, _) = job
    shapes = [tuple(value.shape for value in layer.params.values()) for layer in trainer.model.layers[:-1]]
    window = trainer.augment.region.window if isinstance(trainer.augment, RegionCrops) else 0
    return seen.shape[1:], window, trainer.batch_size, tuple(shapes)


def _seconds_per_row(job: Job) -> tuple[float, float]:
    """Seconds per row to learn from, and per row to judge by."""
    trainer, x, y, (seen, _) = job
    trainer = copy.deepcopy(trainer)
    trainer.metric, trainer.progress = None, False  # a metric asks for validation rows
    to_learn = to_judge = 0.0
    labelled = np.flatnonzero(np.isfinite(y).any(axis=tuple(range(1, y.ndim))))  # fit() asks for a label
    for steps in (1, _STEPS):
        few = labelled[: max(_FEW_ROWS, steps * trainer.batch_size)]
        few_x, few_y = x[few], y[few]
        began = time.perf_counter()
        trainer.fit(few_x, few_y, epochs=1, keep_best=False)
        to_learn = (time.perf_counter() - began) / len(few)
    for rows in (slice(0, 1), slice(0, _ROWS)):
        began = time.perf_counter()
        trainer.model.predict(seen[rows])
        to_judge = (time.perf_counter() - began) / max(1, len(seen[rows]))
    return to_learn, to_judge
