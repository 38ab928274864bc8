"""Regions: the parts of a face that the networks of a cascade look at, upright and of one size whatever the pose.

What is known of a face so far, its 15 points, says how it is turned and how large it is (alignment.py). A crop undoes
both, around the region's points, so that its network meets eyes that are all upright and of the same size:

    picture place = A (crop pixel - middle) + centre,     A = (turn and size of the face) * width / side

A network that finds the points of a left eye finds those of a right eye as well, in the mirror image of the picture:
one network serves both, and learns from both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnscratch.keypoints.faces import POINTS
from nnscratch.keypoints.geometry.alignment import similarity
from nnscratch.keypoints.geometry.mirror import MIRRORED


@dataclass(frozen=True)
class Region:
    """The points that one network finds in one crop.

    name   : for files and tables, such as "mouth"
    points : names from `POINTS`; in the mirror image of a picture the network finds their counterparts
    side   : of the crop, in its own pixels
    width  : how many pixels of an average face the crop is wide

    Raises
        ValueError : no or unknown points, a side below 2, no width

    >>> region = Region("nose", ("nose_tip",), side=24, width=20)
    >>> points = np.random.default_rng(0).uniform(20, 76, (1, 15, 2))
    >>> affine = region.place(points, reference=points[0])
    >>> region.targets(points, affine).round(6) + 0  # a crop around the point has it in the middle
    array([[0., 0.]], dtype=float32)
    """

    name: str
    points: tuple[str, ...]
    side: int
    width: float

    def __post_init__(self) -> None:
        unknown = [point for point in self.points if point not in POINTS]
        if unknown or not self.points:
            raise ValueError(f"Region: got points={self.points}, expected names from POINTS; correct {unknown or 'it'}")
        if self.side < 2 or not self.width > 0:
            raise ValueError(
                f"Region: got side={self.side}, width={self.width}, expected 2 pixels or more, and a width above 0; "
                "try side=48, width=40"
            )

    @property
    def indices(self) -> np.ndarray:
        """(G,) int64: the numbers of its points."""
        return np.array([POINTS.index(point) for point in self.points])

    @property
    def served(self) -> np.ndarray:
        """The numbers of all points that its network finds, in pictures and in mirror images."""
        return np.union1d(self.indices, MIRRORED[self.indices])

    def place(self, points: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """(N, 2, 3) float64 maps from the crop's pixels to the picture's, around where the points are thought to be.

        points    : (N, 15, 2) px, none missing
        reference : (15, 2) px, a symmetrical mean face
        """
        affine = similarity(points, reference)
        affine[:, :, :2] *= self.width / self.side
        middle = np.full(2, (self.side - 1) / 2)
        affine[:, :, 2] = points[:, self.indices].mean(axis=1) - affine[:, :, :2] @ middle
        return affine

    def targets(self, points: np.ndarray, affine: np.ndarray) -> np.ndarray:
        """(N, 2 G) float32: where the points (N, 15, 2) px are in the crops; 0 in the middle, 1 at the right and below.

        NaN where a point is missing.
        """
        beside = points[:, self.indices] - affine[:, None, :, 2]
        places = np.einsum("nij,ngj->ngi", np.linalg.inv(affine[:, :, :2]), beside)
        middle = (self.side - 1) / 2
        target: np.ndarray = ((places - middle) / middle).reshape(len(points), -1).astype(np.float32)
        return target

    def found(self, y: np.ndarray, affine: np.ndarray) -> np.ndarray:
        """(N, 15, 2) float64 px in the pictures from a network's answers (N, 2 G): what `targets` did, undone.

        NaN for the points that are not the region's.
        """
        middle = (self.side - 1) / 2
        places = y.reshape(len(y), len(self.points), 2).astype(np.float64) * middle + middle
        points = np.full((len(y), len(POINTS), 2), np.nan)
        points[:, self.indices] = np.einsum("nij,ngj->ngi", affine[:, :, :2], places) + affine[:, None, :, 2]
        return points


def one_a_point(side: int, width: float) -> tuple[Region, ...]:
    """A region for each point; a left point and its counterpart on the right share one.

    >>> [region.name for region in one_a_point(24, 20)][-2:]
    ['mouth_center_top_lip_20', 'mouth_center_bottom_lip_20']
    """
    own = [k for k in range(len(POINTS)) if k <= MIRRORED[k]]
    return tuple(Region(f"{POINTS[k]}_{width:g}", (POINTS[k],), side, width) for k in own)
