"""What the levels of a cascade answer for labelled faces: their errors, and a table of them.

Use held-out faces only. On its own training faces, a network's errors are misleadingly small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.faces import POINTS, Faces
from nnscratch.keypoints.geometry.affine_maps import AffineMaps
from nnscratch.keypoints.geometry.mirror import MIRRORED
from nnscratch.keypoints.metrics import rmse_per_point, rmse_px


@dataclass(frozen=True)
class CascadeAnswers:
    """Labelled faces, and the answers of a cascade's levels for them.

    faces   : N faces
    answers : (N, 15, 2) px of each level, level 1 first
    offset  : (N,) px, the label offset in the answers of level 1
    """

    faces: Faces
    answers: list[np.ndarray]
    offset: np.ndarray

    @classmethod
    def of(cls, cascade: Cascade, faces: Faces) -> CascadeAnswers:
        """The answers of `cascade` for `faces`."""
        answers, offset = cascade.answers(faces.images)
        return cls(faces, answers, offset)

    def alike(self, cascade: Cascade) -> CascadeAnswers:
        """The faces with all labels in the one convention of the cascade's answers."""
        points = cascade.conventions.removed(self.faces.points, self.answers[-1], cascade.reference)
        return replace(self, faces=replace(self.faces, points=points))

    def in_conventions(self, cascade: Cascade) -> CascadeAnswers:
        """The answers of all levels but the first, moved into the convention of each face's labels.

        A face's set of labels tells its convention, as the values that a lookup table asks for do.
        """
        asked = np.isfinite(self.faces.points).all(axis=2)
        moved = (cascade.conventions.added(each, asked, cascade.reference) for each in self.answers[1:])
        return replace(self, answers=[self.answers[0], *moved])

    def errors(self, region: Region, reference: np.ndarray) -> np.ndarray:
        """(M, 15, 2): the last level's errors, in px of an upright face of average size.

        They come from the faces that have all of the region's points, and from the mirror images,
        left for right, of those that have all of their counterparts. A face's other points, if they
        have no label, get the mean error of its labelled points. (For the region's own points this
        would not do: a mean of errors is smaller than the errors, and the network would learn to
        trust the middle of its crop.)

        region    : whose points a face must have
        reference : (15, 2) px, a symmetrical mean face
        """
        error = self.answers[-1] - self.faces.points
        both = [self._upright(error, points, reference) for points in (region.indices, MIRRORED[region.indices])]
        both[1] = both[1][:, MIRRORED] * [-1, 1]
        return np.concatenate(both)

    def _upright(self, error: np.ndarray, points: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """(M, 15, 2) px of an upright face: errors (N, 15, 2) px in pictures, turned and resized.

        M of the N faces have a label for all `points`.
        """
        labelled = np.isfinite(error[:, points]).all(axis=(1, 2))
        error, answers = error[labelled], self.answers[-1][labelled]
        known = np.isfinite(error)
        mean = np.where(known, error, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        error = np.where(known, error, mean[:, np.newaxis])
        return AffineMaps.fit(answers, reference).differences_back(error)

    def error_table(self) -> str:
        """A table for print(): the RMSE of each point at each level, and the last level's change.

        One line per point and one for all together. "off" stands where the last level kept the
        answer of before.
        """
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
