"""Training crops of a region, which miss their points as the level before will miss them."""

from __future__ import annotations

import math

import numpy as np

from nnscratch.kernels.memory import empty
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.faces import to_points
from nnscratch.keypoints.geometry.alignment import crops, similarity
from nnscratch.keypoints.geometry.label_offset import LabelOffsets
from nnscratch.keypoints.geometry.mirror import in_mirror_image, mirrored


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
    mirrored. Gives (N, side, side, 1) and (N, 2 G), new arrays. A point that is not in its crop has no label.
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
        crop = empty((count, *size, 1), np.float32)
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


def _hide_outside(target: np.ndarray) -> None:
    """Takes the label from each point, (N, G, 2), that is not in its crop."""
    target[(np.abs(target) > 1).any(axis=2)] = np.nan
