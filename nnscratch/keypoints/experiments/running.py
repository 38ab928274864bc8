"""Running the report's experiments (`experiments.EXPERIMENTS`): training, what is measured, and results that are kept.

A result is a dict that goes into one JSON file an experiment. It has
    rmse_px, mean_face_rmse_px, ratio : on the validation rows, px
    spread_px  : how much the outputs differ from picture to picture, px; None without a network for points
    active     : layer -> share of its values above 0, over units and pictures, for each ReLU
    alive      : layer -> share of its units that are above 0 for at least one picture; a unit of a convolution is a map
    history    : columns epoch, loss, validation_loss, rmse_px, spread_px
    inside     : epoch -> `inside.look`, where the experiment has `looks`
    per_point  : point -> RMSE px
    seconds, stopped, parameters, extra (what only this kind of experiment has)
"""

from __future__ import annotations

import json
import math
import time
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nnscratch import atomic
from nnscratch.checks import NotFiniteError
from nnscratch.keypoints.experiments import baselines, heatmap
from nnscratch.keypoints.experiments.crops import crop, crops_of_point, from_crop_targets
from nnscratch.keypoints.experiments.measures import MAP_POINT, Result, activity, points_of, scores
from nnscratch.keypoints.experiments.settings import Experiment, Level, Split
from nnscratch.keypoints.experiments.training import (
    Tell,
    make_loss,
    make_optimizer,
    network_input,
    shrink,
    targets,
    train_epoch,
    trained,
)
from nnscratch.keypoints.faces import POINTS, to_network_input, to_points
from nnscratch.keypoints.metrics import mean_face
from nnscratch.losses import MSELoss
from nnscratch.model import Sequential


def run(experiment: Experiment, split: Split, *, seed: int, tell: Tell = lambda line: None) -> Result:
    """Runs one experiment; a training that diverges ends there, and its result says so."""
    began = time.perf_counter()
    result = _RUN[experiment.kind](experiment, split, seed, tell)
    return result | {"seconds": time.perf_counter() - began}


def run_and_keep(
    experiment: Experiment, split: Split, folder: Path, *, seed: int, tell: Tell = lambda line: None
) -> Result:
    """Runs one experiment and writes its result to `folder`, whole or not at all; returns it as `load` will.

    Raises
        OSError : the folder is missing or cannot be written
    """
    result = run(experiment, split, seed=seed, tell=tell)
    document = _plain({"made_from": _made_from(experiment, split, seed), "result": result})
    with atomic.write(folder / f"{experiment.name}.json") as temporary:
        temporary.write_text(json.dumps(document, allow_nan=False) + "\n")
    kept: Result = document["result"]
    return kept


