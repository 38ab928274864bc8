"""A level of a cascade after the first: networks that see crops, and blends of what they find."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nnscratch.checks import NotFiniteError
from nnscratch.keypoints.cascade.blending import Blend, Sighting
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.faces import POINTS
from nnscratch.keypoints.geometry.label_offset import label_sets
from nnscratch.keypoints.geometry.mirror import mirrored
from nnscratch.model import Sequential

PICTURES = 512  # at a time, so that memory stays bounded
_FARTHEST = 1_000_000  # px


@dataclass(frozen=True)
class Level:
    """The networks of one level, each with its region, and the blends of what they find.

    regions  : what each network sees
    networks : from (N, side, side, 1) to (N, 2 G), G being the region's number of points
    blends   : one per pass; the crops of a pass are centred on the answers of the pass before
    by_set   : set of labelled points, as bits (point k is 2^k) -> what takes the last blend's place
        for those who ask for this set: their labels' source has its own idea of a face
    """

    regions: tuple[Region, ...]
    networks: tuple[Sequential, ...]
    blends: tuple[Blend, ...]
    by_set: dict[int, Blend] = field(default_factory=dict)

    def __call__(
        self,
        x: np.ndarray,
        points: np.ndarray,
        offset: np.ndarray,
        reference: np.ndarray,
        asked: np.ndarray | None = None,
    ) -> np.ndarray:
        """(N, 15, 2) float64 px: the answers after all passes.

        asked : (N, 15) bool, the points that are asked for; None: all
        The other arguments are those of `sight`.
        """
        for number, blend in enumerate(self.blends, 1):
            seen = self.sight(x, points, offset, reference)
            is_last = number == len(self.blends)
            points = blend_by_set(seen, blend, self.by_set, asked) if is_last else blend(seen)
            check_answers("Cascade", points)
        return points

    def sight(self, x: np.ndarray, points: np.ndarray, offset: np.ndarray, reference: np.ndarray) -> Sighting:
        """One pass of the networks over pictures and their mirror images.

        x         : (N, 96, 96, 1) float32
        points    : (N, 15, 2) px, where the points are thought to be
        offset    : (N,) px, the label offset of these points
        reference : (15, 2) px, a symmetrical mean face

        `found` of the result is, for each point, the mean of all answers for it: of each network
        that finds it, in the picture or in the mirror image. Points that no region covers keep
        their place in `points`.
        """
        total, count = np.zeros(points.shape), np.zeros(len(POINTS))
        for region, network in zip(self.regions, self.networks, strict=True):
            (crop, maps), (mirror_crop, mirror_maps) = region.crop_both_sides(x, points, offset, reference)
            found = region.decode(network.predict(crop), maps)
            found_in_mirror = mirrored(region.decode(network.predict(mirror_crop), mirror_maps), offset)
            for answer in (found, found_in_mirror):
                total += np.nan_to_num(answer)
                count += np.isfinite(answer[:1]).all(axis=(0, 2))  # the same points in every picture
        mean = np.where(count[:, np.newaxis] > 0, total / np.maximum(count, 1)[:, np.newaxis], points)
        return Sighting(points, mean, offset)


def blend_by_set(seen: Sighting, blend: Blend, by_set: dict[int, Blend], asked: np.ndarray | None) -> np.ndarray:
    """(N, 15, 2) float64 px: the answers of the blend of the set that is asked for of each face.

    seen   : of N faces
    blend  : for every set that has none of its own in `by_set`
    asked  : (N, 15) bool, the points that are asked for; None: all
    """
    answers = blend(seen)
    if asked is not None and by_set:
        sets = label_sets(asked)
        for value, own in by_set.items():
            answers[sets == value] = own(seen)[sets == value]
    return answers


def check_answers(where: str, points: np.ndarray) -> None:
    """Raises NotFiniteError for points (N, 15, 2) px that are nowhere near a picture."""
    if not (np.abs(points) <= _FARTHEST).all():
        raise NotFiniteError(
            f"{where}: got answers beyond {_FARTHEST:,} px, or NaN, expected points near the picture; the training has "
            "diverged: train again"
        )


def row_blocks(count: int, size: int = PICTURES) -> list[slice]:
    """Slices of `size` rows that cover `count` rows; one empty slice if there are none.

    >>> row_blocks(5, 2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 6, None)]
    """
    return [slice(start, start + size) for start in range(0, max(1, count), size)]
