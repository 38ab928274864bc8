"""Faces drawn from nothing, with exact labels: the data that the examples run on when no file is given.

How a face comes about
    1. `FaceParameters.sample` draws the numbers of one face (shape, pose, tones, light, camera) from a Generator.
    2. `anchors` places the 15 labelled points and some more on a head of two ellipsoids, in three dimensions.
    3. `draw` turns the head, drops z (orthographic projection), and paints: skin, beard, mouth, eyes and brows between
       the projected points, hair, light; that onto the background, neck and ears; glasses, a hand; the camera.
The labels are the very points between which the features were painted, so they are exact at any pose. The average
face, the spread of its points and the pattern of missing labels follow Kaggle's training rows.

Units: lengths are pixels of a 96x96 picture at scale 1, angles degrees, tones 0 (black) to 1 (white).
Head coordinates: origin between the points' centroid and the picture's (48, 52), x right, y down, z to the viewer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnscratch.keypoints.data import POINTS, SIDE, Faces
from nnscratch.keypoints.drawing import (
    WHOLE,
    Array,
    Solid,
    Span,
    blur,
    bumps,
    clouds,
    cover,
    ellipse,
    fall,
    paint,
    quantise,
)


def varies(average: float, spread: float) -> Any:
    """A bell-shaped parameter: mean, standard deviation; never further than 3 deviations from the mean."""
    return field(default=average, metadata={"chance": 1.0, "low": average, "high": average, "spread": spread})


def ranges(average: float, low: float, high: float) -> Any:
    """A parameter that is anything from `low` to `high`, all equally likely; the average face has `average`."""
    return field(default=average, metadata={"chance": 1.0, "low": low, "high": high, "spread": 0.0})


def sometimes(chance: float, low: float, high: float) -> Any:
    """A parameter that is 0 (absent), but with probability `chance` anything from `low` to `high`."""
    return field(default=0.0, metadata={"chance": chance, "low": low, "high": high, "spread": 0.0})


@dataclass(frozen=True)
class FaceParameters:
    """Every number that decides one picture. The defaults are the average face, from the front, in plain light."""

    # Pose: where the head is and how it is turned.
    yaw: float = varies(0, 13)  # degrees; positive turns the nose to the picture's right
    pitch: float = varies(0, 8)  # positive looks down
    roll: float = varies(0, 7.5)  # in the picture plane
    scale: float = varies(1, 0.06)
    shift_x: float = varies(0, 2.0)
    shift_y: float = varies(0, 2.2)
    # Shape. The half widths count from the face's middle line.
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
    texture: float = ranges(0.5, 0.0, 1.0)  # seed of everything grainy

    @classmethod
    def sample(cls, generator: np.random.Generator) -> FaceParameters:
        """One face out of the crowd: each parameter from the distribution in its own line."""
        chance, low, high, spread = _DISTRIBUTIONS
        u = generator.random((5, len(spread)))
        bell = 2 * (u[2] + u[3] + u[4]) - 3  # three uniform numbers added: mean 0, deviation 1, within -3..3
        values = np.where(u[0] < chance, low + (high - low) * u[1] + spread * bell, 0.0)
        return cls(*values.tolist())


_DISTRIBUTIONS = np.array(
    [[f.metadata[key] for f in fields(FaceParameters)] for key in ("chance", "low", "high", "spread")]
)


def skull(p: FaceParameters) -> tuple[tuple[list[float], list[float]], ...]:
    """Centre and radii of the two ellipsoids of the head in head coordinates: the cranium and the jaw."""
    return ([0, -8, -31], [p.head_width, 54, 38]), ([0, p.chin - 30, -24], [p.jaw_width, 30, 32])


def anchors(p: FaceParameters) -> dict[str, tuple[float, float, float]]:
    """Points of the face: the 15 labelled ones under Kaggle's names, and helpers. Each is x, y and *relief*.

    x and y are head coordinates; the relief is how far the point stands out of the head's surface there (`surface`).
    """
    upper = p.mouth_height - 0.2 * p.mouth_open  # the lips part more downwards than upwards
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
    """z of the front of the head at head coordinates `x`, `y`; beside the head z of the ellipsoids' rims."""
    cranium, jaw = (
        c[2] + r[2] * np.sqrt((1 - ((x - c[0]) / r[0]) ** 2 - ((y - c[1]) / r[1]) ** 2).clip(0.0)) for c, r in skull(p)
    )
    front: Array = np.maximum(cranium, jaw)
    return front


