"""Soft-edged shapes on a grid of 96 x 96 pixels: what a picture is painted with.

Nothing here knows faces; only the size of the picture is theirs.

Coordinates
    A pixel is a small square whose centre has whole-number coordinates: column 10 is centred on
    x = 10.0. x runs to the right, y downwards, z towards the viewer; all in pixels. A point of the
    picture is the complex number x + iy: differences, lengths (`abs`) and rotations (a
    multiplication) are then plain arithmetic.

Coverage
    A shape is a *signed distance* d to its edge, positive inside. The shape covers about the share
    clip(d + 1/2, 0, 1) of a pixel at distance d. So an edge that moves by a tenth of a pixel
    changes the grey values there by a tenth: positions are exact to less than a pixel. A shape is
    computed on the window that holds it, not on the whole picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnscratch.keypoints.faces import SIDE

Array = NDArray[Any]  # float32 throughout; NumPy's annotations lose that where Python numbers join in


class Window(NamedTuple):
    """A rectangle of the picture, `picture[rows, columns]`; coordinates x `(1, w)`, y `(h, 1)`."""

    rows: slice
    columns: slice
    x: Array
    y: Array


_LINE: Array = np.arange(SIDE, dtype=np.float32)
_LINE.flags.writeable = False
_ROW, _COLUMN = _LINE[None, :], _LINE[:, None]
WHOLE = Window(slice(0, SIDE), slice(0, SIDE), _ROW, _COLUMN)


def window(centre: complex, reach_x: float, reach_y: float) -> Window:
    """The pixels within `reach_x`, `reach_y` px of `centre`; empty if the picture has none of them.

    >>> window(1 + 40j, 2, 1).x
    array([[0., 1., 2., 3.]], dtype=float32)
    """
    left, top = max(math.ceil(centre.real - reach_x), 0), max(math.ceil(centre.imag - reach_y), 0)
    columns = slice(left, max(math.floor(centre.real + reach_x) + 1, left))
    rows = slice(top, max(math.floor(centre.imag + reach_y) + 1, top))
    return Window(rows, columns, _ROW[:, columns], _COLUMN[rows])


def cover(distance: Array, softness: float = 1.0) -> Array:
    """Coverage 0..1 of pixels at a signed `distance` from an edge that is `softness` px wide.

    >>> cover(np.array([-1.0, -0.25, 0.0, 2.0], dtype=np.float32)).tolist()
    [0.0, 0.25, 0.5, 1.0]
    """
    coverage = distance + 0.5 if softness == 1 else distance * (1 / softness) + 0.5
    return coverage.clip(0.0, 1.0, out=coverage)


def paint(picture: Array, where: Window, coverage: Array, tone: Array | float) -> None:
    """Blends `tone` (0 black to 1 white) into `picture`, in place: p += coverage * (tone - p)."""
    target = picture[where.rows, where.columns]
    change = tone - target
    change *= coverage
    target += change


def ellipse(
    centre: complex, radii: tuple[float, float], turn: float = 0.0, margin: float = 1.0
) -> tuple[Window, Array]:
    """Window and signed distance (px near the edge) of an ellipse, turned by `turn` radians.

    With q = (x'/r1)^2 + (y'/r2)^2 in the turned coordinates, the edge is at q = 1, and the distance
    from it is taken as (1 - q) sqrt(r1 r2) / 2. It is 0 exactly on the edge; its scale is right
    for a circle, and an average otherwise.

    >>> where, distance = ellipse(10 + 20j, (4.0, 4.0))
    >>> float(cover(distance).sum().round())  # px covered; pi * 4 * 4 = 50.3
    50.0
    """
    reach = max(radii) + margin
    where = window(centre, reach, reach)
    cos, sin = math.cos(turn), math.sin(turn)
    dx, dy = where.x - centre.real, where.y - centre.imag
    first = (cos / radii[0]) * dx + (sin / radii[0]) * dy
    second = (-sin / radii[1]) * dx + (cos / radii[1]) * dy
    return where, (1 - first * first - second * second) * (0.5 * math.sqrt(radii[0] * radii[1]))


def fall(squares: Array) -> Array:
    """exp(-squares), but at least exp(-20): less changes no pixel, and denormals are slow."""
    return np.exp((-squares).clip(-20.0))


def bumps(shapes: Sequence[tuple[complex, float, float, float]]) -> Array:
    """The sum `(96, 96)` of K soft hills, each (centre, radius x, radius y, height).

        sum over k of height_k * exp(-((x - x_k) / rx_k)^2) * exp(-((y - y_k) / ry_k)^2)

    A negative height is a hollow. Each term is a column times a row, so the sum is one
    matrix product, (96, K) @ (K, 96).
    """
    x, y, radius_x, radius_y, height = np.array(
        [(centre.real, centre.imag, rx, ry, height) for centre, rx, ry, height in shapes], dtype=np.float32
    ).T[:, :, None]
    columns = fall(np.square((_ROW - x) / radius_x))
    rows = height * fall(np.square((_ROW - y) / radius_y))
    return rows.T @ columns


class Solid(NamedTuple):
    """The side of an ellipsoid that faces the viewer, under orthographic projection.

    An ellipsoid with centre c and radii r, turned by R, is the set of points p with
        (p - c)' Q (p - c) <= 1, where Q = R diag(1/r^2) R'
    Along the ray through pixel (x, y) this is a quadratic in z. Its larger root is the visible
    surface. Its discriminant is positive inside the outline, which is the ellipse
        d' S d = 1, where d = (x - c_x, y - c_y) and s_ij = q_ij - q_iz q_jz / q_zz

    Shapes
        distance : (96, 96) px near the outline, positive inside
        depth    : (96, 96) z of the surface, px; it keeps falling outside the outline, so that
                   slopes stay steep there
    """

    distance: Array
    depth: Array

    @classmethod
    def of(cls, centre: Sequence[float], radii: Sequence[float], rotation: NDArray[np.float64]) -> Solid:
        """The ellipsoid of `centre` c and `radii` r `(3,)` px, turned by `rotation` R `(3, 3)`."""
        form = (rotation / np.square(radii)) @ rotation.T
        (q_xx, q_xy, q_xz), (_, q_yy, q_yz), (_, _, q_zz) = form.tolist()
        s_xx, s_xy, s_yy = q_xx - q_xz * q_xz / q_zz, q_xy - q_xz * q_yz / q_zz, q_yy - q_yz * q_yz / q_zz
        dx, dy = _ROW - centre[0], _COLUMN - centre[1]
        inside = (1 - s_xx * dx * dx) - s_yy * dy * dy - (2 * s_xy * dx) * dy  # 1 - d' S d
        tilt = (-q_xz / q_zz) * dx + ((-q_yz / q_zz) * dy + centre[2])
        depth = tilt + np.copysign(np.sqrt(np.abs(inside) * (1 / q_zz)), inside)
        return cls(inside * (0.5 / (s_xx * s_yy - s_xy * s_xy) ** 0.25), depth)

    def union(self, other: Solid, rounding: float) -> Solid:
        """Both solids together; the crease between their surfaces is rounded over `rounding` px."""
        distance = np.maximum(self.distance, other.distance)
        return Solid(distance, smooth_maximum(self.depth, other.depth, rounding))


def smooth_maximum(a: Array, b: Array, width: float) -> Array:
    """max(a, b) with a rounded corner: max + h^2 / (4 width), where h = max(width - |a - b|, 0).

    Source: Quilez, "Smooth minimum" (2013).
    """
    h = (width - np.abs(a - b)).clip(0.0)
    return np.maximum(a, b) + h * h * (0.25 / width)


class Span:
    """The strip of pixels around the segment from `a` to `b`, in the segment's own coordinates.

    Shapes, on the window (h, w) within `margin` px of the segment
        t      : (h, w) position along the segment, 0 at a and 1 at b; clipped to 0..1
        s      : (h, w) px to its side; positive is below a segment that runs to the right
        inside : (h, w) px along the segment from the nearer end, negative beyond the ends
    """

    def __init__(self, a: complex, b: complex, margin: float) -> None:
        self.a, self.length = a, max(abs(b - a), 0.5)
        self.direction = (b - a) / self.length
        u, v = self.direction.real, self.direction.imag
        self.window = window((a + b) / 2, abs(b.real - a.real) / 2 + margin, abs(b.imag - a.imag) / 2 + margin)
        dx, dy = self.window.x - a.real, self.window.y - a.imag
        along = u * dx + (v * dy - self.length / 2)  # px from the middle
        self.s: Array = u * dy - v * dx
        self.inside: Array = self.length / 2 - np.abs(along)
        self.t: Array = (along * (1 / self.length) + 0.5).clip(1e-4, 1.0)

    def arc(self, through: complex, bow: float = 0.0) -> Array:
        """s `(h, w)` of a curve from a to b whose top is the point `through`.

        With `through` at (t0, s0) in the segment's coordinates, and u = t^(log 1/2 / log t0), so
        that u = 1/2 at t0:
            s = s0 * 4 u (1 - u) * (1 + bow (2u - 1)^2)
        A `bow` above 1 dents the top, as in the upper lip (Cupid's bow).
        """
        local = (through - self.a) * self.direction.conjugate()
        t0 = min(max(local.real / self.length, 0.1), 0.9)
        u = self.t ** (math.log(0.5) / math.log(t0))
        curve: Array = (u - u * u) * (4 * local.imag)
        return curve if bow == 0 else curve * (1 + bow * np.square(2 * u - 1))

    def between(self, upper: Array, lower: Array) -> Array:
        """Coverage of the area below the curve `upper` and above `lower`, both from `arc`."""
        return cover(np.minimum(np.minimum(self.s - upper, lower - self.s), self.inside))

    def stroke(self, curve: Array | float, width: Array | float, softness: float = 1.0) -> Array:
        """Coverage of a line `width` px wide along `curve`; thinner than a pixel, it is fainter."""
        return cover(np.minimum(width / 2 - np.abs(self.s - curve), self.inside), softness)


@lru_cache(maxsize=32)
def _interpolation(cells: int) -> Array:
    """(96, cells) weights of a smooth curve through equally spaced values, by cubic steps."""
    position = np.linspace(0, cells - 1, SIDE)
    left = np.minimum(position.astype(int), cells - 2)
    fraction = position - left
    fraction = fraction * fraction * (3 - 2 * fraction)
    weight = np.zeros((SIDE, cells), dtype=np.float32)
    weight[np.arange(SIDE), left] = 1 - fraction
    weight[np.arange(SIDE), left + 1] = fraction
    weight.flags.writeable = False
    return weight


def clouds(rng: np.random.Generator, rows: int, columns: int) -> Array:
    """Smooth noise `(96, 96)` in -1..1, mean about 0: a random rows x columns grid, interpolated.

    rows, columns : 2..24
    """
    values = rng.random((rows, columns), dtype=np.float32) * 2 - 1
    return _interpolation(rows) @ values @ _interpolation(columns).T


# (i - j)^2 / 2 for each two pixels i, j of a row.
_HALF_SQUARES: Array = np.square(np.subtract.outer(_LINE, _LINE)) / 2


def blur(picture: Array, sigma: float) -> Array:
    """`picture` `(96, 96)` under a Gaussian of `sigma` px, whose weights always sum to 1."""
    weights = fall(_HALF_SQUARES * (1 / sigma**2))
    weights /= weights.sum(axis=1, keepdims=True)
    for _ in range(2):
        # Four products of 24 rows: for larger ones BLAS uses threads, on which bits would depend.
        picture = (picture.reshape(4, 24, SIDE) @ weights.T).reshape(SIDE, SIDE).T
    return picture


def _cosines() -> Array:
    k, n = np.mgrid[0:8, 0:8]
    basis: Array = np.cos(np.pi * (2 * n + 1) * k / 16) / 2
    basis[0] /= np.sqrt(2)
    return basis.astype(np.float32)


_COSINES = _cosines()  # the orthonormal 8-point DCT-II: its transpose is its inverse
_STEPS: Array = np.tile(1 + np.add.outer(np.arange(8), np.arange(8)), (12, 12)).astype(np.float32)


def quantise(picture: Array, step: float) -> Array:
    """`picture` `(96, 96)` as a JPEG of it: each 8x8 block's cosine terms, rounded.

    Term (k, l) is rounded to a multiple of step * (1 + k + l); `step` is in the unit of `picture`.

    Source: ITU-T T.81 (1992), with a simpler table of steps.
    """
    for matrix in (_COSINES.T, _COSINES):
        for _ in range(2):  # along the rows, then along the columns
            picture = (picture.reshape(-1, 8) @ matrix).reshape(SIDE, SIDE).T
        if matrix is not _COSINES:
            picture = np.rint(picture / (step * _STEPS)) * (step * _STEPS)
    return picture
