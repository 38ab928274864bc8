"""Paints one face between its projected points: skin, features, hair, light, scene and camera."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nnscratch.keypoints.drawn.head import Face, FaceParameters, skull
from nnscratch.keypoints.drawn.shapes import (
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
from nnscratch.keypoints.faces import POINTS, SIDE


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