@dataclass(frozen=True)
class View:
    """Where a turned head is seen: picture = origin + scale * (rotation @ head), z kept as depth towards the viewer."""

    rotation: NDArray[np.float64]
    origin: tuple[float, float, float]
    scale: float

    @classmethod
    def of(cls, p: FaceParameters) -> View:
        """Turns by yaw about y, then pitch about x, then roll in the picture plane."""
        (a, b, c) = (math.radians(angle) for angle in (p.yaw, p.pitch, p.roll))
        yaw = np.array([[math.cos(a), 0, math.sin(a)], [0, 1, 0], [-math.sin(a), 0, math.cos(a)]])
        pitch = np.array([[1, 0, 0], [0, math.cos(b), math.sin(b)], [0, -math.sin(b), math.cos(b)]])
        roll = np.array([[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]])
        return cls(roll @ pitch @ yaw, (48.3 + p.shift_x, 52 + p.shift_y, 0.0), p.scale)

    def project(self, head: Any) -> Array:
        """Head coordinates `(..., 3)` to picture coordinates `(..., 3)`; the last is depth."""
        projected: Array = self.origin + self.scale * (head @ self.rotation.T)
        return projected

    def solid(self, centre: list[float], radii: list[float], larger: float = 0.0) -> Solid:
        """The ellipsoid given in head coordinates, as seen; `larger` is added to each radius."""
        return Solid.of(self.project(centre).tolist(), [self.scale * (r + larger) for r in radii], self.rotation)

    def head_coordinates(self, depth: Array) -> Iterator[Array]:
        """Which point of the head each pixel shows: x, then y, then z `(96, 96)`, from the `depth` of the surface."""
        dx, dy = WHOLE.x - self.origin[0], WHOLE.y - self.origin[1]
        for along_x, along_y, along_z in (self.rotation.T / self.scale).tolist():
            yield along_x * dx + along_y * dy + along_z * depth


@dataclass(frozen=True)
class Face:
    """One face on its way into a picture: its numbers, its view, its points as seen, and where its grain comes from."""

    p: FaceParameters
    view: View
    at: dict[str, complex]  # every anchor as seen in the picture, x + iy px
    generator: np.random.Generator

    @classmethod
    def of(cls, p: FaceParameters) -> Face:
        """Projects the anchors."""
        table, view = anchors(p), View.of(p)
        head = np.array(list(table.values()))
        head[:, 2] += surface(p, head[:, 0], head[:, 1])
        at = {name: complex(x, y) for name, (x, y, _) in zip(table, view.project(head).tolist(), strict=True)}
        return cls(p, view, at, np.random.default_rng(int(p.texture * 2**53)))


def draw(p: FaceParameters) -> tuple[NDArray[np.uint8], Array]:
    """One face.

    Returns
        image : (96, 96) uint8 grey
        points : (15, 2) float32 px, in the order of POINTS; beyond 0..95 where the point is off the picture

    >>> image, points = draw(FaceParameters())
    >>> image.shape, bool(points[0, 0] > points[1, 0])  # the person's left eye is further right
    ((96, 96), True)
    """
    face = Face.of(p)
    cranium, jaw = (face.view.solid(*part) for part in skull(p))
    head = cranium.union(jaw, 6.0)
    tone = draw_skin(face)
    draw_beard(tone, face, head)
    draw_mouth(tone, face)
    for side in ("left", "right"):
        draw_eye(tone, face, side)
        draw_brow(tone, face, side)
    covered, depth = cover(head.distance, 1.5), head.depth + relief(face)
    covered, depth = draw_hair(tone, covered, depth, face)
    picture = draw_background(face)
    draw_behind(picture, face)
    shade, shine = light(p, depth)
    paint(picture, WHOLE, covered, tone * shade + shine)
    draw_glasses(picture, face)
    draw_in_front(picture, face)
    points = np.array([(face.at[name].real, face.at[name].imag) for name in POINTS], dtype=np.float32)
    return photograph(picture, face), points


