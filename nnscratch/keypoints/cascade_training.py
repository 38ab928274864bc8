"""Training of a cascade's levels: each learns from crops that miss their points as the levels before will miss them.

On the faces that it was trained on, a level looks better than it is. So the next one does not learn from crops around
its answers there, but around the truth plus an error: one that the level has made on a face that it was not trained on,
all 15 points of it at once, drawn anew for every face and epoch. Errors are kept in an upright face's pixels, so that
those of a tilted face fit another one.

Source: Sun, Wang & Tang, "Deep Convolutional Network Cascade for Facial Point Detection" (2013), section 3, who draw
shifts from a range chosen by hand.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from nnscratch.history import History, Metric
from nnscratch.kernels.memory import Buffers
from nnscratch.keypoints.alignment import crops, similarity
from nnscratch.keypoints.cascade import Cascade, Level, both_places
from nnscratch.keypoints.combination import Combination
from nnscratch.keypoints.faces import POINTS, Faces, to_points, to_targets
from nnscratch.keypoints.metrics import rmse_per_point, rmse_px
from nnscratch.keypoints.mirror import MIRRORED, LabelOffsets, mirrored
from nnscratch.keypoints.networks import start_from_mean
from nnscratch.keypoints.parallel import train_together
from nnscratch.keypoints.recipes import Recipe
from nnscratch.keypoints.regions import Region, in_mirror_image
from nnscratch.model import Sequential
from nnscratch.stopping import DIVERGED

MakeNetwork = Callable[[np.random.Generator, Region], Sequential]


@dataclass(frozen=True)
class HeldOut:
    """What is known of faces that no level was trained on.

    faces   : the validation faces
    answers : (N, 15, 2) px, each level's, the first level first; the last one is the best that there is
    offset  : (N,) px, the label offset that the first network's answers have
    """

    faces: Faces
    answers: list[np.ndarray]
    offset: np.ndarray

    @classmethod
    def of(cls, cascade: Cascade, faces: Faces) -> HeldOut:
        """By the cascade as it is, whose networks have not been trained on `faces`."""
        answers, offset = cascade.answers(faces.x)
        return cls(faces, answers, offset)

    def errors(self, region: Region, reference: np.ndarray) -> np.ndarray:
        """(M, 15, 2) px of an upright face of average size: the last level's, of faces that have the region's points.

        The errors of mirror images, left for right, are among them too. A face's other points, if they have no label,
        get the mean error of its labelled ones. (For the region's own points that would not do: a mean of errors is
        smaller than they are, and the network would learn to trust the middle of its crop.)
        """
        error = self.answers[-1] - self.faces.points
        both = [self._upright(error, points, reference) for points in (region.indices, MIRRORED[region.indices])]
        both[1] = both[1][:, MIRRORED] * [-1, 1]
        return np.concatenate(both)

    def _upright(self, error: np.ndarray, points: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """Errors (N, 15, 2) px in pictures as (M, 15, 2) px of an upright face, of the M faces that have the points."""
        labelled = np.isfinite(error[:, points]).all(axis=(1, 2))
        error, answers = error[labelled], self.answers[-1][labelled]
        known = np.isfinite(error)
        mean = np.where(known, error, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        upright = np.linalg.inv(similarity(answers, reference)[:, :, :2])
        turned: np.ndarray = np.einsum("nij,nkj->nki", upright, np.where(known, error, mean[:, np.newaxis]))
        return turned

    def gains(self) -> str:
        """A table for print(): the error of each point at each level, and what the last level brought."""
        levels = [rmse_per_point(answer, self.faces.points) for answer in self.answers]
        totals = [rmse_px(answer, self.faces.points) for answer in self.answers]
        heading = "".join(f"{f'level {number}':>9s}" for number in range(1, len(levels) + 1))
        lines = [f"{'RMSE in px of held-out faces':28s}{heading}   change"]
        for name, errors in [*((point, [level[point] for level in levels]) for point in POINTS), ("all", totals)]:
            numbers = "".join(f"{error:9.2f}" for error in errors)
            lines.append(f"{name:28s}{numbers} {_change(errors)}")
        return "\n".join(lines)


def _change(errors: list[float]) -> str:
    if len(errors) < 2 or not math.isfinite(errors[0]):
        return ""
    return "    off" if errors[-1] == errors[-2] else f"{errors[-1] / errors[-2] - 1:+7.0%}"


class RegionCrops:
    """Makes crops of a region from pictures, missing their points by held-out errors: `augment` of a Trainer.

    Arguments
        region    : what to crop
        reference : (15, 2) px, a symmetrical mean face
        errors    : (M, 15, 2) px, of the level before, as `HeldOut.errors` gives them
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
    held_out  : with the new level's answers, those of its combination being cross-validated
    histories : region's name -> history
    """

    cascade: Cascade
    held_out: HeldOut
    histories: dict[str, History]


def train_level(
    cascade: Cascade,
    regions: tuple[Region, ...],
    make_network: MakeNetwork,
    recipe: Recipe,
    train: Faces,
    held_out: HeldOut,
    *,
    rotation: float = 8.0,
    scale: float = 0.08,
    seed: int = 0,
    seconds: float | None = None,
) -> TrainedLevel:
    """Trains a network for each region, side by side on the cores, and adds them to the cascade as a level.

    regions      : what they look at; one without labels in `train` or `held_out`, or that diverges, is left out
    make_network : (generator, region) -> a new network from (N, side, side, 1) to (N, 2 G)
    recipe       : how each is trained
    train        : the faces that the levels before were trained on
    held_out     : answers of the cascade so far for other faces; they make the errors, and judge
    seconds      : for all of the training; None: as long as the recipe's epochs take
    """
    number = len(cascade.levels) + 2
    x = train.x
    thought = cascade.predict_levels(train.images)[-1]
    y = np.concatenate([train.y, to_targets(np.where(np.isnan(train.points), thought, train.points))], axis=1)
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
        learnt = (x, y) if rows.mean() > 0.9 else (x[rows], y[rows])
        jobs[region.name] = trainer, *learnt, _validation(region, cascade.reference, held_out, offsets)
    # Those with few faces first: what they leave of their share of the time goes to those with many.
    jobs = dict(sorted(jobs.items(), key=lambda job: len(job[1][1])))
    histories = train_together(jobs, epochs=recipe.epochs, seconds=seconds, title=f"level {number}")
    for region in [each for each in networks if histories[each.name].stopped.startswith(DIVERGED)]:
        del networks[region]  # its answers would be no numbers
    return _with_level(cascade, networks, held_out, histories, seed)


def _with_level(
    cascade: Cascade, networks: dict[Region, Sequential], held_out: HeldOut, histories: dict[str, History], seed: int
) -> TrainedLevel:
    """The cascade with the networks as a level, their answers for held-out faces weighed against those before."""
    before, true = held_out.answers[-1], held_out.faces.points
    level = Level(tuple(networks), tuple(networks.values()), Combination.none())
    found = level.look(held_out.faces.x, before, held_out.offset, cascade.reference)
    combination, answers = Combination.fit(before, found, true, seed=seed)
    return TrainedLevel(
        replace(cascade, levels=(*cascade.levels, replace(level, combination=combination))),
        replace(held_out, answers=[*held_out.answers, answers]),
        histories,
    )


def _rmse_px(region: Region) -> Metric:
    """The error of a region's network in pixels of a face of average size."""
    half = (region.side - 1) / 2 * region.width / region.side
    return Metric("rmse_px", "px", lambda y, target: half * float(np.sqrt(np.nanmean(np.square(y - target)))))


def _validation(
    region: Region, reference: np.ndarray, held_out: HeldOut, offsets: LabelOffsets
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
