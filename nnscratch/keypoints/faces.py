"""What a face is here: a grey picture of 96 x 96 pixels and up to 15 labelled points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas

SIDE = 96  # pixels; a picture is square

# In Kaggle's order. "left" is the person's left: in the picture it is on the right, at larger x.
POINTS = (
    "left_eye_center",
    "right_eye_center",
    "left_eye_inner_corner",
    "left_eye_outer_corner",
    "right_eye_inner_corner",
    "right_eye_outer_corner",
    "left_eyebrow_inner_end",
    "left_eyebrow_outer_end",
    "right_eyebrow_inner_end",
    "right_eyebrow_outer_end",
    "nose_tip",
    "mouth_left_corner",
    "mouth_right_corner",
    "mouth_center_top_lip",
    "mouth_center_bottom_lip",
)
# A list: pandas takes a tuple for the name of one column.
COLUMNS = [f"{point}_{axis}" for point in POINTS for axis in "xy"]

_CENTRE = 48  # px from the left or upper edge, and the unit of a target


@dataclass(frozen=True, eq=False)
class Faces:
    """Pictures of N faces and their points.

    images    : (N, 96, 96) uint8, grey, 0 is black
    points    : (N, 15, 2) float32, in the order of `POINTS`: x and y in pixels from the centre of
                the top left pixel; NaN where a label is missing
    image_ids : (N,) int64

    Raises
        ValueError : another shape or dtype

    >>> images, points = np.zeros((2, 96, 96), np.uint8), np.full((2, 15, 2), 48, np.float32)
    >>> faces = Faces(images, points, np.array([1, 2]))
    >>> len(faces), faces.x.shape, faces.y.shape, faces.complete
    (2, (2, 96, 96, 1), (2, 30), array([ True,  True]))
    """

    images: np.ndarray
    points: np.ndarray
    image_ids: np.ndarray

    def __post_init__(self) -> None:
        count = len(self.image_ids)
        for name, array, shape, dtype in (
            ("images", self.images, (count, SIDE, SIDE), np.uint8),
            ("points", self.points, (count, len(POINTS), 2), np.float32),
            ("image_ids", self.image_ids, (count,), np.int64),
        ):
            if array.shape != shape or array.dtype != dtype:
                raise ValueError(
                    f"Faces: got {name} {array.shape} {array.dtype}, expected {shape} {np.dtype(dtype)} for the"
                    f" {count} image_ids; reshape it, or convert it with .astype"
                )

    def __len__(self) -> int:
        return len(self.image_ids)

    def select(self, rows: np.ndarray | slice | list[int]) -> Faces:
        """The faces at `rows`: a boolean mask (N,), indices, or a slice (it shares the arrays)."""
        return Faces(self.images[rows], self.points[rows], self.image_ids[rows])

    @property
    def complete(self) -> np.ndarray:
        """(N,) bool: whether a face has all 15 points."""
        return np.isfinite(self.points).all(axis=(1, 2))

    @property
    def x(self) -> np.ndarray:
        """The pictures for a network, see `to_network_input`. A new array at each call."""
        return to_network_input(self.images)

    @property
    def y(self) -> np.ndarray:
        """The targets for a network, see `to_targets`. A new array at each call."""
        return to_targets(self.points)

    def to_frame(self) -> pandas.DataFrame:
        """The points as a table, see `to_frame`. Its `.describe()` says where they lie."""
        return to_frame(self.points, self.image_ids)


def to_network_input(images: np.ndarray) -> np.ndarray:
    """(N, H, W, 1) float32, one channel, from (N, H, W) uint8: x = pixel / 256.

    >>> to_network_input(np.full((1, 1, 2), 64, np.uint8)).ravel()
    array([0.25, 0.25], dtype=float32)
    """
    return np.multiply(images[..., np.newaxis], np.float32(1 / 256), dtype=np.float32)


def to_targets(points: np.ndarray) -> np.ndarray:
    """(N, 30) float32 targets, in the order of `COLUMNS`, from (N, 15, 2) px: y = (p - 48) / 48.

    Raises
        ValueError : another shape

    >>> to_targets(np.full((1, 15, 2), 72.0))[0, :2]
    array([0.5, 0.5], dtype=float32)
    """
    check_points("to_targets", "points", points)
    return ((points - _CENTRE) / _CENTRE).astype(np.float32).reshape(-1, len(COLUMNS))


def to_points(y: np.ndarray) -> np.ndarray:
    """(N, 15, 2) float32 px from (N, 30) targets or outputs of a network: p = 48 y + 48.

    Raises
        ValueError : another shape

    >>> to_points(np.full((1, 30), 0.5))[0, 0]
    array([72., 72.], dtype=float32)
    """
    if y.ndim != 2 or y.shape[1] != len(COLUMNS):
        raise ValueError(f"to_points: got y of shape {y.shape}, expected (N, 30); for a single face use y[np.newaxis]")
    return (y * _CENTRE + _CENTRE).astype(np.float32).reshape(-1, len(POINTS), 2)


def to_frame(points: np.ndarray, image_ids: np.ndarray) -> pandas.DataFrame:
    """Points as a table: one row per face, indexed by ImageId, a column for each of `COLUMNS`.

    points    : (N, 15, 2) px
    image_ids : (N,)

    >>> to_frame(np.full((1, 15, 2), 72.0), np.array([7])).loc[7, "nose_tip_x"].item()
    72.0
    """
    import pandas  # here: its import takes longer than that of all of nnscratch

    check_points("to_frame", "points", points)
    index = pandas.Index(image_ids, name="ImageId")
    return pandas.DataFrame(points.reshape(len(points), len(COLUMNS)), index, COLUMNS)


def check_points(where: str, name: str, points: np.ndarray) -> None:
    """Raises ValueError unless `points` is (N, 15, 2); `where` and `name` are for the message."""
    if points.ndim != 3 or points.shape[1:] != (len(POINTS), 2):
        raise ValueError(
            f"{where}: got {name} of shape {points.shape}, expected (N, 15, 2) in pixels; turn (N, 30) outputs of a"
            " network into points with to_points"
        )
