"""A head in three dimensions: the numbers that make one face, its points, and its view.

Units
    Lengths: pixels of a 96 x 96 picture at scale 1. Angles: degrees. Tones: 0 (black) to 1 (white).

Head coordinates
    x to the right, y down, z towards the viewer. The origin of a head that is not shifted is at
    (48.3, 52) in the picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnscratch.keypoints.drawn.shapes import WHOLE, Array, Solid


def varies(average: float, spread: float) -> Any:
    """A bell-shaped parameter by its mean and standard deviation, within 3 deviations of it."""
    return field(default=average, metadata={"chance": 1.0, "low": average, "high": average, "spread": spread})


def ranges(average: float, low: float, high: float) -> Any:
    """A parameter that is uniform from `low` to `high`; the average face has `average`."""
    return field(default=average, metadata={"chance": 1.0, "low": low, "high": high, "spread": 0.0})


def sometimes(chance: float, low: float, high: float) -> Any:
    """A parameter that is absent (0), or with probability `chance` uniform in `low`..`high`."""
    return field(default=0.0, metadata={"chance": chance, "low": low, "high": high, "spread": 0.0})


@dataclass(frozen=True)
class FaceParameters:
    """All numbers that determine one picture.

    The defaults are the average face, seen from the front, in plain light.
    """

    # Pose: where the head is and how it is turned.
    yaw: float = varies(0, 13)  # degrees; positive turns the nose to the picture's right
    pitch: float = varies(0, 8)  # positive looks down
    roll: float = varies(0, 7.5)  # in the picture plane
    scale: float = varies(1, 0.06)
    shift_x: float = varies(0, 2.0)
    shift_y: float = varies(0, 2.2)
    # Shape. Widths and distances are measured from the face's middle line.
    head_width: float = varies(42, 1.8)
    jaw_width: float = varies(34, 2.0)
    chin: float = varies(46, 2)
    eye_distance: float = varies(18.4, 0.8)
    eye_height: float = varies(-14.3, 0.8)
    eye_width: float = varies(6.7, 0.5)
    eye_opening: float = varies(3.0, 0.55)
    eye_tilt: float = varies(0.4, 0.7)  # how much higher the outer corner is than the inner
    iris: float = varies(3.0, 0.2)
    gaze_x: float = varies(0, 0.9)
    gaze_y: float = varies(0, 0.4)
    blink: float = sometimes(0.05, 0.8, 0.95)
    brow_height: float = varies(10.2, 1.6)  # its inner end above the eye's centre
    brow_drop: float = varies(1.6, 1.7)  # the outer end below the inner
    brow_arch: float = varies(3.2, 1.0)
    brow_inner: float = varies(9.3, 1.5)
    brow_outer: float = varies(33, 1.5)
    brow_width: float = varies(3.2, 0.7)
    nose_length: float = varies(20.9, 1.5)  # from the eye line to the tip
    nose_depth: float = varies(16, 2)
    nose_width: float = varies(6.6, 0.8)
    mouth_height: float = varies(24.6, 1.3)
    mouth_width: float = varies(14.9, 1.4)
    smile: float = varies(1.0, 1.6)  # how far the corners are drawn up
    mouth_open: float = sometimes(0.45, 1, 9)
    upper_lip: float = varies(3.0, 0.6)
    lower_lip: float = varies(5.2, 0.8)
    # Tones.
    skin: float = ranges(0.68, 0.36, 0.86)
    blemish: float = ranges(0.03, 0.0, 0.10)
    lips: float = ranges(0.65, 0.4, 0.85)  # times the skin's
    brow_strength: float = ranges(0.75, 0.35, 0.95)
    iris_tone: float = ranges(0.15, 0.05, 0.35)
    eye_shadow: float = ranges(0.15, 0.05, 0.4)
    hair_tone: float = ranges(0.12, 0.03, 0.7)
    # Hair, beard, glasses.
    hair: float = ranges(1.0, -0.15, 1.0)  # below 0 is bald
    hairline: float = varies(-41, 4.5)
    hair_part: float = varies(0, 9)  # how much lower the hairline is at the face's left edge than in the middle
    hair_round: float = varies(4, 8)  # how much lower it is at both edges
    fringe: float = sometimes(0.2, 5, 13)  # how far hair hangs into the forehead
    hair_length: float = sometimes(0.45, 15, 60)
    hair_volume: float = ranges(3.5, 1.5, 9)
    beard: float = sometimes(0.22, 0.15, 0.9)
    moustache: float = sometimes(0.2, 0.2, 0.9)
    folds: float = sometimes(0.55, 0.1, 0.5)
    glasses: float = sometimes(0.22, 0.5, 1.0)
    lens_radius: float = varies(11, 1.1)
    lens_height: float = ranges(0.8, 0.6, 1.0)  # times its radius
    lens_dark: float = sometimes(0.25, 0.4, 0.95)
    # Light: where it comes from, and how much reaches the side in shadow.
    light_x: float = varies(0, 0.55)
    light_y: float = varies(-0.45, 0.35)
    ambient: float = ranges(0.5, 0.25, 0.7)
    gloss: float = ranges(0.1, 0.0, 0.3)
    # Scene and camera.
    background: float = ranges(0.45, 0.02, 0.95)
    slope_x: float = varies(0, 0.12)
    slope_y: float = varies(0, 0.12)
    clutter: float = sometimes(0.6, 0.05, 0.4)
    stripes: float = sometimes(0.25, 0.05, 0.25)
    clothes: float = ranges(0.3, 0.02, 0.95)
    occluder: float = sometimes(0.08, 0.2, 0.8)
    strand: float = sometimes(0.12, 0.5, 1.0)
    exposure: float = varies(1.0, 0.14)
    contrast: float = varies(1.1, 0.14)
    gamma: float = varies(1.1, 0.18)
    defocus: float = ranges(0.5, 0.4, 1.5)
    noise: float = sometimes(0.7, 0.004, 0.03)
    compression: float = sometimes(0.35, 0.004, 0.02)
    texture: float = ranges(0.5, 0.0, 1.0)  # the seed of everything random in the picture: grain, clutter, noise

    @classmethod
    def sample(cls, rng: np.random.Generator) -> FaceParameters:
        """A random face: each parameter is drawn from the distribution in its own line above."""
        chance, low, high, spread = _DISTRIBUTIONS
        u = rng.random((5, len(spread)))
        # The sum of three uniform numbers, scaled to mean 0, standard deviation 1: within -3..3.
        bell = 2 * (u[2] + u[3] + u[4]) - 3
        values = np.where(u[0] < chance, low + (high - low) * u[1] + spread * bell, 0.0)
        return cls(*values.tolist())


_DISTRIBUTIONS = np.array(
    [[f.metadata[key] for f in fields(FaceParameters)] for key in ("chance", "low", "high", "spread")]
)


def skull(p: FaceParameters) -> tuple[tuple[list[float], list[float]], ...]:
    """Centre and radii, in head coordinates, of the head's two ellipsoids: cranium and jaw."""
    return ([0, -8, -31], [p.head_width, 54, 38]), ([0, p.chin - 30, -24], [p.jaw_width, 30, 32])


