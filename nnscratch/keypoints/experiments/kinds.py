"""The kinds of experiments: how each is run and scored.

constant : the mean face for every picture
eyes     : mean patch search for the two eye centres, without a network
points   : a network from pictures to 15 points
map      : a network from pictures to a map of 96 x 96 pixels, in which one point is looked for
crops    : a cascade: a network for all points, then level by level one network per point on crops
    around it
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnscratch.checks import NotFiniteError
from nnscratch.keypoints.experiments import baselines, heatmap
from nnscratch.keypoints.experiments.crops import crop, crops_of_point, from_crop_targets
from nnscratch.keypoints.experiments.measures import MAP_POINT, activity, points_of, scores
from nnscratch.keypoints.experiments.results import Result
from nnscratch.keypoints.experiments.settings import Experiment, ReportLevel, Split
from nnscratch.keypoints.experiments.training import Tell, make_optimizer, network_input, shrink, train_epoch, trained
from nnscratch.keypoints.faces import POINTS, to_network_input, to_points
from nnscratch.keypoints.metrics import mean_face
from nnscratch.losses import MSELoss, softmax


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
    return {**result, **scores(to_points(network.predict(x)), split, range(len(POINTS))), **activity(network, x)}


def _run_map(experiment: Experiment, split: Split, seed: int, tell: Tell) -> Result:
    network, result = trained(experiment, split, seed, tell)
    x = network_input(experiment, split.validation.images, split)
    maps = network.predict(x)
    predicted = np.full(split.validation.points.shape, np.nan)
    predicted[:, MAP_POINT] = points_of(experiment, maps)[:, 0]
    share = heatmap.pixel_map(split.train.points[:, MAP_POINT]).mean(axis=0)
    one_hot = heatmap.pixel_map(split.validation.points[:, MAP_POINT])
    shown = softmax(maps[:1])[0] if experiment.loss == "cross-entropy" else maps[0]
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
    return {**result, **scores(predicted, split, [MAP_POINT]), **activity(network, x), "extra": extra}


def _run_crops(experiment: Experiment, split: Split, seed: int, tell: Tell) -> Result:
    """Level 1; then, level by level, networks for each point on crops, trained on every row that
    has the point.
    """
    network, result = trained(experiment, split, seed, tell)
    rng = np.random.default_rng(seed)
    # Each level answers for the rows that the next level learns from, and for the rows that judge
    # it.
    both = split.all_train, split.validation
    found = [to_points(network.predict(network_input(experiment, faces.images, split))) for faces in both]
    judged = [scores(found[1], split, range(len(POINTS)))]
    for number, level in enumerate(experiment.levels, 2):
        before = [points.copy() for points in found]
        for k in range(len(POINTS)):
            tell(f"{experiment.name}: level {number}, {k + 1} of {len(POINTS)}")
            answers = [_answers(experiment, level, side, split, before, k, rng) for side in level.sides]
            if all(answer is not None for answer in answers):  # otherwise the point keeps what it had
                for points, of_sides in zip(found, zip(*answers, strict=True), strict=True):
                    points[:, k] = np.mean(of_sides, axis=0)
        judged.append(scores(found[1], split, range(len(POINTS))))
    levels = [{"rmse_px": of_level["rmse_px"], "per_point": of_level["per_point"]} for of_level in judged]
    x = network_input(experiment, split.validation.images, split)
    return {**result, **judged[-1], **activity(network, x), "extra": {"levels": levels}}


def _answers(
    experiment: Experiment, level: ReportLevel, side: int, split: Split, before: list[np.ndarray], k: int,
    rng: np.random.Generator,
) -> list[np.ndarray] | None:  # fmt: skip
    """Point k, found by a new network on crops of `side`: (N, 2) px for all_train and validation;
    None: it diverged.
    """
    true = split.all_train.points[:, k]
    centres = before[0][:, k] if level.shift is None else true + rng.uniform(-level.shift, level.shift, true.shape)
    x, y = crops_of_point(split.all_train, POINTS[k], centres, side)
    x, network = seen(level, x), level.network(rng=rng)
    optimizer, loss = make_optimizer(experiment, network), MSELoss()
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(level.epochs):
                train_epoch(experiment, network, optimizer, loss, x, y, rng)
            crops = [crop(faces.images, points[:, k], side)
                     for faces, points in zip((split.all_train, split.validation), before, strict=True)]  # fmt: skip
            return [from_crop_targets(network.predict(seen(level, to_network_input(c))), corners, side)
                    for c, corners in crops]  # fmt: skip
    except NotFiniteError:
        return None


def seen(level: ReportLevel, x: np.ndarray) -> np.ndarray:
    """What a level's network sees of crops x (N, side, side, 1): (N, seen, seen, 1)."""
    return shrink(x, level.seen) if level.seen else x


RUN: dict[str, Callable[[Experiment, Split, int, Tell], Result]] = {
    "constant": _run_constant, "eyes": _run_eyes, "points": _run_points, "map": _run_map, "crops": _run_crops,
}  # fmt: skip
