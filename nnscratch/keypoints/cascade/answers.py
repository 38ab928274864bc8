"""What a cascade's levels say of faces whose points are known: how far off they are, and what each level brought.

Of faces that no level was trained on, that is, or it says little: of its own faces a network knows too much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.faces import POINTS, Faces
from nnscratch.keypoints.geometry.alignment import similarity
from nnscratch.keypoints.geometry.mirror import MIRRORED
from nnscratch.keypoints.metrics import rmse_per_point, rmse_px


@dataclass(frozen=True)
class Answered:
    """Faces, and what the levels of a cascade say of them.

    faces   : with labels
    answers : (N, 15, 2) px, each level's, the first level first; the last one is the best that there is
    offset  : (N,) px, the label offset that the first network's answers have
    """

    faces: Faces
    answers: list[np.ndarray]
    offset: np.ndarray

    @classmethod
    def of(cls, cascade: Cascade, faces: Faces) -> Answered:
        """By the cascade as it is."""
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
            lines.append(f"{name:28s}{numbers} {_change(errors)}".rstrip())
        return "\n".join(lines)


def _change(errors: list[float]) -> str:
    if len(errors) < 2 or not math.isfinite(errors[0]):
        return ""
    return "    off" if errors[-1] == errors[-2] else f"{errors[-1] / errors[-2] - 1:+7.0%}"