def anchors(p: FaceParameters) -> dict[str, tuple[float, float, float]]:
    """Points of the face by name: the 15 labelled ones, and others to paint between.

    Each is (x, y, relief): x and y in head coordinates, and by how much the point stands out of the
    head's `surface`.
    """
    upper = p.mouth_height - 0.2 * p.mouth_open  # a mouth opens more downwards than upwards
    lower = p.mouth_height + 0.55 * p.mouth_open
    tip = p.eye_height + p.nose_length
    table = {
        "nose_tip": (0.0, tip, p.nose_depth),
        "nose_bridge": (0.0, p.eye_height - 3, 2.0),
        "nose_base": (0.0, tip + 4.5, 0.6 * p.nose_depth),
        "mouth_center_top_lip": (0.0, upper - p.upper_lip, 4.0),
        "mouth_center_bottom_lip": (0.0, lower + p.lower_lip, 4.0),
        "upper_lip_edge": (0.0, upper, 3.5),
        "lower_lip_edge": (0.0, lower, 3.5),
        "under_lip": (0.0, lower + p.lower_lip + 3, 0.0),
        "chin": (0.0, p.chin - 6, 2.0),
        "throat": (0.0, 25.0, -45.0),
        "chest": (0.0, 72.0, -20.0),
    }
    for name, side in (("left", 1.0), ("right", -1.0)):
        x, y = side * p.eye_distance, p.eye_height
        brow = y - p.brow_height
        table |= {
            f"{name}_eye_center": (x + p.gaze_x, y + p.gaze_y, 1.0),
            f"{name}_eye_inner_corner": (x - side * 1.06 * p.eye_width, y + 0.6 + p.eye_tilt / 2, 0.0),
            f"{name}_eye_outer_corner": (x + side * 0.95 * p.eye_width, y + 0.6 - p.eye_tilt / 2, 0.0),
            f"{name}_lid_top": (x, y - p.eye_opening * (1 - p.blink) + 2 * p.blink, 1.0),
            f"{name}_lid_bottom": (x, y + 0.85 * p.eye_opening + 0.2, 1.0),
            f"{name}_lid_crease": (x, y - 1.1 * p.eye_opening - 2, 1.0),
            f"{name}_eyebrow_inner_end": (side * p.brow_inner, brow, 3.0),
            f"{name}_eyebrow_outer_end": (side * p.brow_outer, brow + p.brow_drop, 0.0),
            f"{name}_brow_top": (side * (0.4 * p.brow_inner + 0.6 * p.brow_outer), brow - p.brow_arch, 2.0),
            f"{name}_nose_wing": (side * p.nose_width, tip + 2.2, 0.35 * p.nose_depth),
            f"{name}_nostril": (side * 0.5 * p.nose_width, tip + 4.2, 0.6 * p.nose_depth),
            f"mouth_{name}_corner": (side * (p.mouth_width + 0.5 * p.smile), p.mouth_height - p.smile, 0.0),
            f"{name}_cheek": (side * 22, 4 - p.smile, 0.0),
            f"{name}_fold_top": (side * (p.nose_width + 3), tip, 2.0),
            f"{name}_fold_middle": (side * (p.nose_width + 9), tip + 7, 1.0),
            f"{name}_fold_end": (side * (p.mouth_width + 5), p.mouth_height + 1, 0.0),
            f"{name}_lens": (x, y + 1.5, 8.0),
            f"{name}_lens_inner": (x - side * p.lens_radius, y, 8.0),
            f"{name}_lens_outer": (x + side * p.lens_radius, y, 6.0),
            f"{name}_ear": (side * (p.head_width + 1.5), -5.0, -4.0),
        }
    return table


