"""AffineMaps: one map of the plane per picture, and the map that aligns two faces.

    q = A p + t        A (2, 2): turn, size, mirror;  t (2,): shift

The map that aligns a face with a reference face turns, resizes and shifts, no more. With points as
complex numbers x + iy, let u be the reference's points less their mean p0, and v the face's points
less their mean q0. Then

    q = s (p - p0) + q0,    s = sum conj(u) v / sum |u|^2

brings the reference's points p nearest to the face's, by least squares. |s| is the change of size,
the angle of s the turn.

Source: Umeyama, "Least-squares estimation of transformation parameters between two point patterns"
(1991).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnscratch.checks import check_array

LEAST_SPREAD = 1.0  # px^2; points that lie closer together do not determine a turn and a size


@dataclass(frozen=True, eq=False)
class AffineMaps:
    """N affine maps, q = A p + t; every method that changes them returns new ones.

    matrices : (N, 2, 3) float64, or float32 for a kernel, [A | t]; inverses are float64 in any case

    Raises
        ValueError : matrices that are no array of that shape, or not of numbers; `back` and
            `differences_back` of a map that has no inverse: it is singular, or not finite

    A quarter turn, twice the size, and a shift:

    >>> maps = AffineMaps(np.array([[[0.0, -2, 5], [2, 0, 5]]]))
    >>> maps.to(np.array([[[10.0, 0]]]))
    array([[[ 5., 25.]]])
    >>> maps.back(np.array([[[5.0, 25]]]))
    array([[[10.,  0.]]])
    """

    matrices: np.ndarray

    def __post_init__(self) -> None:
        check_array("AffineMaps", "matrices", self.matrices)
        if self.matrices.shape[1:] != (2, 3) or self.matrices.dtype.kind not in "fiu":
            raise ValueError(
                f"AffineMaps: got matrices of dtype {self.matrices.dtype}, shape {self.matrices.shape}, expected real "
                "numbers, (N, 2, 3); a single map is matrix[np.newaxis]"
            )

    @classmethod
    def fit(cls, points: np.ndarray, reference: np.ndarray) -> AffineMaps:
        """The maps that turn, resize and shift a reference face to lie nearest to each face.

        points    : (N, K, 2) px, the faces', NaN where a label is missing
        reference : (K, 2) px

        A face cannot be aligned without two labelled points apart from each other: its map is the
        identity.

        >>> reference = np.array([[0.0, 0.0], [10.0, 0.0]])
        >>> AffineMaps.fit(np.array([[[5.0, 5.0], [5.0, 25.0]]]), reference).matrices[0].round(3)
        array([[ 0., -2.,  5.],
               [ 2.,  0.,  5.]])
        """
        known = np.isfinite(points).all(axis=2) & np.isfinite(reference).all(axis=1)
        x, y = np.moveaxis(np.where(known[..., np.newaxis], points, 0).astype(np.float64), 2, 0)
        p, q = known * (np.nan_to_num(reference) @ np.array([1, 1j])), x + 1j * y
        count = np.maximum(known.sum(axis=1), 1)
        p0, q0 = p.sum(axis=1) / count, q.sum(axis=1) / count
        u, v = known * (p - p0[:, np.newaxis]), known * (q - q0[:, np.newaxis])
        spread_u, spread_v = (np.abs(each * each).sum(axis=1) for each in (u, v))
        fits = (spread_u > LEAST_SPREAD) & (spread_v > LEAST_SPREAD)
        s = np.where(fits, (u.conj() * v).sum(axis=1) / np.maximum(spread_u, LEAST_SPREAD), 1)
        t = np.where(fits, q0 - s * p0, 0)
        return cls(np.moveaxis(np.array([[s.real, -s.imag, t.real], [s.imag, s.real, t.imag]]), 2, 0))

    def __len__(self) -> int:
        return len(self.matrices)

    @property
    def linear(self) -> np.ndarray:
        """(N, 2, 2): A, a view."""
        return self.matrices[:, :, :2]

    @property
    def shift(self) -> np.ndarray:
        """(N, 2): t, a view."""
        return self.matrices[:, :, 2]

    def to(self, points: np.ndarray) -> np.ndarray:
        """(N, K, 2): where the points (N, K, 2) go, A p + t."""
        return self.differences_to(points) + self.shift[:, np.newaxis]

    def back(self, points: np.ndarray) -> np.ndarray:
        """(N, K, 2): where the points (N, K, 2) came from, A^-1 (q - t)."""
        return self.differences_back(points - self.shift[:, np.newaxis])

    def differences_to(self, differences: np.ndarray) -> np.ndarray:
        """(N, K, 2): where differences of points (N, K, 2) go, A p: the shift cancels."""
        return np.einsum("nij,nkj->nki", self.linear, differences)

    def differences_back(self, differences: np.ndarray) -> np.ndarray:
        """(N, K, 2): where differences between points (N, K, 2) came from, A^-1 q."""
        return np.einsum("nij,nkj->nki", self._inverses(), differences)

    def resized(self, factor: float | Sequence[float]) -> AffineMaps:
        """The maps with A times `factor`: a number, or one for x and one for y; t stays.

        >>> AffineMaps(np.array([[[1.0, 0, 5], [0, 1, 5]]])).resized([2, 3]).matrices[0]
        array([[2., 0., 5.],
               [0., 3., 5.]])
        """
        return self._with(self.linear * factor, self.shift)

    def shifted(self, by: Sequence[float]) -> AffineMaps:
        """The maps after a shift by (x, y) of what is mapped: A (p + by) + t."""
        return self._with(self.linear, self.shift + self.linear @ by)

    def centred(self, point: Sequence[float], at: np.ndarray) -> AffineMaps:
        """The maps with another t, such that `point`, (x, y), goes to `at`, (N, 2) or (2,)."""
        return self._with(self.linear, at - self.linear @ point)

    def turned(self, angle: np.ndarray, size: np.ndarray, about: Sequence[float]) -> AffineMaps:
        """The maps after a turn and a change of size about a point, which goes where it went.

        angle : (N,) radians;  size : (N,), 2 is twice as large;  about : (x, y), of what is mapped
        """
        s = size * np.exp(1j * angle)
        turn = np.moveaxis(np.array([[s.real, -s.imag], [s.imag, s.real]]), 2, 0)
        centre = self.linear @ about + self.shift
        return self._with(self.linear @ turn, self.shift).centred(about, at=centre)

    def mirrored(self, width: int, where: np.ndarray | bool = True) -> AffineMaps:
        """Maps to pictures from maps to their mirror images: column c becomes width - 1 - c.

        width : columns of a picture;  where : (N,) bool, the maps to change

        >>> AffineMaps(np.array([[[1.0, 0, 5], [0, 1, 5]]])).mirrored(96).to(np.array([[[0.0, 0]]]))
        array([[[90.,  5.]]])
        """
        matrices = self.matrices * [[[-1], [1]]]
        matrices[:, 0, 2] += width - 1
        return AffineMaps(np.where(np.reshape(where, (-1, 1, 1)), matrices, self.matrices))

    def _inverses(self) -> np.ndarray:
        """(N, 2, 2) float64: A^-1."""
        linear = self.linear.astype(np.float64)
        with np.errstate(all="ignore"):
            has_none = ~np.isfinite(linear).all(axis=(1, 2)) | (np.linalg.det(linear) == 0)
        if has_none.any():
            bad = int(has_none.argmax())
            raise ValueError(
                f"AffineMaps: got map {bad} = {self.matrices[bad].tolist()}, expected finite numbers and a map that "
                "has an inverse; look at the points that it was made from"
            )
        return np.linalg.inv(linear)

    @staticmethod
    def _with(linear: np.ndarray, shift: np.ndarray) -> AffineMaps:
        return AffineMaps(np.concatenate([linear, shift[:, :, np.newaxis]], axis=2))