def draw_background(face: Face) -> Array:
    """A wall in uneven light, perhaps with stripes and things out of focus; `(96, 96)` tones."""
    p, generator = face.p, face.generator
    x, y = (WHOLE.x - 48) / 48, (WHOLE.y - 48) / 48
    picture = (p.background + p.slope_x * x) + p.slope_y * y
    if p.stripes:
        angle, waves, phase = generator.uniform((0, 4, 0), (math.pi, 20, 6)).tolist()
        wave = np.sin(waves * math.cos(angle) * x + (waves * math.sin(angle) * y + phase))
        picture += p.stripes * (3 * wave).clip(-1.0, 1.0)
    if p.clutter:
        rows, columns = generator.integers(3, 14, 2).tolist()
        picture += p.clutter * clouds(generator, rows, columns)
        for x0, y0, radius, other, grey in generator.uniform((0, 0, 6, 6, 0), (SIDE, SIDE, 25, 25, 1), (2, 5)).tolist():
            where, distance = ellipse(complex(x0, y0), (radius, other), margin=3)
            paint(picture, where, cover(distance, 3) * 0.7, grey)
    return picture


def draw_behind(picture: Array, face: Face) -> None:
    """What the head hides in part: long hair, neck, clothes, ears."""
    p, at, roll, size = face.p, face.at, math.radians(face.p.roll), face.p.scale
    if p.hair > 0 and p.hair_length:
        x, y, _ = face.view.project([0.0, 0.3 * p.hair_length - 8, -50]).tolist()
        radii = (size * (p.head_width + p.hair_volume + 2), size * (54 + 0.6 * p.hair_length))
        where, distance = ellipse(complex(x, y), radii, roll, margin=3)
        paint(picture, where, cover(distance, 3), 0.7 * p.hair_tone)
    neck = Span(at["throat"], at["chest"], 22 * size)
    paint(picture, neck.window, neck.stroke(0.0, 1.25 * size * p.jaw_width, 2), 0.55 * p.skin)
    where, distance = ellipse(at["chest"], (62 * size, 30 * size), margin=2)
    paint(picture, where, cover(distance, 2), p.clothes)
    for side in ("left", "right") if p.hair <= 0 or p.hair_length < 30 else ():
        where, distance = ellipse(at[f"{side}_ear"], (5 * size, 10 * size), roll, margin=2)
        paint(picture, where, cover(distance, 1.5), (0.62 + 0.015 * distance) * p.skin)


def draw_skin(face: Face) -> Array:
    """Tones `(96, 96)` of uneven skin, with the shade of the eye sockets, below nose and lip, and two folds."""
    p, at, size = face.p, face.at, face.p.scale
    tone = p.skin + (p.skin * p.blemish) * clouds(face.generator, 20, 20)
    shadows = [(at["under_lip"], 8.0, 3.0, 0.12), (at["nose_base"], 8.0, 3.5, 0.12)]
    for side in ("left", "right"):
        shadows.append((at[f"{side}_lid_crease"], 9.0, 5.5, p.eye_shadow))
        shadows.append((at[f"{side}_nose_wing"], 2.0, 3.0, 0.12))
        shadows.append((at[f"{side}_nostril"], 1.9, 1.3, 0.55))
    tone += bumps([(centre, rx * size, ry * size, -p.skin * depth) for centre, rx, ry, depth in shadows])
    for side in ("left", "right") if p.folds else ():
        fold = Span(at[f"{side}_fold_top"], at[f"{side}_fold_end"], 5)
        line = fold.stroke(fold.arc(at[f"{side}_fold_middle"]), 1.5 * size, 2.5)
        paint(tone, fold.window, line * p.folds, 0.4 * p.skin)
    return tone


def draw_beard(tone: Array, face: Face, head: Solid) -> None:
    """Stubble to full beard on the jaw, in head coordinates, and a moustache between nose and lip."""
    p, at = face.p, face.at
    if not (p.beard or p.moustache):
        return
    grain = clouds(face.generator, 24, 24)
    if p.beard:
        x, y, _ = face.view.head_coordinates(head.depth)
        edge = (p.mouth_height + 6) - 0.016 * x * x  # lower in the middle, up to the ears
        coverage = cover(y - edge + 3 * grain, 7) * p.beard
        paint(tone, WHOLE, coverage, 0.9 * p.hair_tone * (1 + 0.3 * grain))
    if p.moustache:
        strip = Span(at["mouth_right_corner"], at["mouth_left_corner"], 14 * p.scale)
        top = 0.35 * at["mouth_center_top_lip"] + 0.65 * at["nose_base"]
        coverage = strip.between(strip.arc(top, 1.2), strip.arc(at["mouth_center_top_lip"]) + 1)
        paint(tone, strip.window, coverage * p.moustache, 0.9 * p.hair_tone)


