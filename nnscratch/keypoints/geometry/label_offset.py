"""How far labels lie beside what they name, told from the symmetry of the mean face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnscratch.keypoints.faces import POINTS, SIDE, Faces
from nnscratch.keypoints.geometry.alignment import crops, similarity
from nnscratch.keypoints.geometry.mirror import MIRRORED, mirrored
from nnscratch.keypoints.metrics import mean_face

# The mean of fewer faces is not symmetrical enough: 200 of one kind come within 0.1 to 0.2 px of what all of it say.
_LEAST_FACES = 200


_CROP = 65  # pixels a side, an odd number: the middle column is the labels' axis


_INNER = slice(10, 55)  # rows and columns of it that are compared: not hair and background


_FARTHEST, _STEP = 6.0, 0.05  # px, of the search for the axis


def label_offset(faces: Faces) -> float:
    """How far labels lie to the right of what they name, px, told from the symmetry of the mean face.

    By the points that most of the faces have, and the faces that have all of these. Accurate to 0.1 px for a thousand
    faces that look ahead, or to either side as often as to the other. 0 if no two of the points mirror each other.

    >>> from nnscratch.keypoints.drawn.faces import draw_faces
    >>> faces = draw_faces(200, seed=0)
    >>> moved = Faces(faces.images, faces.points + np.float32([2, 0]), faces.image_ids)
    >>> round(label_offset(moved) - label_offset(faces))
    2
    """
    used = np.isfinite(faces.points).all(axis=2).mean(axis=0) >= 0.5
    used &= used[MIRRORED]
    labelled = np.isfinite(faces.points[:, used]).all(axis=(1, 2))
    if not (used & (np.arange(len(POINTS)) != MIRRORED)).any() or not labelled.any():
        return 0.0
    mean = np.where(used[:, np.newaxis], mean_face(faces.points[labelled]), np.nan)
    reference = (mean + mirrored(mean[np.newaxis])[0]) / 2
    reference = reference - [(SIDE - 1) / 2, reference[used, 1].mean()]
    affine = similarity(faces.points[labelled], reference)
    affine[:, :, 2] -= affine[:, :, :2] @ np.full(2, (_CROP - 1) / 2)  # the middle of a crop is the middle of the face
    x = faces.select(labelled).x
    x -= x.mean(axis=(1, 2, 3), keepdims=True)
    x /= x.std(axis=(1, 2, 3), keepdims=True) + 0.05  # no face counts more for its contrast
    return -_axis(crops(x, affine, (_CROP, _CROP)).mean(axis=0)[:, :, 0])


def _axis(picture: np.ndarray) -> float:
    """px: how far to the right of its middle column an odd-sized picture has its axis of symmetry."""
    columns = np.arange(_CROP, dtype=np.float64)
    shifts = np.arange(-_FARTHEST, _FARTHEST + _STEP / 2, _STEP)
    inner = picture[_INNER, _INNER]

    def difference(shift: float) -> float:
        source = _CROP - 1 + 2 * shift - columns[_INNER]
        mirror_image = np.stack([np.interp(source, columns, row) for row in picture[_INNER]])
        return float(np.square(inner - mirror_image).mean())

    return float(shifts[np.argmin([difference(shift) for shift in shifts])])


@dataclass(frozen=True)
class LabelOffsets:
    """The label offset of each source of a data set, sources being told apart by the points that they have labels for.

    offsets : set of labelled points, as bits (point k is 2^k) -> px
    other   : px, for every other set

    >>> offsets = LabelOffsets({2**15 - 1: 1.3}, other=2.4)
    >>> points = np.zeros((2, 15, 2))
    >>> points[1, 3:] = np.nan
    >>> offsets(points)
    array([1.3, 2.4])
    """

    offsets: dict[int, float]
    other: float

    @classmethod
    def of(cls, faces: Faces) -> LabelOffsets:
        """What the faces say, for each set of points that enough of them have, and for all of the rest together."""
        kinds = _kinds(faces.points)
        values, counts = np.unique(kinds, return_counts=True)
        large = [int(kind) for kind in values[counts >= _LEAST_FACES]]
        offsets = {kind: label_offset(faces.select(kinds == kind)) for kind in large}
        small = ~np.isin(kinds, large)
        if small.sum() >= _LEAST_FACES:
            return cls(offsets, label_offset(faces.select(small)))
        weights = [int((kinds == kind).sum()) for kind in large]
        return cls(offsets, float(np.average(list(offsets.values()), weights=weights)) if large else 0.0)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """(N,) float64 px, for points (N, 15, 2), NaN where a label is missing."""
        offset: np.ndarray = np.array([self.offsets.get(int(kind), self.other) for kind in _kinds(points)], np.float64)
        return offset


def _kinds(points: np.ndarray) -> np.ndarray:
    kinds: np.ndarray = np.isfinite(points).all(axis=2) @ (1 << np.arange(len(POINTS)))
    return kinds
