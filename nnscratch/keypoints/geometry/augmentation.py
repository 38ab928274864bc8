"""Augmentation: training faces mirrored, turned, scaled, shifted, bent and lit anew in every epoch.

What changes a picture changes its labels too. The kernel maps backwards, from a pixel p of the new
picture to its source s(p) = A p + t + bend(p) in the old one. So a point that was at q is now at
the p with s(p) = q, which is found by repeating

    p <- A^-1 (q - t - bend(p))

Each round shrinks the error, because a bend is weak: its slope times A^-1 is below 1. A point that
leaves the picture loses its label. A point under a blank patch keeps it: the rest of the face shows
where it is.

Sources: Simard, Steinkraus & Platt, "Best practices for convolutional neural networks" (2003), for
bent pictures; DeVries & Taylor, "Improved regularization of convolutional neural networks with
cutout" (2017), for blank patches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from nnscratch.checks import at_least, at_most, check_array, number, whole_number
from nnscratch.kernels.memory import empty
from nnscratch.kernels.threads import in_blocks
from nnscratch.kernels.warp import warp
from nnscratch.keypoints.faces import POINTS, SIDE, to_points, to_targets
from nnscratch.keypoints.geometry.affine_maps import AffineMaps
from nnscratch.keypoints.geometry.label_offset import LabelOffsets
from nnscratch.keypoints.geometry.mirror import MIRRORED
from nnscratch.keypoints.geometry.pictures import check_pictures

_NODES = 5  # of a bend, in each direction
_BLOCK = 16  # pictures per call of the kernel
_ROUNDS = 5  # of the search for a point's new position: the error is below 0.01 px
_CENTRE = (SIDE - 1) / 2
# Larger values leave no face to see, and a bend whose nodes lie much further off folds the picture.
_MOST = {"flip": 1, "rotation": 180, "scale": 1, "shift": SIDE, "stretch": 1, "bend": 3, "contrast": 1, "brightness": 1,
         "noise": 1, "blank": SIDE}  # fmt: skip


@dataclass(frozen=True)
class Changes:
    """One random change for each of N faces, as the kernel `warp` takes them.

    affine  : (N, 2, 3) float32 maps from new to old pixels
    flipped : (N,) bool; which faces are mirrored by their map
    bend    : (N, 5, 5, 2) float32 px, the nodes of each bend
    tone    : (N, 3) float32: gain, offset, amplitude of the noise
    seeds   : (N,) uint32, of the noise
    blank   : (N, 4) int64: first and last row, first and last column of the blank patch
    """

    affine: np.ndarray
    flipped: np.ndarray
    bend: np.ndarray
    tone: np.ndarray
    seeds: np.ndarray
    blank: np.ndarray

    def of(self, rows: slice) -> Changes:
        """Those of some of the faces."""
        return Changes(*(getattr(self, each.name)[rows] for each in fields(self)))


@dataclass(frozen=True)
class Augmentation:
    """Random changes of training faces, new ones for every face and epoch; call it on a batch.

    It keeps nothing from one call to the next, so trainings side by side may share one.

    flip       : probability that a face is mirrored, its left and right points swapped
    rotation   : degrees; the largest angle, to either side
    scale      : the largest change of size: 0.1 is a tenth larger or smaller
    shift      : pixels; the largest in x and in y
    stretch    : the largest change of width against height, as a share
    bend       : pixels; standard deviation of the 5 x 5 nodes that a smooth bend goes through
    contrast   : the largest change of contrast, as a share
    brightness : the largest change of brightness; 1 is the whole range from black to white
    noise      : amplitude of uniform noise in the pixels; 1 is that range
    blank      : pixels; side of a square that is blank in half of the faces
    offsets    : the label offset of each face (label_offset.py). Without them, mirrored faces may
        teach another position than the others. None: all 0

    Raises
        ValueError : a number out of its range

    >>> augmentation = Augmentation(flip=0.5, rotation=8, scale=0.07, shift=2.5)
    >>> x, y = np.zeros((2, 96, 96, 1), np.float32), np.zeros((2, 30), np.float32)
    >>> new_x, new_y = augmentation(x, y, np.random.default_rng(0))
    >>> new_x.shape, new_y.shape
    ((2, 96, 96, 1), (2, 30))
    """

    flip: float = 0.0
    rotation: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    stretch: float = 0.0
    bend: float = 0.0
    contrast: float = 0.0
    brightness: float = 0.0
    noise: float = 0.0
    blank: int = 0
    offsets: LabelOffsets | None = None

    def __post_init__(self) -> None:
        for name, most in _MOST.items():
            number("Augmentation", name, getattr(self, name), at_least(0), at_most(most), fix="0 is none")
        whole_number("Augmentation", "blank", self.blank, least=0)

    def __call__(
        self, x: np.ndarray, y: np.ndarray, rng: np.random.Generator, rows: slice = slice(None)
    ) -> tuple[np.ndarray, np.ndarray]:
        """The changed x and y of a batch, in new arrays.

        x : (N, 96, 96, 1) float32; y : (N, 30) float32, NaN where a label is missing
        rows : of the batch, which are given; all are drawn for, so that several processes change
            what one would change

        Raises
            ValueError : an x or y of another shape, an x of another dtype
        """
        check_pictures("Augmentation", x, (SIDE, SIDE))
        check_array("Augmentation", "y", y)
        if y.shape != (len(x), 2 * len(POINTS)):
            raise ValueError(
                f"Augmentation: got y of shape {y.shape}, expected {(len(x), 2 * len(POINTS))}, a row for each "
                "picture; leave none out"
            )
        changes = self.draw(len(x), rng).of(rows)
        x, y = x[rows], y[rows]
        arrays = changes.affine, changes.bend, changes.tone, changes.seeds, changes.blank
        new_x = empty(x.shape, x.dtype)

        def work(start: int, stop: int) -> None:
            rows = slice(start, stop)
            warp(np.ascontiguousarray(x[rows]), *(array[rows] for array in arrays), new_x[rows])

        in_blocks(work, len(x), _BLOCK)
        return new_x, self.move_labels(y, changes)

    def draw(self, count: int, rng: np.random.Generator) -> Changes:
        """Random changes for `count` faces, of the sizes that the fields allow."""
        affine, flipped = self._affine(count, rng)
        bend = (self.bend * rng.standard_normal((count, _NODES, _NODES, 2))).astype(np.float32)
        tone = self._tone(count, rng)
        seeds = rng.integers(0, 2**32, count, dtype=np.uint32)
        return Changes(affine, flipped, bend, tone, seeds, self._blank(count, rng))

    def move_labels(self, y: np.ndarray, changes: Changes) -> np.ndarray:
        """(N, 30) float32: the labels y (N, 30) after the changes; NaN for a point that is outside
        the picture.
        """
        points = to_points(y)
        beside = np.zeros((len(y), 1, 2), np.float32)
        if self.offsets is not None:
            beside[:, 0, 0] = self.offsets(points)
        points = move_points(points - beside, changes.affine, changes.bend)
        points[changes.flipped] = points[changes.flipped][:, MIRRORED]
        outside = ((points < 0) | (points > SIDE - 1)).any(axis=2)
        points[outside] = np.nan
        return to_targets(points + beside)

    def _affine(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(N, 2, 3) float32 maps from new to old pixels; (N,) which faces are mirrored."""
        flipped = rng.random(count) < self.flip
        angle = math.radians(self.rotation) * rng.uniform(-1, 1, count)
        size = np.exp(math.log1p(self.scale) * rng.uniform(-1, 1, count))
        ratio = np.exp(math.log1p(self.stretch) * rng.uniform(-0.5, 0.5, count))
        shift = self.shift * rng.uniform(-1, 1, (count, 2))
        affine = np.zeros((count, 2, 3))
        affine[:, 0, 0], affine[:, 0, 1] = np.cos(angle) * size * ratio, -np.sin(angle) * size
        affine[:, 1, 0], affine[:, 1, 1] = np.sin(angle) * size, np.cos(angle) * size / ratio
        affine[flipped, :, 0] *= -1
        maps = AffineMaps(affine).centred([_CENTRE, _CENTRE], at=_CENTRE + shift)
        return maps.matrices.astype(np.float32), flipped

    def _tone(self, count: int, rng: np.random.Generator) -> np.ndarray:
        gain = np.exp(math.log1p(self.contrast) * rng.uniform(-1, 1, count))
        offset = 0.5 - 0.5 * gain + self.brightness * rng.uniform(-1, 1, count)  # the middle grey stays
        return np.stack([gain, offset, np.full(count, self.noise)], axis=1).astype(np.float32)

    def _blank(self, count: int, rng: np.random.Generator) -> np.ndarray:
        side = np.where(rng.random(count) < 0.5, self.blank, 0)
        corners = rng.integers(0, SIDE - self.blank + 1, (count, 2))
        return np.stack([corners[:, 0], corners[:, 0] + side, corners[:, 1], corners[:, 1] + side], axis=1)


