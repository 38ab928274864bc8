"""The label offset: how far to the right of what they name all labels of a source lie.

mirror.py says where it comes from and what it spoils. It is estimated from the data. Align all
faces by their labels and average them: the mean picture is symmetrical about one axis, the mean
labels are about another. The offset is the distance from the first axis to the second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnscratch.keypoints.faces import POINTS, SIDE, Faces
from nnscratch.keypoints.geometry.affine_maps import AffineMaps
from nnscratch.keypoints.geometry.crops import crops
from nnscratch.keypoints.geometry.mirror import MIRRORED, symmetrical
from nnscratch.keypoints.metrics import mean_face

# The mean of fewer faces is not symmetrical enough: offsets from 200 faces of one source are within
# 0.1 to 0.2 px of the offset from all of its faces.
_LEAST_FACES = 200
_CROP = 65  # pixels per side, an odd number: the middle column is the labels' axis
_INNER = slice(10, 55)  # the rows and columns of a crop that are compared: without hair and background
_FARTHEST, _STEP = 6.0, 0.05  # px, of the search for the axis


def label_offset(faces: Faces) -> float:
    """How far to the right of what they name the labels lie, px, from the mean face's symmetry.

    It uses the points that at least half of the faces have, and the faces that have all of these
    points. Accurate to 0.1 px for a thousand faces that look ahead, or to either side equally
    often. 0 if no two points mirror each other.

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
    reference = symmetrical(np.where(used[:, np.newaxis], mean_face(faces.points[labelled]), np.nan))
    reference = reference - [(SIDE - 1) / 2, reference[used, 1].mean()]
    maps = AffineMaps.fit(faces.points[labelled], reference)
    maps = maps.centred([(_CROP - 1) / 2, (_CROP - 1) / 2], at=maps.shift)  # a crop's middle is the face's middle
    x = faces.select(labelled).x
    x -= x.mean(axis=(1, 2, 3), keepdims=True)
    x /= x.std(axis=(1, 2, 3), keepdims=True) + 0.05  # equal contrast: each face counts the same
    return -_axis(crops(x, maps, (_CROP, _CROP)).mean(axis=0)[:, :, 0])


def _axis(picture: np.ndarray) -> float:
    """px: how far to the right of the middle column an odd-sized picture's axis of symmetry is."""
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
    """The label offset of each source of a data set; a face's set of labels tells its source.

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
        """The offsets of the sources of `faces`: one for each set of labels that 200 of them have.

        All smaller sources together get one offset too; if they have fewer than 200 faces, the mean
        of the others.
        """
        sources = label_sets(np.isfinite(faces.points).all(axis=2))
        values, counts = np.unique(sources, return_counts=True)
        large = [int(source) for source in values[counts >= _LEAST_FACES]]
        offsets = {source: label_offset(faces.select(sources == source)) for source in large}
        small = ~np.isin(sources, large)
        if small.sum() >= _LEAST_FACES:
            return cls(offsets, label_offset(faces.select(small)))
        weights = [int((sources == source).sum()) for source in large]
        return cls(offsets, float(np.average(list(offsets.values()), weights=weights)) if large else 0.0)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """(N,) float64 px, for points (N, 15, 2), NaN where a label is missing."""
        return np.array(
            [self.offsets.get(int(source), self.other) for source in label_sets(np.isfinite(points).all(axis=2))],
            np.float64,
        )


def label_sets(labelled: np.ndarray) -> np.ndarray:
    """(N,) int64: each face's set of points as bits, point k being 2^k, from (N, 15) bool."""
    return labelled @ (1 << np.arange(len(POINTS)))
