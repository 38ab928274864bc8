"""Training of a cascade's levels: each learns from crops that miss their points as the levels before will miss them.

On the faces that it was trained on, a level looks better than it is. So the next one does not learn from crops around
its answers there, but around the truth plus an error: one that the level has made on a face that it was not trained on,
all 15 points of it at once, drawn anew for every face and epoch. Errors are kept in an upright face's pixels, so that
those of a tilted face fit another one. How its networks' answers are weighed is learnt after them (combination.py).

Source: Sun, Wang & Tang, "Deep Convolutional Network Cascade for Facial Point Detection" (2013), section 3, who draw
shifts from a range chosen by hand.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from nnscratch.kernels.memory import Buffers
from nnscratch.keypoints.cascade.answers import Answered
from nnscratch.keypoints.cascade.cascade import Cascade, Level, both_places
from nnscratch.keypoints.cascade.fit_blends import seconds_a_face, weighed
from nnscratch.keypoints.cascade.regions import Region, in_mirror_image
from nnscratch.keypoints.faces import Faces, to_points, to_targets
from nnscratch.keypoints.geometry.alignment import crops, similarity
from nnscratch.keypoints.geometry.mirror import LabelOffsets, mirrored
from nnscratch.keypoints.networks import start_from_mean
from nnscratch.keypoints.recipes import Recipe
from nnscratch.model import Sequential
from nnscratch.training.history import History, Metric
from nnscratch.training.side_by_side import train_together
from nnscratch.training.stopping import DIVERGED

MakeNetwork = Callable[[np.random.Generator, Region], Sequential]


class RegionCrops:
    """Makes crops of a region from pictures, missing their points by held-out errors: `augment` of a Trainer.

    Arguments
        region    : what to crop
        reference : (15, 2) px, a symmetrical mean face
        errors    : (M, 15, 2) px, of the level before, as `Answered.errors` gives them
        offsets   : of the labels
        rotation, scale : largest turn in degrees, and change of size as a share, of a crop beyond what errors bring

    Called with x (N, 96, 96, 1), y (N, 60) and a generator: y are the targets of all points, NaN where a label is
    missing, then those of all points again with the level's answers in place of missing ones. Half of the pictures are
    mirrored. Gives (N, side, side, 1) and (N, 2 G); the crops are overwritten by the next call. A point that is not in
    its crop has no label.
    """

    def __init__(
        self,
        region: Region,
        reference: np.ndarray,
        errors: np.ndarray,
        offsets: LabelOffsets,
        *,
        rotation: float,
        scale: float,
    ) -> None:
        self.region, self.reference, self.offsets = region, reference, offsets
        self.errors = errors
        self.rotation, self.scale = math.radians(rotation), math.log1p(scale)
        self._buffers = Buffers()

    def __call__(self, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        count, values = len(x), y.shape[1] // 2
        true, filled = (to_points(part).astype(np.float64) for part in (y[:, :values], y[:, values:]))
        is_mirrored = rng.random(count) < 0.5
        offset = self.offsets(true)[is_mirrored]
        for points in (true, filled):
            points[is_mirrored] = mirrored(points[is_mirrored], offset)
        error = self.errors[rng.integers(0, len(self.errors), count)]
        pose = similarity(filled, self.reference)[:, :, :2]
        affine = self.region.place(filled + np.einsum("nij,nkj->nki", pose, error), self.reference)
        affine = self._turned(affine, rng)
        target = self.region.targets(true, affine).reshape(count, -1, 2)
        _hide_outside(target)
        places = np.where(is_mirrored[:, np.newaxis, np.newaxis], in_mirror_image(affine), affine)
        size = (self.region.side, self.region.side)
        crop = self._buffers.get("crop", (count, *size, 1), np.float32)
        return crops(x, places, size, out=crop), target.reshape(count, -1)

    def _turned(self, affine: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The maps with a random turn and change of size about the middle of the crop."""
        angle = self.rotation * rng.uniform(-1, 1, len(affine))
        size = np.exp(self.scale * rng.uniform(-1, 1, len(affine)))
        s, middle = size * np.exp(1j * angle), (self.region.side - 1) / 2
        turn = np.moveaxis(np.array([[s.real, -s.imag], [s.imag, s.real]]), 2, 0)
        turned = np.empty_like(affine)
        turned[:, :, :2] = affine[:, :, :2] @ turn
        centre = affine[:, :, :2] @ [middle, middle] + affine[:, :, 2]
        turned[:, :, 2] = centre - turned[:, :, :2] @ [middle, middle]
        return turned


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
    for region in [each for each in networks if histories[each.name].stopped.startswith(DIVERGED)]:
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


def _hide_outside(target: np.ndarray) -> None:
    """Takes the label from each point, (N, G, 2), that is not in its crop."""
    target[(np.abs(target) > 1).any(axis=2)] = np.nan
