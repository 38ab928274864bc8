"""Faces laid over one another: the turn, size and shift of a face, and crops that undo them.

With points as complex numbers x + iy, u those of a reference face less their mean p0, and v the same ones of a face
less their mean q0, the map

    q = s (p - p0) + q0,    s = sum conj(u) v / sum |u|^2

brings the reference's points p nearest to the face's, by least squares: |s| is the size, and its angle the turn.

Source: Umeyama, "Least-squares estimation of transformation parameters between two point patterns" (1991).
"""

from __future__ import annotations

import numpy as np

from nnscratch.kernels.threads import in_blocks
from nnscratch.kernels.warp import sample

_LEAST_SPREAD = 1.0  # px^2; points that lie closer together say nothing of turn and size
_PICTURES = 16  # a call of the kernel


def similarity(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """(N, 2, 3) float64 maps [A | t] from places on a reference face to places in each picture, q = A p + t.

    points    : (N, K, 2) px, NaN where a label is missing
    reference : (K, 2) px
    A face without two labelled points apart from one another cannot be fitted: its map changes nothing.

    >>> reference = np.array([[0.0, 0.0], [10.0, 0.0]])
    >>> similarity(np.array([[[5.0, 5.0], [5.0, 25.0]]]), reference)[0].round(3)  # a quarter turn, twice as large
    array([[ 0., -2.,  5.],
           [ 2.,  0.,  5.]])
    """
    known = np.isfinite(points).all(axis=2) & np.isfinite(reference).all(axis=1)
    x, y = np.moveaxis(np.where(known[..., np.newaxis], points, 0).astype(np.float64), 2, 0)
    p, q = known * (np.nan_to_num(reference) @ np.array([1, 1j])), x + 1j * y
    count = np.maximum(known.sum(axis=1), 1)
    p0, q0 = p.sum(axis=1) / count, q.sum(axis=1) / count
    u, v = known * (p - p0[:, np.newaxis]), known * (q - q0[:, np.newaxis])
    spread, own_spread = (np.abs(each * each).sum(axis=1) for each in (u, v))
    fits = (spread > _LEAST_SPREAD) & (own_spread > _LEAST_SPREAD)
    s = np.where(fits, (u.conj() * v).sum(axis=1) / np.maximum(spread, _LEAST_SPREAD), 1)
    t = np.where(fits, q0 - s * p0, 0)
    rows = np.array([[s.real, -s.imag, t.real], [s.imag, s.real, t.imag]])
    affine: np.ndarray = np.moveaxis(rows, 2, 0)
    return affine


def crops(x: np.ndarray, affine: np.ndarray, size: tuple[int, int], out: np.ndarray | None = None) -> np.ndarray:
    """(N, *size, 1) float32: of each picture, what its map says, between pixels (bilinear); the border goes on beyond.

    x      : (N, H, W, 1) float32
    affine : (N, 2, 3), from the crop's pixels (column, row) to the picture's
    out    : where to write it; None: a new array

    >>> x = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    >>> crops(x, np.array([[[1, 0, 1.5], [0, 1, 2]]]), (2, 2))[0, :, :, 0]
    array([[ 9.5, 10.5],
           [13.5, 14.5]], dtype=float32)
    """
    crop: np.ndarray = np.empty((len(x), *size, 1), np.float32) if out is None else out
    affine = affine.astype(np.float32)

    def work(start: int, stop: int) -> None:
        rows = slice(start, stop)
        sample(x[rows], affine[rows], crop[rows])

    in_blocks(work, len(x), _PICTURES)
    return crop