def move_points(points: np.ndarray, affine: np.ndarray, bend: np.ndarray) -> np.ndarray:
    """(N, K, 2) px: where points (N, K, 2) px of the old pictures are in the new; NaN stays NaN."""
    maps = AffineMaps(affine)
    straight = points - maps.shift[:, np.newaxis]
    moved = maps.differences_back(straight)
    if bend.any():
        for _ in range(_ROUNDS):
            moved = maps.differences_back(straight - bend_at(bend, moved))
    return moved.astype(points.dtype)


def bend_at(bend: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(N, K, 2) px: the bend at points (N, K, 2) px, bilinear between its (N, G, G, 2) nodes."""
    last = bend.shape[1] - 1
    place = np.nan_to_num(np.clip(points, 0, SIDE - 1)) * (last / (SIDE - 1))
    corner = np.minimum(place.astype(np.int64), last - 1)
    u, v = np.moveaxis((place - corner)[..., None], 2, 0)
    rows, j, i = np.arange(len(bend))[:, None], corner[..., 0], corner[..., 1]
    upper = bend[rows, i, j] + u * (bend[rows, i, j + 1] - bend[rows, i, j])
    lower = bend[rows, i + 1, j] + u * (bend[rows, i + 1, j + 1] - bend[rows, i + 1, j])
    return upper + v * (lower - upper)