def draw_mouth(tone: Array, face: Face) -> None:
    """Two lips between the corners, and teeth or dark between them if the mouth is open."""
    p, at = face.p, face.at
    mouth = Span(at["mouth_right_corner"], at["mouth_left_corner"], 10 * p.scale + p.mouth_open)
    upper, lower = mouth.arc(at["upper_lip_edge"]), mouth.arc(at["lower_lip_edge"])
    lips = p.lips * p.skin
    paint(tone, mouth.window, mouth.between(mouth.arc(at["mouth_center_top_lip"], 1.3), upper), 0.85 * lips)
    paint(tone, mouth.window, mouth.between(lower, mouth.arc(at["mouth_center_bottom_lip"], 0.4)), lips)
    if p.mouth_open > 1.5:
        paint(tone, mouth.window, mouth.between(upper, lower), 0.06)
        teeth = np.minimum(upper + 4 * p.scale, lower - 1)
        paint(tone, mouth.window, mouth.between(upper, teeth) * 0.9, 0.85)
    else:
        paint(tone, mouth.window, mouth.stroke(upper, 1.3 * p.scale), 0.1)


def draw_eye(tone: Array, face: Face, side: str) -> None:
    """White, iris and pupil between the lids; the lash line along the upper lid and the crease above it."""
    p, at, size = face.p, face.at, face.p.scale
    right, left = ("outer", "inner") if side == "right" else ("inner", "outer")
    eye = Span(at[f"{side}_eye_{right}_corner"], at[f"{side}_eye_{left}_corner"], 7 * size)
    top = eye.arc(at[f"{side}_lid_top"])
    paint(tone, eye.window, eye.stroke(eye.arc(at[f"{side}_lid_crease"]), 0.8, 1.5) * 0.35, 0.3 * p.skin)
    if p.blink == 0:
        centre, iris = at[f"{side}_eye_center"], p.iris * size
        # The iris turns with the head: a disc seen from the side is narrower.
        dx, dy = (eye.window.x - centre.real) / math.cos(math.radians(p.yaw)), eye.window.y - centre.imag
        pupil, white = 0.45 * iris, 0.45 + 0.4 * p.skin
        edges, tones = (pupil - 0.5, pupil + 0.5, iris - 0.5, iris + 0.5), (0.02, p.iris_tone, p.iris_tone, white)
        ball = np.interp(np.sqrt(dx * dx + dy * dy), edges, tones)
        paint(tone, eye.window, eye.between(top, eye.arc(at[f"{side}_lid_bottom"])), ball)
    paint(tone, eye.window, eye.stroke(top, 1.5 * size, 1.3) * 0.85, 0.05)


def draw_brow(tone: Array, face: Face, side: str) -> None:
    """A tapering arc of hair, whose two ends are the labels."""
    p, at = face.p, face.at
    right, left = ("outer", "inner") if side == "right" else ("inner", "outer")
    brow = Span(at[f"{side}_eyebrow_{right}_end"], at[f"{side}_eyebrow_{left}_end"], 8 * p.scale)
    inwards = brow.t if side == "right" else 1 - brow.t
    width = (0.3 + 0.7 * np.sqrt(inwards)) * (p.scale * p.brow_width)
    line = brow.stroke(brow.arc(at[f"{side}_brow_top"]), width, 1.6)
    paint(tone, brow.window, line * p.brow_strength, 0.6 * p.hair_tone)


def relief(face: Face) -> Array:
    """Height `(96, 96)` px of nose, cheeks, brows, lips and chin above the two ellipsoids, for the light to find."""
    p, at, size = face.p, face.at, face.p.scale
    hills = [
        (at["mouth_center_top_lip"], 10.0, 5.0, 1.2),
        (at["mouth_center_bottom_lip"], 9.0, 4.0, 1.6),
        (at["chin"], 11.0, 7.0, 2.5),
        (at["nose_tip"], 4.5, 4.0, 2.2),
    ]
    for side in ("left", "right"):
        hills += [
            (at[f"{side}_cheek"], 11.0, 9.0, 2.2),
            (at[f"{side}_brow_top"], 12.0, 5.0, 1.6),
            (at[f"{side}_eye_center"], 9.0, 6.0, -1.8),
            (at[f"{side}_nose_wing"], 4.0, 3.5, 2.0),
        ]
    height = bumps([(centre, rx * size, ry * size, h * size) for centre, rx, ry, h in hills])
    ridge = Span(at["nose_bridge"], at["nose_tip"], 12 * size)
    beyond = ridge.inside.clip(max=0.0) * (1 / (5 * size))
    across = ridge.s / (size * (3 + (0.45 * p.nose_width) * ridge.t))
    rise = (0.35 * p.nose_depth * size) * (0.4 + 0.6 * ridge.t)
    height[ridge.window.rows, ridge.window.columns] += rise * fall(across * across + beyond * beyond)
    return height


