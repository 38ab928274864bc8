"""A cascade: one network finds all points in the picture, then others look at parts of the face from close by.

    level 1   p1 = all points, from the picture and its mirror image
    level 2   for each region: crop it from the picture around p1, upright, and find its points in the crop
              p = what the regions' networks found, weighed against p1 (combination.py)
              p2 = the same networks' second look, around p, weighed against p
    level 3   the same with other networks around p2, and so on

A network that sees only a mouth, always upright and of one size, has fewer ways to be wrong about it than one that sees
a whole picture. What it cannot see, where the mouth is in the face and the picture, the weighing brings in again. And
the nearer to the middle of the crop a point is, the better it is found: hence the second look.

Source: Sun, Wang & Tang, "Deep Convolutional Network Cascade for Facial Point Detection" (2013).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnscratch import array_files, atomic, checkpoints
from nnscratch.keypoints.cascade.blending import Combination, Look
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.faces import POINTS, to_network_input, to_points
from nnscratch.keypoints.geometry.alignment import crops
from nnscratch.keypoints.geometry.mirror import in_mirror_image, mirrored
from nnscratch.keypoints.mirror_pass import both_ways
from nnscratch.model import Sequential

MODEL_FILE = "model.npz"
_ARRAYS_FILE = "cascade.npz"
PICTURES = 512  # at a time, so that memory stays bounded


@dataclass(frozen=True)
class Level:
    """The networks of one level, each with its region, and how their answers are weighed against what was known.

    regions      : what each network looks at
    networks     : from (N, side, side, 1) to (N, 2 G), G being the region's number of points
    combinations : of what they find with what was known, one for each look; every look is around the last one's answer
    """

    regions: tuple[Region, ...]
    networks: tuple[Sequential, ...]
    combinations: tuple[Combination, ...]

    def __call__(self, x: np.ndarray, points: np.ndarray, offset: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """(N, 15, 2) px, after all looks, from those of the level before; the arguments are those of `look`."""
        for combination in self.combinations:
            points = combination(self.look(x, points, offset, reference))
        return points

    def look(self, x: np.ndarray, points: np.ndarray, offset: np.ndarray, reference: np.ndarray) -> Look:
        """Found is the mean of what the networks find in pictures and mirror images; `points` where none looks.

        x         : (N, 96, 96, 1) float32 pictures
        points    : (N, 15, 2) px, where the points are thought to be;  offset : (N,) px, of their labels (mirror.py)
        reference : (15, 2) px, a symmetrical mean face
        """
        total, count = np.zeros(points.shape), np.zeros(len(POINTS))
        for region, network in zip(self.regions, self.networks, strict=True):
            affine, mirror_affine = both_places(region, points, offset, reference)
            size = (region.side, region.side)
            found = region.found(network.predict(crops(x, affine, size)), affine)
            in_mirror = region.found(network.predict(crops(x, in_mirror_image(mirror_affine), size)), mirror_affine)
            for answer in (found, mirrored(in_mirror, offset)):
                total += np.nan_to_num(answer)
                count += np.isfinite(answer[:1]).all(axis=(0, 2))
        found = np.where(count[:, np.newaxis] > 0, total / np.maximum(count, 1)[:, np.newaxis], points)
        return Look(points, found, offset)


def both_places(
    region: Region, points: np.ndarray, offset: np.ndarray, reference: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(N, 2, 3) maps, each: where the region lies in the pictures, and in their mirror images."""
    return region.place(points, reference), region.place(mirrored(points, offset), reference)


@dataclass(frozen=True)
class Cascade:
    """Level 1 and the levels after it; without any, it is its first network.

    level_1   : network from (N, 96, 96, 1) to (N, 30)
    reference : (15, 2) px, a symmetrical mean face, which says what upright is and how large a face is
    levels    : level 2, level 3, ...
    """

    level_1: Sequential
    reference: np.ndarray
    levels: tuple[Level, ...] = ()

    FILE = "cascade.json"

    def predict_points(self, images: np.ndarray) -> np.ndarray:
        """(N, 15, 2) float32 px from (N, 96, 96) uint8."""
        return self.predict_levels(images)[-1].astype(np.float32)

    def predict_levels(self, images: np.ndarray) -> list[np.ndarray]:
        """What each level answers, the first level first: (N, 15, 2) float64 px from (N, 96, 96) uint8."""
        starts = range(0, max(1, len(images)), PICTURES)
        parts = [self.answers(to_network_input(images[start : start + PICTURES]))[0] for start in starts]
        return [np.concatenate(level) for level in zip(*parts, strict=True)]

    def answers(self, x: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """Each level's (N, 15, 2) px, and (N,) px label offsets, from pictures x (N, 96, 96, 1) float32."""
        levels, offsets = [], []
        for start in range(0, max(1, len(x)), PICTURES):
            some = x[start : start + PICTURES]
            y, offset = both_ways(self.level_1, some)
            answers = [to_points(y).astype(np.float64)]
            for level in self.levels:
                answers.append(level(some, answers[-1], offset, self.reference))
            levels.append(answers)
            offsets.append(offset)
        return [np.concatenate(parts) for parts in zip(*levels, strict=True)], np.concatenate(offsets)

    def save(self, folder: Path) -> list[str]:
        """Writes every network and the two files that hold the rest into `folder`, which exists; returns the names."""
        files = [MODEL_FILE]
        checkpoints.save(self.level_1, folder / MODEL_FILE)
        arrays: dict[str, Any] = {"reference": self.reference}
        for number, level in enumerate(self.levels, 2):
            for region, network in zip(level.regions, level.networks, strict=True):
                files.append(_network_file(number, region))
                checkpoints.save(network, folder / files[-1])
            for look, combination in enumerate(level.combinations):
                arrays |= {f"{number}.{look}.{name}": value for name, value in vars(combination).items()}
        array_files.write(folder / _ARRAYS_FILE, {name: np.asarray(value) for name, value in arrays.items()})
        description = {
            "levels": [
                {"looks": len(level.combinations), "regions": [asdict(region) for region in level.regions]}
                for level in self.levels
            ]
        }
        with atomic.write(folder / self.FILE) as temporary:
            temporary.write_text(json.dumps(description, indent=1) + "\n")
        return [*files, _ARRAYS_FILE, self.FILE]

    @classmethod
    def load(cls, folder: Path) -> Cascade:
        """What `save` wrote to `folder`.

        Raises
            OSError, ValueError : a file is missing or damaged
        """
        try:
            description = json.loads((folder / cls.FILE).read_text())["levels"]
            arrays = array_files.read(folder / _ARRAYS_FILE)
            levels = tuple(_load_level(folder, number, each, arrays) for number, each in enumerate(description, 2))
            reference = arrays["reference"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{folder / cls.FILE}: got a damaged cascade ({error!r}), expected what a training wrote; train again"
            ) from None
        return cls(checkpoints.load(folder / MODEL_FILE), reference, levels)


def _load_level(folder: Path, number: int, description: dict[str, Any], arrays: dict[str, np.ndarray]) -> Level:
    regions = tuple(Region(**each | {"points": tuple(each["points"])}) for each in description["regions"])
    networks = tuple(checkpoints.load(folder / _network_file(number, region)) for region in regions)
    combinations = []
    for look in range(description["looks"]):
        weight, bias, is_off, strength = (
            arrays[f"{number}.{look}.{name}"] for name in ("weight", "bias", "is_off", "strength")
        )
        combinations.append(Combination(weight, bias, is_off, float(strength)))
    return Level(regions, networks, tuple(combinations))


def _network_file(number: int, region: Region) -> str:
    return f"level_{number}_{region.name}.npz"
