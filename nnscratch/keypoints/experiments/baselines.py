"""What must be beaten: predictors without a network, as the report cites them.

Mean face: predicts the mean of the training faces' points for every face (`metrics.mean_face`).
Mean patch search, for the two eye centres: averages the training faces' patches around the point,
which gives a picture of "an eye", and looks near the mean position for the place of a new face that
is most like it. Before that, each face is stretched to full contrast and redrawn from a few
eigenfaces, which removes noise.

Source: Wang & Song, "Facial keypoints detection" (Stanford CS229 project, 2014), as the report of
He & Yang (2015) describes it; the sizes of the patch, and the number of eigenfaces, are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnscratch.keypoints.faces import POINTS, SIDE, Faces
from nnscratch.keypoints.metrics import mean_face

EYES = (POINTS.index("left_eye_center"), POINTS.index("right_eye_center"))

_EIGENFACES = 100
_HALF = 10  # a patch is 21 x 21 pixels: an eye with its lids
_REACHES = range(2, 13)  # px that a point may lie from its mean position; `find_eyes` chooses


def stretch(images: np.ndarray) -> np.ndarray:
    """(N, 96, 96) float32 in 0..255: each picture's darkest pixel becomes 0 and its brightest 255;
    a flat one, 0.

    >>> stretch(np.array([[[50, 100]], [[7, 7]]], np.uint8)).tolist()
    [[[0.0, 255.0]], [[0.0, 0.0]]]
    """
    low = images.min(axis=(1, 2), keepdims=True).astype(np.float32)
    width = images.max(axis=(1, 2), keepdims=True) - low
    return (images - low) * np.float32(255) / np.maximum(width, 1)


@dataclass(frozen=True)
class Eigenfaces:
    """The directions in which faces differ most, a basis of few numbers for a picture of many.

    Pictures as rows of X (N, 9216), minus their mean m, have the covariance XᵀX / N; its
    eigenvectors with the largest eigenvalues are the directions of most variance. XᵀX is 9216 x
    9216. XXᵀ, only N x N, has the same eigenvalues:
        XXᵀ u = s u   =>   XᵀX (Xᵀu) = s (Xᵀu)        so Xᵀu / sqrt(s) is a unit eigenvector of XᵀX

    mean  : (9216,)
    basis : (components, 9216), orthonormal rows

    Source: Turk & Pentland, "Eigenfaces for recognition" (1991).
    """

    mean: np.ndarray
    basis: np.ndarray

    @classmethod
    def of(cls, images: np.ndarray, components: int = _EIGENFACES) -> Eigenfaces:
        """The eigenfaces of (N, 96, 96) pictures: `components` of them, or fewer if the pictures do
        not span so many.
        """
        rows = images.reshape(len(images), -1).astype(np.float32)
        mean = rows.mean(axis=0)
        rows = rows - mean
        values, vectors = np.linalg.eigh(rows @ rows.T)  # ascending
        used = values > values[-1] * 1e-6  # the others are rounding: N pictures minus their mean span N - 1 directions
        values, vectors = values[used][-components:], vectors[:, used][:, -components:]
        return cls(mean, (rows.T @ vectors / np.sqrt(values)).T)

    def redraw(self, images: np.ndarray) -> np.ndarray:
        """The pictures as far as the eigenfaces can draw them: m + (x - m) Bᵀ B, in the pictures'
        shape.
        """
        rows = images.reshape(len(images), -1) - self.mean
        return (self.mean + rows @ self.basis.T @ self.basis).reshape(images.shape)


def find_eyes(train: Faces, images: np.ndarray) -> np.ndarray:
    """(N, 2, 2) px: the left and the right eye's centre in (N, 96, 96) `images`, by mean patch
    search.

    train : faces; at least one has both eye centres

    The reach of the search is chosen on the last fifth of the training faces, with the mean patch
    of the others. A short reach misses eyes; a long one takes brows and hair for eyes.
    """
    reach = _REACHES[0]
    fifth = len(train) // 5
    held_out = train.points[len(train) - fifth :, list(EYES)]
    if np.isfinite(held_out).any():
        found = _search_eyes(train.select(slice(0, len(train) - fifth)), train.images[-fifth:], _REACHES)
        errors = [float(np.nanmean(np.square(points - held_out))) for points in found]
        reach = _REACHES[int(np.argmin(errors))]
    return _search_eyes(train, images, [reach])[0]


def _search_eyes(train: Faces, images: np.ndarray, reaches: Sequence[int]) -> list[np.ndarray]:
    """For each reach, (N, 2, 2) px: the place near the mean position where each image is most like
    the mean patch.
    """
    eigenfaces = Eigenfaces.of(stretch(train.images))
    known, new = (eigenfaces.redraw(stretch(pictures)) for pictures in (train.images, images))
    steps = np.arange(-max(reaches), max(reaches) + 1)
    offsets = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    found = []
    for eye in EYES:
        points, start = train.points[:, eye], _whole(mean_face(train.points)[eye])
        labelled = np.isfinite(points).all(axis=1)
        template = _unit(_patches(known[labelled], _whole(points[labelled])).mean(axis=0))
        # The product of two patches with mean 0 and length 1 is their correlation, in which
        # brightness and contrast do not count. A bright wall would otherwise be the best eye.
        scores = np.stack([_unit(_patches(new, start + offset)) @ template for offset in offsets], axis=1)
        near = [np.abs(offsets).max(axis=1) <= reach for reach in reaches]
        best = [offsets[of_reach][scores[:, of_reach].argmax(axis=1)] for of_reach in near]
        found.append([start + offset.astype(np.float64) for offset in best])
    return [np.stack(of_eyes, axis=1) for of_eyes in zip(*found, strict=True)]


def _patches(images: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(N, 441): the patch of each image around its centre, or around one for all; beyond the
    picture, its border.
    """
    reach = np.arange(-_HALF, _HALF + 1)
    x, y = (np.clip(centres[..., axis, None] + reach, 0, SIDE - 1) for axis in (0, 1))
    if centres.ndim == 1:  # the same place in all
        x, y = x[None], y[None]
    return (images[np.arange(len(images))[:, None, None], y[:, :, None], x[:, None, :]]).reshape(len(images), -1)


def _unit(patches: np.ndarray) -> np.ndarray:
    """Patches (..., 441) with mean 0 and length 1; a flat one stays 0."""
    centred = patches - patches.mean(axis=-1, keepdims=True)
    return centred / np.maximum(np.linalg.norm(centred, axis=-1, keepdims=True), 1e-6)


def _whole(points: np.ndarray) -> np.ndarray:
    return np.rint(points).astype(np.int64)
