"""Runs an experiment, keeps its result, finds it again, and tells how long it will take."""

from __future__ import annotations

import time
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nnscratch.keypoints.experiments import results
from nnscratch.keypoints.experiments.crops import crops_of_point
from nnscratch.keypoints.experiments.kinds import RUN, seen
from nnscratch.keypoints.experiments.results import Result
from nnscratch.keypoints.experiments.settings import Experiment, Split
from nnscratch.keypoints.experiments.training import (
    Tell,
    make_loss,
    make_optimizer,
    network_input,
    targets,
    train_epoch,
)
from nnscratch.keypoints.faces import POINTS
from nnscratch.losses import MSELoss
from nnscratch.model import Sequential


def run(experiment: Experiment, split: Split, *, seed: int, tell: Tell = lambda line: None) -> Result:
    """Runs one experiment. A training that diverges ends there, and its result says so.

    tell : takes a line of progress
    """
    began = time.perf_counter()
    result = RUN[experiment.kind](experiment, split, seed, tell)
    result["seconds"] = time.perf_counter() - began
    return result


def run_and_keep(
    experiment: Experiment, split: Split, folder: Path, *, seed: int, tell: Tell = lambda line: None
) -> Result:
    """Runs one experiment and writes its result to `folder`; returns it as `load` will.

    Raises
        OSError : the folder is missing or cannot be written
    """
    results.write(_path(experiment, folder), _made_from(experiment, split, seed),
                  run(experiment, split, seed=seed, tell=tell))  # fmt: skip
    kept = load(experiment, split, folder, seed=seed)
    assert kept is not None  # it was written just now
    return kept


def load(experiment: Experiment, split: Split, folder: Path, *, seed: int) -> Result | None:
    """The result of exactly this experiment that an earlier run left in `folder`, or None."""
    return results.read(_path(experiment, folder), _made_from(experiment, split, seed))


def expected_seconds(experiment: Experiment, split: Split) -> float:
    """How long a run takes on this machine, from a few batches of its networks; only training is
    counted.
    """
    if experiment.network is None:
        return 0.0
    few = split.train.select(slice(0, 400))
    x, y = network_input(experiment, few.images, split), targets(experiment, few)
    images = experiment.epochs * (len(split.train) + len(split.validation) / 3)  # a prediction is a third of a step
    seconds = images * _seconds_per_image(experiment, experiment.make(0), make_loss(experiment), x, y)
    for level in experiment.levels:
        x, y = crops_of_point(few, POINTS[0], few.points[:, 0], level.sides[0])
        images = len(level.sides) * level.epochs * int(np.isfinite(split.all_train.points).all(axis=2).sum())
        seconds += images * _seconds_per_image(experiment, level.network(rng=0), MSELoss(), seen(level, x), y)
    return seconds


def _seconds_per_image(experiment: Experiment, network: Sequential, loss: Any, x: np.ndarray, y: np.ndarray) -> float:
    optimizer, rng = make_optimizer(replace(experiment, lr=0.0), network), np.random.default_rng(0)
    train_epoch(experiment, network, optimizer, loss, x, y, rng)  # compiles, and fills buffers
    began = time.perf_counter()
    train_epoch(experiment, network, optimizer, loss, x, y, rng)
    return (time.perf_counter() - began) / len(x)


def _path(experiment: Experiment, folder: Path) -> Path:
    return folder / f"{experiment.name}.json"


def _made_from(experiment: Experiment, split: Split, seed: int) -> dict[str, object]:
    """Everything that decides a result: settings, seed, and a checksum of the faces."""
    checksum = 0
    for faces in (split.train, split.validation, split.all_train):
        for array in (faces.images, faces.points):
            checksum = zlib.crc32(array.tobytes(), checksum)
    return {**experiment.settings(), "seed": seed, "faces": checksum}
