"""Paints all but the face: what is behind it, what is in front of it, and the camera's work."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nnscratch.keypoints.drawn.head import Face
from nnscratch.keypoints.drawn.shapes import WHOLE, Array, Span, blur, clouds, cover, ellipse, paint, quantise
from nnscratch.keypoints.faces import SIDE


def draw_background(face: Face) -> Array:
    """Tones `(96, 96)` of a wall in uneven light, sometimes with stripes or blurred things."""
    p, rng = face.parameters, face.rng
    x, y = (WHOLE.x - 48) / 48, (WHOLE.y - 48) / 48
    picture = (p.background + p.slope_x * x) + p.slope_y * y
    if p.stripes:
        angle, waves, phase = rng.uniform((0, 4, 0), (math.pi, 20, 6)).tolist()
        wave = np.sin(waves * math.cos(angle) * x + (waves * math.sin(angle) * y + phase))
        picture += p.stripes * (3 * wave).clip(-1.0, 1.0)
    if p.clutter:
        rows, columns = rng.integers(3, 14, 2).tolist()
        picture += p.clutter * clouds(rng, rows, columns)
        for x0, y0, radius, other, grey in rng.uniform((0, 0, 6, 6, 0), (SIDE, SIDE, 25, 25, 1), (2, 5)).tolist():
            where, distance = ellipse(complex(x0, y0), (radius, other), margin=3)
            paint(picture, where, cover(distance, 3) * 0.7, grey)
    return picture


def draw_behind(picture: Array, face: Face) -> None:
    """What the head partly hides: long hair, neck, clothes, ears."""
    p, at, roll, size = face.parameters, face.at, math.radians(face.parameters.roll), face.parameters.scale
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


def draw_glasses(picture: Array, face: Face) -> None:
    """Two rings, a bridge and temples; sometimes dark lenses."""
    p, at, size = face.parameters, face.at, face.parameters.scale
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
    """A lock of hair across a brow; an arm, hand or thing that comes in from below."""
    p, at = face.parameters, face.at
    if not (p.strand or p.occluder):
        return
    side = "left" if face.rng.random() < 0.5 else "right"
    a, b, c, d = face.rng.uniform(-1, 1, 4).tolist()
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
    """`picture` through a camera, `(96, 96)` uint8.

    Exposure, contrast, gamma, defocus, sensor noise, compression, 8 bits, in this order.
    """
    p = face.parameters
    picture = picture * (p.contrast * p.exposure) + 0.45 * (1 - p.contrast)
    picture = blur(picture.clip(0.0, 1.0) ** p.gamma, p.defocus)
    if p.noise:
        # The sum of two uniform numbers, times sqrt(6), has standard deviation 1, and costs far
        # less than a normal number.
        grain = face.rng.random((2, SIDE, SIDE), dtype=np.float32)
        picture = picture + (math.sqrt(6) * p.noise) * (grain[0] + grain[1] - 1)
    if p.compression:
        picture = quantise(picture, p.compression)
    return (picture * 255 + 0.5).clip(0.0, 255.0).astype(np.uint8)