def draw_hair(tone: Array, covered: Array, depth: Array, face: Face) -> tuple[Array, Array]:
    """Paints hair on `tone`; returns the head's coverage and depth `(96, 96)` with hair.

    Hair is a larger cranium, of which is seen what lies above the hairline, or before the ears down to its length.
    """
    p = face.p
    if p.hair <= 0:
        return covered, depth
    centre, radii = skull(p)[0]
    solid = face.view.solid(centre, radii, p.hair_volume)
    x, y, z = face.view.head_coordinates(solid.depth)
    locks = clouds(face.generator, 3, 24)
    across = x * (1 / p.head_width)
    hairline = (p.hairline + p.fringe) + across * (p.hair_part + p.hair_round * across) + 2.5 * locks
    sides = np.minimum(-16 - z, p.hair_length - y)
    distance = np.minimum(np.maximum(hairline - y, sides), solid.distance)
    hair = cover(distance, 2.5)
    paint(tone, WHOLE, hair, p.hair_tone * (1 + 0.2 * locks))
    # Hair rises from the skin over some pixels; a step would be a black line in the light.
    return np.maximum(covered, hair), depth + cover(distance - 4, 9) * (solid.depth + locks - depth)


def light(p: FaceParameters, depth: Array) -> tuple[Array, Array]:
    """How bright a surface of `depth` `(96, 96)` px is: a factor for its tone (Lambert, 1760), and its shine to add."""
    toward_x, toward_y, toward_z = p.light_x, p.light_y, 1.0
    length = math.sqrt(toward_x**2 + toward_y**2 + toward_z**2)
    slope_x, slope_y = np.zeros_like(depth), np.zeros_like(depth)
    slope_x[:, 1:-1] = 0.5 * (depth[:, 2:] - depth[:, :-2])
    slope_y[1:-1] = 0.5 * (depth[2:] - depth[:-2])
    # The normal of z(x, y) is (-dz/dx, -dz/dy, 1), here scaled to length 1.
    steepness = np.sqrt(slope_x * slope_x + slope_y * slope_y + 1)
    facing = (toward_z - toward_x * slope_x - toward_y * slope_y) / (length * steepness)
    facing = facing.clip(0.01)  # not 0: powers of tiny numbers are denormal, and slow
    shine = facing
    for _ in range(4):
        shine = shine * shine  # a highlight is narrow: the 16th power (Phong, 1975)
    return p.ambient + 1.15 * (1 - p.ambient) * facing, p.gloss * shine


def draw_glasses(picture: Array, face: Face) -> None:
    """Two rings, a bridge and temples; the lenses perhaps dark."""
    p, at, size = face.p, face.at, face.p.scale
    if not p.glasses:
        return
    frame = 0.4 * (1 - p.glasses)
    radii = (p.lens_radius * size * math.cos(math.radians(p.yaw)), p.lens_height * p.lens_radius * size)
    for side in ("left", "right"):
        where, distance = ellipse(at[f"{side}_lens"], radii, math.radians(p.roll), margin=2)
        if p.lens_dark:
            paint(picture, where, cover(distance) * p.lens_dark, 0.08)
        paint(picture, where, cover((0.4 + 0.5 * p.glasses) - np.abs(distance)) * p.glasses, frame)
        bar = Span(at[f"{side}_lens_outer"], at[f"{side}_ear"], 3)
        paint(picture, bar.window, bar.stroke(0.0, 1.5) * p.glasses, frame)
    bridge = Span(at["right_lens_inner"], at["left_lens_inner"], 3)
    paint(picture, bridge.window, bridge.stroke(0.0, 1.3) * p.glasses, frame)


