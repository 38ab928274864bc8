"""Regions: the parts of a face that the networks of a cascade see, whatever its pose.

The 15 points that are known so far tell how a face is turned and how large it is.
A crop undoes both, around the region's points, so that its network sees only eyes that are upright
and of the same size:

    picture pixel = A (crop pixel - middle) + centre
    A = (turn and size of the face) * width / side

A network that finds the points of a left eye also finds those of a right eye, in the mirror image
of the picture: one network serves both sides, and learns from both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from nnscratch.keypoints.faces import POINTS, SIDE
from nnscratch.keypoints.geometry.affine_maps import AffineMaps
from nnscratch.keypoints.geometry.crops import crops
from nnscratch.keypoints.geometry.local_contrast import locally_normalized
from nnscratch.keypoints.geometry.mirror import MIRRORED, mirrored

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")
_LARGEST_SIDE, _WIDEST = 4 * SIDE, 10 * SIDE  # a crop of more pixels would only show larger pixels


@dataclass(frozen=True)
class Region:
    """The points that one network finds in one crop. Its fields are names in cascade.json.

    name   : for files and tables, such as "mouth": letters, digits, "_", "-" and "."
    points : G names from `POINTS`, each once; in the mirror image of a picture the network finds
        their counterparts
    side   : pixels per side of the crop, 2 to 384
    width  : width of the crop in pixels of an average face, up to 960
    window : 0: the network sees the crop as it is; an odd number from 3 to `side`: each pixel as it
        stands out from a window of so many pixels per side (geometry/local_contrast.py)

    Raises
        ValueError : another name; no, unknown or repeated points; another side, width or window

    >>> region = Region("nose", ("nose_tip",), side=24, width=20)
    >>> points = np.random.default_rng(0).uniform(20, 76, (1, 15, 2))
    >>> maps = region.crop_maps(points, reference=points[0])
    >>> region.encode(points, maps).round(6) + 0  # a crop around a point has it in the middle
    array([[0., 0.]], dtype=float32)
    """

    name: str
    points: tuple[str, ...]
    side: int
    width: float
    window: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise ValueError(
                f"Region: got name={str(self.name)[:40]!r}, expected letters, digits, '_', '-' and '.'; it names a file"
            )
        unknown = [point for point in self.points if point not in POINTS]
        if unknown or not self.points or len(set(self.points)) < len(self.points):
            wrong = [str(name)[:40] for name in unknown[:3]] or "it"
            raise ValueError(
                f"Region: got points={str(self.points)[:80]}, expected names from POINTS, each once; correct {wrong}"
            )
        side: object = self.side  # they may come from a file, and then be anything
        width: object = self.width
        is_side = isinstance(side, int | np.integer) and 2 <= side <= _LARGEST_SIDE
        if not is_side or not isinstance(width, int | float | np.number) or not 0 < width <= _WIDEST:
            raise ValueError(
                f"Region: got side={repr(side)[:40]}, width={repr(width)[:40]}, expected 2 pixels or more, and a "
                f"finite width above 0 ({_LARGEST_SIDE} and {_WIDEST} at most); try side=48, width=40"
            )
        window: object = self.window
        is_window = isinstance(window, int | np.integer) and (window == 0 or (3 <= window <= self.side and window % 2))
        if not is_window:
            raise ValueError(
                f"Region: got window={repr(window)[:40]}, expected 0 or an odd number from 3 to its side; try 13"
            )

    @property
    def indices(self) -> np.ndarray:
        """(G,) int64: the numbers of its points."""
        return np.array([POINTS.index(point) for point in self.points])

    @property
    def indices_both_sides(self) -> np.ndarray:
        """The numbers of all points that its network finds, in pictures and in mirror images."""
        return np.union1d(self.indices, MIRRORED[self.indices])

    def crop_maps(self, points: np.ndarray, reference: np.ndarray) -> AffineMaps:
        """N maps from the crop's pixels to the picture's.

        points    : (N, 15, 2) px, where the points are thought to be, none missing
        reference : (15, 2) px, a symmetrical mean face
        """
        middle = (self.side - 1) / 2
        upright = AffineMaps.fit(points, reference).resized(self.width / self.side)
        return upright.centred([middle, middle], at=points[:, self.indices].mean(axis=1))

    def crop(self, x: np.ndarray, maps: AffineMaps) -> np.ndarray:
        """(N, side, side, 1) float32: the crops along `maps` of pictures (N, 96, 96, 1) float32."""
        crop = crops(x, maps, (self.side, self.side))
        return locally_normalized(crop, self.window) if self.window else crop

    def crop_both_sides(
        self, x: np.ndarray, points: np.ndarray, offset: np.ndarray, reference: np.ndarray
    ) -> tuple[tuple[np.ndarray, AffineMaps], tuple[np.ndarray, AffineMaps]]:
        """Crops of pictures and of their mirror images, each with the maps to its own pictures.

        x         : (N, 96, 96, 1) float32
        points    : (N, 15, 2) px, where the points are thought to be, none missing
        offset    : (N,) px, the label offset of these points
        reference : (15, 2) px, a symmetrical mean face
        """
        maps = self.crop_maps(points, reference)
        mirror_maps = self.crop_maps(mirrored(points, offset), reference)
        return (self.crop(x, maps), maps), (self.crop(x, mirror_maps.mirrored(SIDE)), mirror_maps)

    def encode(self, points: np.ndarray, maps: AffineMaps) -> np.ndarray:
        """(N, 2 G) float32 targets: where in the crops the points (N, 15, 2) px are.

        0 is the middle, 1 the right or lower edge, -1 the left or upper one; NaN where a point is
        missing.
        """
        middle = (self.side - 1) / 2
        places = maps.back(points[:, self.indices])
        return ((places - middle) / middle).reshape(len(points), -1).astype(np.float32)

    def decode(self, y: np.ndarray, maps: AffineMaps) -> np.ndarray:
        """(N, 15, 2) float64 px in the pictures, from answers y (N, 2 G): `encode` undone.

        NaN for the points that are not the region's.
        """
        middle = (self.side - 1) / 2
        places = y.reshape(len(y), len(self.points), 2).astype(np.float64) * middle + middle
        points = np.full((len(y), len(POINTS), 2), np.nan)
        points[:, self.indices] = maps.to(places)
        return points


def one_per_point(side: int, width: float) -> tuple[Region, ...]:
    """One region for each point; a left point and its counterpart on the right share one.

    >>> [region.name for region in one_per_point(24, 20)][-2:]
    ['mouth_center_top_lip_20', 'mouth_center_bottom_lip_20']
    """
    own = [k for k in range(len(POINTS)) if k <= MIRRORED[k]]
    return tuple(Region(f"{POINTS[k]}_{width:g}", (POINTS[k],), side, width) for k in own)