def load(experiment: Experiment, split: Split, folder: Path, *, seed: int) -> Result | None:
    """The result of exactly this experiment that an earlier run left in `folder`, or None."""
    try:
        document = json.loads((folder / f"{experiment.name}.json").read_text())
        made_from, result = document["made_from"], document["result"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # none there, or a damaged one: it is run again
    same = made_from == _plain(_made_from(experiment, split, seed))
    return dict(result) if same and isinstance(result, dict) else None


def expected_seconds(experiment: Experiment, split: Split) -> float:
    """How long a run takes here, from a few batches of its networks; what is no training is left out."""
    if experiment.network is None:
        return 0.0
    few = split.train.select(slice(0, 400))
    x, y = network_input(experiment, few.images, split), targets(experiment, few)
    images = experiment.epochs * (len(split.train) + len(split.validation) / 3)  # a prediction is a third of a step
    seconds = images * _seconds_of_image(experiment, experiment.make(0), make_loss(experiment), x, y)
    for level in experiment.levels:
        network = level.network(rng=0)
        x, y = crops_of_point(few, POINTS[0], few.points[:, 0], level.sides[0])
        images = len(level.sides) * level.epochs * int(np.isfinite(split.all_train.points).all(axis=2).sum())
        seconds += images * _seconds_of_image(experiment, network, MSELoss(), _seen(level, x), y)
    return seconds


def _seconds_of_image(experiment: Experiment, network: Sequential, loss: Any, x: np.ndarray, y: np.ndarray) -> float:
    optimizer, rng = make_optimizer(replace(experiment, lr=0.0), network), np.random.default_rng(0)
    train_epoch(experiment, network, optimizer, loss, x, y, rng)  # compiles, fills buffers
    began = time.perf_counter()
    train_epoch(experiment, network, optimizer, loss, x, y, rng)
    return (time.perf_counter() - began) / len(x)


# -- Kinds of experiments


def _run_constant(experiment: Experiment, split: Split, seed: int, tell: Tell) -> Result:
    constant = np.broadcast_to(mean_face(split.train.points), split.validation.points.shape)
    return scores(constant, split, range(len(POINTS)))


def _run_eyes(experiment: Experiment, split: Split, seed: int, tell: Tell) -> Result:
    predicted = np.full(split.validation.points.shape, np.nan)
    predicted[:, list(baselines.EYES)] = baselines.find_eyes(split.train, split.validation.images)
    return scores(predicted, split, baselines.EYES)


def _run_points(experiment: Experiment, split: Split, seed: int, tell: Tell) -> Result:
    network, result = trained(experiment, split, seed, tell)
    x = network_input(experiment, split.validation.images, split)
    return result | scores(to_points(network.predict(x)), split, range(len(POINTS))) | activity(network, x)


def _run_map(experiment: Experiment, split: Split, seed: int, tell: Tell) -> Result:
    network, result = trained(experiment, split, seed, tell)
    x = network_input(experiment, split.validation.images, split)
    maps = network.predict(x)
    predicted = np.full(split.validation.points.shape, np.nan)
    predicted[:, MAP_POINT] = points_of(experiment, maps)[:, 0]
    share = heatmap.pixel_map(split.train.points[:, MAP_POINT]).mean(axis=0)
    one_hot = heatmap.pixel_map(split.validation.points[:, MAP_POINT])
    shown = heatmap.softmax(maps[:1])[0] if experiment.loss == "cross-entropy" else maps[0]
    extra = {
        "point": POINTS[MAP_POINT],
        "loss_of_zeros": float(np.mean(np.square(one_hot))),
        "loss_of_shares": float(np.mean(np.square(one_hot - share))),
        "loss_of_this": float(np.mean(np.square(one_hot - maps))) if experiment.loss == "squared error" else None,
        "highest_value": float(np.mean(maps.max(axis=1))),
        "map": [float(f"{value:.3g}") for value in shown],
        "true": split.validation.points[0, MAP_POINT].tolist(),
        "found": predicted[0, MAP_POINT].tolist(),
    }
    return result | scores(predicted, split, [MAP_POINT]) | activity(network, x) | {"extra": extra}


def _run_crops(experiment: Experiment, split: Split, seed: int, tell: Tell) -> Result:
    """Level 1, then level by level networks for each point, on crops, from every row that has the point."""
    network, result = trained(experiment, split, seed, tell)
    rng = np.random.default_rng(seed)
    # Every level answers for the rows that the next one learns from, and for those that it is judged by.
    both = split.all_train, split.validation
    found = [to_points(network.predict(network_input(experiment, faces.images, split))) for faces in both]
    judged = [scores(found[1], split, range(len(POINTS)))]
    for number, level in enumerate(experiment.levels, 2):
        before = [points.copy() for points in found]
        for k in range(len(POINTS)):
            tell(f"{experiment.name}: level {number}, {k + 1} of {len(POINTS)}")
            answers = [_answers(experiment, level, side, split, before, k, rng) for side in level.sides]
            if all(answer is not None for answer in answers):  # else this point keeps the answer of the level before
                for points, of_sides in zip(found, zip(*answers, strict=True), strict=True):
                    points[:, k] = np.mean(of_sides, axis=0)
        judged.append(scores(found[1], split, range(len(POINTS))))
    levels = [{name: of_level[name] for name in ("rmse_px", "per_point")} for of_level in judged]
    x = network_input(experiment, split.validation.images, split)
    return result | judged[-1] | activity(network, x) | {"extra": {"levels": levels}}


def _answers(
    experiment: Experiment, level: Level, side: int, split: Split, before: list[np.ndarray], k: int,
    rng: np.random.Generator,
) -> list[np.ndarray] | None:  # fmt: skip
    """Point k by one new network on crops of `side`: (N, 2) px for all_train and validation; None if it diverged."""
    true = split.all_train.points[:, k]
    centres = before[0][:, k] if level.shift is None else true + rng.uniform(-level.shift, level.shift, true.shape)
    x, y = crops_of_point(split.all_train, POINTS[k], centres, side)
    x, network = _seen(level, x), level.network(rng=rng)
    optimizer, loss = make_optimizer(experiment, network), MSELoss()
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(level.epochs):
                train_epoch(experiment, network, optimizer, loss, x, y, rng)
            crops = [crop(faces.images, points[:, k], side)
                     for faces, points in zip((split.all_train, split.validation), before, strict=True)]  # fmt: skip
            return [from_crop_targets(network.predict(_seen(level, to_network_input(c))), corners, side)
                    for c, corners in crops]  # fmt: skip
    except NotFiniteError:
        return None


def _seen(level: Level, x: np.ndarray) -> np.ndarray:
    return shrink(x, level.seen) if level.seen else x


_RUN = {
    "constant": _run_constant, "eyes": _run_eyes, "points": _run_points, "map": _run_map, "crops": _run_crops,
}  # fmt: skip


# -- Files


def _made_from(experiment: Experiment, split: Split, seed: int) -> Result:
    checksum = 0
    for faces in (split.train, split.validation, split.all_train):
        for array in (faces.images, faces.points):
            checksum = zlib.crc32(array.tobytes(), checksum)
    return {**experiment.settings(), "seed": seed, "faces": checksum}


def _plain(value: Any) -> Any:
    """`value` as JSON can have it: NaN and infinity become null."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