def draw_in_front(picture: Array, face: Face) -> None:
    """A lock of hair across a brow, and an arm, hand or thing that comes in from below."""
    p, at = face.p, face.at
    if not (p.strand or p.occluder):
        return
    side = "left" if face.generator.random() < 0.5 else "right"
    a, b, c, d = face.generator.uniform(-1, 1, 4).tolist()
    if p.strand and p.hair > 0:
        root = at[f"{side}_brow_top"] + complex(8 * a, 4 * b - 22)
        lock = Span(root, at[f"{side}_eye_outer_corner"] + complex(6 * c, 6 * d), 12)
        curve = lock.arc((root + at[f"{side}_eyebrow_outer_end"]) / 2)
        taper = (7 * p.strand * p.scale) * (1 - lock.t)
        paint(picture, lock.window, lock.stroke(curve, taper, 1.5), 0.9 * p.hair_tone)
    if p.occluder:
        arm = Span(complex(48 + 48 * a, SIDE + 8), at[f"mouth_{side}_corner"] + complex(8 * b, 4 + 10 * c), 16)
        half = 9 + 3 * d
        roundness = np.sqrt((1 - np.square(arm.s / half)).clip(0.0))
        paint(picture, arm.window, arm.stroke(0.0, 2 * half, 1.5), p.occluder * (0.5 + 0.5 * roundness))


def photograph(picture: Array, face: Face) -> NDArray[np.uint8]:
    """The camera: exposure, contrast, gamma, defocus, sensor noise, compression, 8 bits; `(96, 96)` uint8."""
    p = face.p
    picture = picture * (p.contrast * p.exposure) + 0.45 * (1 - p.contrast)
    picture = blur(picture.clip(0.0, 1.0) ** p.gamma, p.defocus)
    if p.noise:
        # Two uniform numbers added: deviation 1 with the factor sqrt(6), and far faster than normal ones.
        grain = face.generator.random((2, SIDE, SIDE), dtype=np.float32)
        picture = picture + (math.sqrt(6) * p.noise) * (grain[0] + grain[1] - 1)
    if p.compression:
        picture = quantise(picture, p.compression)
    image: NDArray[np.uint8] = (picture * 255 + 0.5).clip(0.0, 255.0).astype(np.uint8)
    return image


# The labels of Kaggle's three kinds of rows, with how often each occurs among its 7,049 training rows.
_SHORT = ("left_eye_center", "right_eye_center", "nose_tip")
_KINDS = (
    (0.33, POINTS),
    (0.28, (*_SHORT, "mouth_center_bottom_lip")),
    (0.39, (*_SHORT, "mouth_left_corner", "mouth_right_corner")),
)
_LABELLED = np.array([[name in labelled for name in POINTS] for _, labelled in _KINDS])
_SHARES = np.cumsum([share for share, _ in _KINDS])[:-1]
_GAP = 0.01  # how often a row lacks one more label


def generate_faces(count: int, *, seed: int, missing: bool = True) -> Faces:
    """`count` different faces with exact labels, drawn in 2 to 3 ms each.

    Face i depends on `seed` and i alone: fewer faces are the first of more faces. Same arguments, same bits.

    Arguments
        count : number of faces, 0 or more
        seed : 0 or more
        missing : True leaves labels out as Kaggle's training rows do: about a third of the rows have all 15 points, the
            others both eye centres, the nose tip, and either the bottom lip or the mouth corners; one row in a hundred
            lacks one more. False labels every point.

    Returns
        Faces with images (count, 96, 96) uint8, points (count, 15, 2) float32 px, image_ids 1..count

    Raises
        ValueError : a negative count or seed, or one that is no whole number

    >>> faces = generate_faces(3, seed=1, missing=False)
    >>> faces.images.shape, faces.points.shape
    ((3, 96, 96), (3, 15, 2))
    """
    for name, value in (("count", count), ("seed", seed)):
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 0:
            raise ValueError(f"{name} is {value!r}, expected a whole number of 0 or more: pass {name}=100, for example")
    images = np.empty((count, SIDE, SIDE), dtype=np.uint8)
    points = np.empty((count, len(POINTS), 2), dtype=np.float32)
    for i in range(count):
        generator = np.random.default_rng([seed, i])
        images[i], points[i] = draw(FaceParameters.sample(generator))
        if missing:
            kind, gap, which = generator.random(3).tolist()
            points[i, ~_LABELLED[np.searchsorted(_SHARES, kind)]] = np.nan
            if gap < _GAP:
                points[i, int(which * len(POINTS))] = np.nan
    return Faces(images, points, np.arange(1, count + 1))