def surface(p: FaceParameters, x: Array, y: Array) -> Array:
    """z of the front of the head at head coordinates `x`, `y`; outside it, z of its rim."""
    cranium, jaw = (
        c[2] + r[2] * np.sqrt((1 - ((x - c[0]) / r[0]) ** 2 - ((y - c[1]) / r[1]) ** 2).clip(0.0)) for c, r in skull(p)
    )
    return np.maximum(cranium, jaw)


@dataclass(frozen=True)
class View:
    """How a turned head is seen: picture = origin + scale * (rotation @ head).

    z is kept: it is the depth, towards the viewer.
    """

    rotation: NDArray[np.float64]
    origin: tuple[float, float, float]
    scale: float

    @classmethod
    def of(cls, p: FaceParameters) -> View:
        """The view of a head turned by yaw (about y), then pitch (about x), then roll (about z)."""
        (a, b, c) = (math.radians(angle) for angle in (p.yaw, p.pitch, p.roll))
        yaw = np.array([[math.cos(a), 0, math.sin(a)], [0, 1, 0], [-math.sin(a), 0, math.cos(a)]])
        pitch = np.array([[1, 0, 0], [0, math.cos(b), math.sin(b)], [0, -math.sin(b), math.cos(b)]])
        roll = np.array([[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]])
        return cls(roll @ pitch @ yaw, (48.3 + p.shift_x, 52 + p.shift_y, 0.0), p.scale)

    def project(self, head: Any) -> Array:
        """Picture coordinates and depth `(..., 3)` from head coordinates `(..., 3)`."""
        return self.origin + self.scale * (head @ self.rotation.T)

    def solid(self, centre: list[float], radii: list[float], larger: float = 0.0) -> Solid:
        """An ellipsoid in head coordinates, as it is seen; `larger` is added to its radii."""
        return Solid.of(self.project(centre).tolist(), [self.scale * (r + larger) for r in radii], self.rotation)

    def head_coordinates(self, depth: Array) -> Iterator[Array]:
        """x, y and z `(96, 96)` of the point of the head that each pixel shows at its `depth`."""
        dx, dy = WHOLE.x - self.origin[0], WHOLE.y - self.origin[1]
        for along_x, along_y, along_z in (self.rotation.T / self.scale).tolist():
            yield along_x * dx + along_y * dy + along_z * depth


@dataclass(frozen=True)
class Face:
    """One face as the painter needs it: its parameters, its view, its points in the picture."""

    parameters: FaceParameters
    view: View
    at: dict[str, complex]  # where each anchor is in the picture, x + iy px
    rng: np.random.Generator  # for grain, clutter and noise; its seed is `parameters.texture`

    @classmethod
    def of(cls, p: FaceParameters) -> Face:
        """The face with its anchors projected into the picture."""
        table, view = anchors(p), View.of(p)
        head = np.array(list(table.values()))
        head[:, 2] += surface(p, head[:, 0], head[:, 1])
        at = {name: complex(x, y) for name, (x, y, _) in zip(table, view.project(head).tolist(), strict=True)}
        return cls(p, view, at, np.random.default_rng(int(p.texture * 2**53)))
