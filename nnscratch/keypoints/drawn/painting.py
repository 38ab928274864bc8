"""Paints one face between its projected points: skin, features, hair and light.

Each function takes a `Face` (head.py) and paints on an array of grey tones. What is not the face
itself (the wall, neck and ears, glasses, a hand, the camera) is in scene.py.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nnscratch.keypoints.drawn.head import Face, FaceParameters, skull
from nnscratch.keypoints.drawn.scene import draw_background, draw_behind, draw_glasses, draw_in_front, photograph
from nnscratch.keypoints.drawn.shapes import WHOLE, Array, Solid, Span, bumps, clouds, cover, fall, paint
from nnscratch.keypoints.faces import POINTS


def draw(p: FaceParameters) -> tuple[NDArray[np.uint8], Array]:
    """The picture of one face, and its points.

    Returns
        image  : (96, 96) uint8, grey
        points : (15, 2) float32 px, in the order of `POINTS`; outside 0..95 where a point lies
                 beside the picture

    >>> image, points = draw(FaceParameters())
    >>> image.shape, bool(points[0, 0] > points[1, 0])  # the person's left eye is at larger x
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
    shade, shine = light(p, depth)

    picture = draw_background(face)
    draw_behind(picture, face)
    paint(picture, WHOLE, covered, tone * shade + shine)
    draw_glasses(picture, face)
    draw_in_front(picture, face)
    points = np.array([(face.at[name].real, face.at[name].imag) for name in POINTS], dtype=np.float32)
    return photograph(picture, face), points


def draw_skin(face: Face) -> Array:
    """Tones `(96, 96)` of uneven skin, with shade around eyes, nose and lip, and two folds."""
    p, at, size = face.parameters, face.at, face.parameters.scale
    tone = p.skin + (p.skin * p.blemish) * clouds(face.rng, 20, 20)
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
    """A beard on the jaw, from stubble to full, and a moustache between nose and lip."""
    p, at = face.parameters, face.at
    if not (p.beard or p.moustache):
        return
    grain = clouds(face.rng, 24, 24)
    if p.beard:
        x, y, _ = face.view.head_coordinates(head.depth)
        edge = (p.mouth_height + 6) - 0.016 * x * x  # lowest in the middle; it rises to the ears
        coverage = cover(y - edge + 3 * grain, 7) * p.beard
        paint(tone, WHOLE, coverage, 0.9 * p.hair_tone * (1 + 0.3 * grain))
    if p.moustache:
        strip = Span(at["mouth_right_corner"], at["mouth_left_corner"], 14 * p.scale)
        top = 0.35 * at["mouth_center_top_lip"] + 0.65 * at["nose_base"]
        coverage = strip.between(strip.arc(top, 1.2), strip.arc(at["mouth_center_top_lip"]) + 1)
        paint(tone, strip.window, coverage * p.moustache, 0.9 * p.hair_tone)


def draw_mouth(tone: Array, face: Face) -> None:
    """Two lips between the corners; in an open mouth, teeth and the dark below them."""
    p, at = face.parameters, face.at
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
    """White, iris and pupil between the lids; lash line along the upper lid; crease above it."""
    p, at, size = face.parameters, face.at, face.parameters.scale
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
    """An arc of hair that tapers outwards; its two ends are labelled points."""
    p, at = face.parameters, face.at
    right, left = ("outer", "inner") if side == "right" else ("inner", "outer")
    brow = Span(at[f"{side}_eyebrow_{right}_end"], at[f"{side}_eyebrow_{left}_end"], 8 * p.scale)
    inwards = brow.t if side == "right" else 1 - brow.t
    width = (0.3 + 0.7 * np.sqrt(inwards)) * (p.scale * p.brow_width)
    line = brow.stroke(brow.arc(at[f"{side}_brow_top"]), width, 1.6)
    paint(tone, brow.window, line * p.brow_strength, 0.6 * p.hair_tone)


def relief(face: Face) -> Array:
    """Height `(96, 96)` px of nose, cheeks, brows, lips and chin above the two ellipsoids.

    Its slopes are what gives them light and shade.
    """
    p, at, size = face.parameters, face.at, face.parameters.scale
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
    """Paints hair on `tone`; returns coverage and depth `(96, 96)` of the head with its hair.

    Hair is a larger cranium. It is visible above the hairline and, at the sides, from there down to
    its length.
    """
    p = face.parameters
    if p.hair <= 0:
        return covered, depth
    centre, radii = skull(p)[0]
    solid = face.view.solid(centre, radii, p.hair_volume)
    x, y, z = face.view.head_coordinates(solid.depth)
    locks = clouds(face.rng, 3, 24)
    across = x * (1 / p.head_width)
    hairline = (p.hairline + p.fringe) + across * (p.hair_part + p.hair_round * across) + 2.5 * locks
    sides = np.minimum(-16 - z, p.hair_length - y)
    distance = np.minimum(np.maximum(hairline - y, sides), solid.distance)
    hair = cover(distance, 2.5)
    paint(tone, WHOLE, hair, p.hair_tone * (1 + 0.2 * locks))
    # Hair rises from the skin over some pixels: a step would be so steep that the light makes it a
    # black line.
    return np.maximum(covered, hair), depth + cover(distance - 4, 9) * (solid.depth + locks - depth)


def light(p: FaceParameters, depth: Array) -> tuple[Array, Array]:
    """How a surface of `depth` `(96, 96)` px is lit: (factor of its tone, shine to add to it).

    Source: Lambert, Photometria (1760) for the factor; Phong, "Illumination for
    computer generated pictures" (1975), for the shine.
    """
    toward_x, toward_y, toward_z = p.light_x, p.light_y, 1.0
    length = math.sqrt(toward_x**2 + toward_y**2 + toward_z**2)
    slope_x, slope_y = np.zeros_like(depth), np.zeros_like(depth)
    slope_x[:, 1:-1] = 0.5 * (depth[:, 2:] - depth[:, :-2])
    slope_y[1:-1] = 0.5 * (depth[2:] - depth[:-2])
    # The normal of z(x, y) is (-dz/dx, -dz/dy, 1), here scaled to length 1.
    steepness = np.sqrt(slope_x * slope_x + slope_y * slope_y + 1)
    facing = (toward_z - toward_x * slope_x - toward_y * slope_y) / (length * steepness)
    facing = facing.clip(0.01)  # not 0: powers of tiny numbers are denormal, which is slow
    shine = facing
    for _ in range(4):
        shine = shine * shine  # four times: the 16th power, as a highlight is narrow
    return p.ambient + 1.15 * (1 - p.ambient) * facing, p.gloss * shine
