"""A cascade: one network finds all points roughly, then one small network a point looks at its neighbourhood.

    level 1:  p1 = all points, from the whole picture
    level 2:  p2[k] = a point seen in the crop of S x S pixels around p1[k], for each point k

A network that sees only the surroundings of a mouth corner has fewer ways to be wrong about it; but it can only find
what level 1 has put into its crop. So it is trained on crops that miss the point by as much as level 1 does.

Source: Sun, Wang & Tang, "Deep Convolutional Network Cascade for Facial Point Detection" (2013).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnscratch import atomic, checkpoints
from nnscratch.history import Metric
from nnscratch.keypoints.faces import POINTS, SIDE, Faces, to_network_input, to_points
from nnscratch.model import Sequential

MODEL_FILE = "model.npz"


def crop(images: np.ndarray, centres: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Squares of `side` pixels around `centres`; beyond the picture its border goes on.

    images  : (N, 96, 96) uint8
    centres : (N, 2) px, x and y; centres outside the picture are moved to its border
    Returns the crops, (N, side, side) uint8, and the corners, (N, 2) int64: the x and y of their top left pixels.

    >>> image = np.arange(96 * 96).reshape(1, 96, 96).astype(np.uint8)
    >>> crops, corners = crop(image, np.array([[10.0, 20.0]]), 4)
    >>> corners, np.array_equal(crops[0], image[0, 18:22, 8:12])
    (array([[ 8, 18]]), True)
    """
    corners = np.rint(np.clip(centres, 0, SIDE - 1)).astype(np.int64) - side // 2
    pixels = np.arange(side)
    columns = np.clip(corners[:, :1] + pixels, 0, SIDE - 1)  # (N, side)
    rows = np.clip(corners[:, 1:] + pixels, 0, SIDE - 1)
    return images[np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None, :]], corners


def to_crop_targets(points: np.ndarray, corners: np.ndarray, side: int) -> np.ndarray:
    """(N, 2) float32 targets from points (N, 2) px: -1 at a crop's left or upper edge, 0 in its middle, 1 opposite."""
    targets: np.ndarray = (points - corners) / (side / 2) - 1
    return targets.astype(np.float32)


def from_crop_targets(y: np.ndarray, corners: np.ndarray, side: int) -> np.ndarray:
    """(N, 2) float32 px: what `to_crop_targets` made, undone."""
    points: np.ndarray = (y + 1) * (side / 2) + corners
    return points.astype(np.float32)


def crops_of_point(faces: Faces, point: str, centres: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """x (M, side, side, 1) and y (M, 2) for a level-2 network, from the M faces that have `point`.

    centres : (N, 2) px, where each face is cropped
    """
    true = faces.points[:, POINTS.index(point)]
    labelled = np.isfinite(true).all(axis=1)
    crops, corners = crop(faces.images[labelled], centres[labelled], side)
    return to_network_input(crops), to_crop_targets(true[labelled], corners, side)


def training_crops(
    faces: Faces, point: str, spread: float, *, side: int, copies: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """As `crops_of_point`, around where level 1 might put the point: off by N(0, spread^2) in x and in y.

    spread : level 1's error on faces that it was not trained on, RMSE in px
    copies : crops a face, each with an error of its own
    """
    repeated = faces.select(np.repeat(np.arange(len(faces)), copies))
    true = repeated.points[:, POINTS.index(point)]
    return crops_of_point(repeated, point, true + rng.normal(0, spread, true.shape), side)


def crop_rmse_px(side: int) -> Metric:
    """The error in pixels of a level-2 network's (M, 2) outputs, for a Trainer."""
    return Metric("rmse_px", "px", lambda y, target: side / 2 * float(np.sqrt(np.mean(np.square(y - target)))))


@dataclass(frozen=True)
class Cascade:
    """Level 1 and the level-2 networks, by point; a point without one keeps level 1's answer.

    level_1 : from (N, 96, 96, 1) to (N, 30)
    level_2 : point's name -> network from (N, side, side, 1) to (N, 2)
    side    : of the crops, pixels
    """

    level_1: Sequential
    level_2: dict[str, Sequential]
    side: int

    FILE = "cascade.json"

    def predict_points(self, images: np.ndarray) -> np.ndarray:
        """(N, 15, 2) float32 px from (N, 96, 96) uint8."""
        points = to_points(self.level_1.predict(to_network_input(images)))
        for name, network in self.level_2.items():
            k = POINTS.index(name)
            crops, corners = crop(images, points[:, k], self.side)
            points[:, k] = from_crop_targets(network.predict(to_network_input(crops)), corners, self.side)
        return points

    def save(self, folder: Path) -> list[str]:
        """Writes every network and `cascade.json` into `folder`, which exists; returns the names of the files."""
        checkpoints.save(self.level_1, folder / MODEL_FILE)
        for name, network in self.level_2.items():
            checkpoints.save(network, folder / _level_2_file(name))
        with atomic.write(folder / self.FILE) as temporary:
            temporary.write_text(json.dumps({"side": self.side, "points": list(self.level_2)}, indent=1) + "\n")
        return [MODEL_FILE, *map(_level_2_file, self.level_2), self.FILE]

    @classmethod
    def load(cls, folder: Path) -> Cascade:
        """What `save` wrote to `folder`.

        Raises
            OSError, ValueError : a file is missing or damaged
        """
        try:
            description = json.loads((folder / cls.FILE).read_text())
            side, names = int(description["side"]), [str(name) for name in description["points"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{folder / cls.FILE}: got a damaged description ({error!r}), expected side and points; train it again"
            ) from None
        level_2 = {name: checkpoints.load(folder / _level_2_file(name)) for name in names}
        return cls(checkpoints.load(folder / MODEL_FILE), level_2, side)


def _level_2_file(point: str) -> str:
    return f"level_2_{point}.npz"
