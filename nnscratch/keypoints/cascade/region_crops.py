"""Crops of a region to train and to validate its network on.

A training crop is displaced from its points as the level before would displace it: it is centred on
truth + error, where the error, of all 15 points at once, is drawn anew for each face and epoch from
the level's errors on held-out faces.

A Trainer hands `augment` the rows of its x and y. RegionCrops needs two kinds of points of each
face, so y has them both, on an axis of its own: y (N, 2, 30), made by `with_filled` and taken apart
by `split_filled`. (RegionCrops cannot keep the points itself and look a row's up: it is given the
rows of a batch, and not their numbers.)
"""

from __future__ import annotations

import math

import numpy as np

from nnscratch.checks import check_finite
from nnscratch.keypoints.cascade.answers import CascadeAnswers
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.faces import POINTS, SIDE, to_points, to_targets
from nnscratch.keypoints.geometry.affine_maps import AffineMaps
from nnscratch.keypoints.geometry.label_offset import LabelOffsets
from nnscratch.keypoints.geometry.mirror import mirrored
from nnscratch.keypoints.geometry.pictures import check_pictures

# How training crops are changed beyond what the errors of the level before do.
ROTATION = 8.0  # degrees at most
SCALE = 0.08  # of their size, as a share, at most


def with_filled(points: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """(N, 2, 30) float32, the y of RegionCrops: y[:, 0] targets, y[:, 1] the same without gaps.

    points  : (N, 15, 2) px, NaN where a label is missing: NaN in y[:, 0]
    answers : (N, 15, 2) px, the level before's: in y[:, 1] they stand in for missing labels

    >>> with_filled(np.full((1, 15, 2), np.nan), np.full((1, 15, 2), 72.0))[0, :, 0]
    array([nan, 0.5], dtype=float32)
    """
    filled = np.where(np.isnan(points), answers, points)
    return np.stack([to_targets(points), to_targets(filled)], axis=1)


def split_filled(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The points with gaps and those without, (N, 15, 2) float64 px each: `with_filled` undone."""
    return to_points(y[:, 0]).astype(np.float64), to_points(y[:, 1]).astype(np.float64)


class RegionCrops:
    """Makes displaced crops of a region from pictures: the `augment` of a Trainer.

    Arguments
        region    : what to crop
        reference : (15, 2) px, a symmetrical mean face
        errors    : (M, 15, 2) px, of the level before, as `CascadeAnswers.errors` gives them
        offsets   : the label offsets of the training faces
        rotation  : degrees; the largest turn of a crop beyond what the errors bring
        scale     : the largest change of its size beyond that, as a share

    Called with x (N, 96, 96, 1) float32, y (N, 2, 30) float32 from `with_filled`, and an rng. Gives
    new arrays: crops (N, side, side, 1) and targets (N, 2 G), both float32. Half of the pictures
    are mirrored. A point outside its crop has no label.

    Raises
        ValueError : a reference or errors of another shape, or not finite; when called, an x of
            another shape or dtype, a y of another shape or with gaps in y[:, 1]
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
        points = len(POINTS), 2
        if np.shape(reference) != points or np.shape(errors) != (len(errors), *points) or len(errors) == 0:
            raise ValueError(
                f"RegionCrops: got reference of shape {np.shape(reference)}, errors of shape {np.shape(errors)}, "
                f"expected {points} and (M, {points[0]}, {points[1]}), M from 1 up; take the errors of held-out faces"
            )
        check_finite("RegionCrops", "reference", reference)
        check_finite("RegionCrops", "errors", errors)
        self.region, self.reference, self.offsets = region, reference, offsets
        self.errors = errors
        self.rotation, self.scale = math.radians(rotation), math.log1p(scale)

    def __call__(self, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        check_pictures("RegionCrops", x, (SIDE, SIDE))
        if np.shape(y) != (len(x), 2, 2 * len(POINTS)):
            raise ValueError(
                f"RegionCrops: got y of shape {np.shape(y)}, expected {(len(x), 2, 2 * len(POINTS))}, two rows for "
                "each picture; make it by with_filled"
            )
        region, count = self.region, len(x)
        true, filled = split_filled(y)
        is_mirrored = rng.random(count) < 0.5
        offset = self.offsets(true)[is_mirrored]
        for points in (true, filled):
            points[is_mirrored] = mirrored(points[is_mirrored], offset)
        error = self.errors[rng.integers(0, len(self.errors), count)]
        in_picture = AffineMaps.fit(filled, self.reference).differences_to(error)  # as tilted and large as the face
        maps = self._turned(region.crop_maps(filled + in_picture, self.reference), rng)
        target = region.encode(true, maps)
        hide_outside(target)
        return region.crop(x, maps.mirrored(SIDE, where=is_mirrored)), target

    def _turned(self, maps: AffineMaps, rng: np.random.Generator) -> AffineMaps:
        """The maps with a random turn and change of size about the middle of the crop."""
        angle = self.rotation * rng.uniform(-1, 1, len(maps))
        size = np.exp(self.scale * rng.uniform(-1, 1, len(maps)))
        middle = (self.region.side - 1) / 2
        return maps.turned(angle, size, about=[middle, middle])


def has_labels(region: Region, points: np.ndarray) -> np.ndarray:
    """(N,) bool: faces with a label for a point that the region's network finds, mirrored or not.

    points : (N, 15, 2) px, NaN where a label is missing
    """
    return np.isfinite(points[:, region.indices_both_sides]).all(axis=2).any(axis=1)


def training_crops(
    region: Region, reference: np.ndarray, train: CascadeAnswers, held_out: CascadeAnswers, *, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Crops and targets that the region's network is trained on in one epoch, in the faces' order.

    region    : what to crop
    reference : (15, 2) px, a symmetrical mean face
    train     : the training faces with the answers of the levels before
    held_out  : other faces with these answers, whose errors displace the crops
    seed      : of the displacements

    Gives (M, side, side, 1) and (M, 2 G), both float32, for the M faces with a label of the region.

    Raises
        ValueError : no training face or no held-out face has a label for the region
    """
    labelled, errors = has_labels(region, train.faces.points), held_out.errors(region, reference)
    if not labelled.any() or not len(errors):
        raise ValueError(
            f"training_crops: got {labelled.sum()} training and {len(errors)} held-out faces with the points of "
            f"{region.name}, expected some of both; give more faces"
        )
    augment = RegionCrops(region, reference, errors, LabelOffsets.of(train.faces), rotation=ROTATION, scale=SCALE)
    y = with_filled(train.faces.points, train.answers[-1])
    return augment(train.faces.x[labelled], y[labelled], np.random.default_rng(seed))


def validation_crops(
    region: Region, reference: np.ndarray, held_out: CascadeAnswers, offsets: LabelOffsets
) -> tuple[np.ndarray, np.ndarray]:
    """Crops of held-out faces and of their mirror images, and their targets.

    region    : what to crop
    reference : (15, 2) px, a symmetrical mean face
    held_out  : the faces; the crops lie around the last level's answers
    offsets   : the label offsets of the training faces

    Gives (M, side, side, 1) float32 and (M, 2 G) float32 for the crops that have a labelled point
    in them.
    """
    true = held_out.faces.points.astype(np.float64)
    (crop, maps), (mirror_crop, mirror_maps) = region.crop_both_sides(
        held_out.faces.x, held_out.answers[-1], held_out.offset, reference
    )
    crop = np.concatenate([crop, mirror_crop])
    target = np.concatenate([region.encode(true, maps), region.encode(mirrored(true, offsets(true)), mirror_maps)])
    hide_outside(target)
    labelled = np.isfinite(target).any(axis=1)
    return crop[labelled], target[labelled]


def hide_outside(target: np.ndarray) -> None:
    """Takes the label, in place, from each point that is not in its crop; target (N, 2 G)."""
    by_point = target.reshape(len(target), -1, 2)
    by_point[(np.abs(by_point) > 1).any(axis=2)] = np.nan
