"""Training of a cascade's levels: each learns from crops that miss their points as the levels before will miss them.

On the faces that it was trained on, a level looks better than it is. So the next one does not learn from crops around
its answers there, but around the truth plus an error: one that the level has made on a face that it was not trained on,
all 15 points of it at once, drawn anew for every face and epoch. Errors are kept in an upright face's pixels, so that
those of a tilted face fit another one. How its networks' answers are weighed is learnt after them (combination.py).

Source: Sun, Wang & Tang, "Deep Convolutional Network Cascade for Facial Point Detection" (2013), section 3, who draw
shifts from a range chosen by hand.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from nnscratch.history import History, Metric, Outcome
from nnscratch.keypoints.cascade.answers import Answered
from nnscratch.keypoints.cascade.cascade import Cascade, Level, both_places
from nnscratch.keypoints.cascade.fit_blends import seconds_a_face, weighed
from nnscratch.keypoints.cascade.region_crops import RegionCrops, _hide_outside
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.faces import Faces, to_targets
from nnscratch.keypoints.geometry.alignment import crops
from nnscratch.keypoints.geometry.label_offset import LabelOffsets
from nnscratch.keypoints.geometry.mirror import in_mirror_image, mirrored
from nnscratch.keypoints.recipes import Recipe
from nnscratch.keypoints.start import start_from_mean
from nnscratch.model import Sequential
from nnscratch.training.side_by_side import train_together

MakeNetwork = Callable[[np.random.Generator, Region], Sequential]


@dataclass(frozen=True)
class TrainedLevel:
    """A cascade with one more level, and what came of its training.

    cascade   : with the new level
    held_out  : with the new level's answers, by combinations that they had no part in
    histories : region's name -> history
    """

    cascade: Cascade
    held_out: Answered
    histories: dict[str, History]


def train_level(
    cascade: Cascade,
    regions: tuple[Region, ...],
    make_network: MakeNetwork,
    recipe: Recipe,
    train: Faces,
    held_out: Answered,
    *,
    rotation: float = 8.0,
    scale: float = 0.08,
    looks: int = 2,
    seed: int = 0,
    seconds: float | None = None,
) -> TrainedLevel:
    """Trains a network for each region, side by side on the cores, and adds them to the cascade as a level.

    regions      : what they look at; one without labels in `train` or `held_out`, or that diverges, is left out
    make_network : (generator, region) -> a new network from (N, side, side, 1) to (N, 2 G)
    recipe       : how each is trained
    train        : the faces that the levels before were trained on
    held_out     : answers of the cascade so far for other faces; they make the errors, and judge
    looks        : how often the level looks, each time around what it said before
    seconds      : for all of the training; None: as long as the recipe's epochs take
    """
    began = time.perf_counter()
    number = len(cascade.levels) + 2
    learnt, x = Answered.of(cascade, train), train.x
    filled = np.where(np.isnan(train.points), learnt.answers[-1], train.points)
    y = np.concatenate([train.y, to_targets(filled)], axis=1)
    offsets = LabelOffsets.of(train)
    jobs, networks = {}, {}
    for k, region in enumerate(regions):
        rows = np.isfinite(train.points[:, region.served]).all(axis=2).any(axis=1)
        errors = held_out.errors(region, cascade.reference)
        if not rows.any() or not len(errors):
            continue  # nobody to learn from, or to be judged by
        network = networks[region] = make_network(np.random.default_rng([seed, number, k]), region)
        augment = RegionCrops(region, cascade.reference, errors, offsets, rotation=rotation, scale=scale)
        start_from_mean(network, augment(x[rows][:512], y[rows][:512], np.random.default_rng(seed))[1])
        trainer = replace(recipe, augment=augment).trainer(network, seed=seed, metric=_rmse_px(region), progress=False)
        # All pictures are one array for all networks; some of them are a copy, which only pays if they are few.
        x_and_y = (x, y) if rows.mean() > 0.9 else (x[rows], y[rows])
        jobs[region.name] = trainer, *x_and_y, _validation(region, cascade.reference, held_out, offsets)
    if seconds is not None:
        seconds -= time.perf_counter() - began
        faces = looks * (len(train) + len(held_out.faces))
        seconds = max(seconds / 2, seconds - faces * seconds_a_face(_level(networks), learnt, cascade.reference))
    histories = train_together(jobs, epochs=recipe.epochs, seconds=seconds, title=f"level {number}")
    for region in [each for each in networks if histories[each.name].outcome is Outcome.DIVERGED]:
        del networks[region]  # its answers would be no numbers
    level, judged = weighed(
        _level(networks), cascade.reference, learnt, held_out, looks=looks, title=f"level {number}: weighing"
    )
    return TrainedLevel(
        replace(cascade, levels=(*cascade.levels, level)),
        replace(held_out, answers=[*held_out.answers, judged]),
        histories,
    )


def _level(networks: dict[Region, Sequential]) -> Level:
    return Level(tuple(networks), tuple(networks.values()), ())


def _rmse_px(region: Region) -> Metric:
    """The error of a region's network in pixels of a face of average size."""
    half = (region.side - 1) / 2 * region.width / region.side
    return Metric("rmse_px", "px", lambda y, target: half * float(np.sqrt(np.nanmean(np.square(y - target)))))


def _validation(
    region: Region, reference: np.ndarray, held_out: Answered, offsets: LabelOffsets
) -> tuple[np.ndarray, np.ndarray]:
    """Crops of the held-out faces and of their mirror images, and where the points are in them."""
    faces, points = held_out.faces, held_out.answers[-1]
    x, size = faces.x, (region.side, region.side)
    affine, mirror_affine = both_places(region, points, held_out.offset, reference)
    true = faces.points.astype(np.float64)
    crop = np.concatenate([crops(x, affine, size), crops(x, in_mirror_image(mirror_affine), size)])
    target = np.concatenate(
        [region.targets(true, affine), region.targets(mirrored(true, offsets(true)), mirror_affine)]
    )
    _hide_outside(target.reshape(len(target), -1, 2))
    labelled = np.isfinite(target).any(axis=1)
    return crop[labelled], target[labelled]
