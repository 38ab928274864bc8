"""A painted face: its features sit at its labels, in any pose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nnscratch.keypoints.drawn.head import Face, FaceParameters
from nnscratch.keypoints.drawn.painting import draw, draw_hair, light
from nnscratch.keypoints.faces import POINTS

SHARP = FaceParameters(defocus=0.2, ambient=0.6, hair=-1.0, skin=0.8, eye_opening=4.5, lips=0.5)
POSES = [(0, 0, 0), (22, 0, 0), (-22, 0, 0), (0, 14, 0), (0, -14, 0), (0, 0, 18), (15, -8, -14), (-18, 9, 12)]


def posed(pose: tuple[float, float, float], **changes: float) -> FaceParameters:
    yaw, pitch, roll = pose
    return replace(SHARP, yaw=float(yaw), pitch=float(pitch), roll=float(roll), **changes)


def touched(pose: tuple[float, float, float], **tones: tuple[float, float]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """How much each pixel changes when only the tone of one feature does, and the labels."""
    ((name, (dark, light)),) = tones.items()
    before, points = draw(posed(pose, **{name: dark}))
    after, same = draw(posed(pose, **{name: light}))
    assert np.array_equal(points, same)
    change = np.abs(after.astype(np.float64) - before)
    assert change.max() > 10
    return change, dict(zip(POINTS, points, strict=True))


def around(change: np.ndarray, centre: np.ndarray, reach: float) -> np.ndarray:
    y, x = np.mgrid[0:96, 0:96]
    return np.where(np.hypot(x - centre[0], y - centre[1]) < reach, change, 0)


@pytest.mark.parametrize("pose", POSES)
@pytest.mark.parametrize("gaze", [0.0, 1.2])
def test_eye_centres_are_the_middle_of_the_iris(pose: tuple[float, float, float], gaze: float) -> None:
    before, points = draw(posed(pose, gaze_x=gaze, iris_tone=0.02))
    after, _ = draw(posed(pose, gaze_x=gaze, iris_tone=0.5))
    change = np.abs(after.astype(np.float64) - before)
    y, x = np.mgrid[0:96, 0:96]
    for name in ("left_eye_center", "right_eye_center"):
        label = points[POINTS.index(name)]
        iris = around(change, label, 9)
        assert (iris * x).sum() / iris.sum() == pytest.approx(label[0], abs=0.5)
        assert (iris * y).sum() / iris.sum() == pytest.approx(label[1], abs=0.5)


def ends(change: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """How far a feature that was drawn from a to b reaches beyond them, px (positive outwards)."""
    y, x = np.nonzero(change > 0.15 * change.max())
    length = float(np.hypot(*(b - a)))
    along = ((x - a[0]) * (b[0] - a[0]) + (y - a[1]) * (b[1] - a[1])) / length
    return -float(along.min()), float(along.max()) - length


@pytest.mark.parametrize("pose", POSES)
def test_brows_end_at_their_labels(pose: tuple[float, float, float]) -> None:
    change, at = touched(pose, brow_strength=(0.3, 0.95))
    for side in ("left", "right"):
        inner, outer = at[f"{side}_eyebrow_inner_end"], at[f"{side}_eyebrow_outer_end"]
        brow = around(change, (inner + outer) / 2, float(np.hypot(*(outer - inner))) / 2 + 4)
        assert ends(brow, inner, outer) == pytest.approx((0, 0), abs=1.0)


@pytest.mark.parametrize("opening", [0.0, 6.0])
@pytest.mark.parametrize("pose", POSES)
def test_lips_end_at_their_labels(pose: tuple[float, float, float], opening: float) -> None:
    before, points = draw(posed(pose, mouth_open=opening, lips=0.1))
    after, _ = draw(posed(pose, mouth_open=opening, lips=0.9))
    change = np.abs(after.astype(np.float64) - before)
    at = dict(zip(POINTS, points, strict=True))
    # The lips are thinnest at the corners: the last pixel of them hardly shows.
    assert ends(change, at["mouth_right_corner"], at["mouth_left_corner"]) == pytest.approx((-0.6, -0.6), abs=1.2)
    top, bottom = at["mouth_center_top_lip"], at["mouth_center_bottom_lip"]
    across = (bottom - top) / np.hypot(*(bottom - top))
    y, x = np.mgrid[0:96, 0:96]
    middle = np.abs((x - top[0]) * -across[1] + (y - top[1]) * across[0]) < 1
    assert ends(np.where(middle, change, 0), top, bottom) == pytest.approx((0, 0), abs=1.0)


@pytest.mark.parametrize("pose", POSES)
def test_eye_corners_are_the_ends_of_the_lash_line(pose: tuple[float, float, float]) -> None:
    image, points = draw(posed(pose))
    shut, _ = draw(posed(pose, eye_opening=1.0))
    change = np.abs(image.astype(np.float64) - shut)
    at = dict(zip(POINTS, points, strict=True))
    for side in ("left", "right"):
        inner, outer = at[f"{side}_eye_inner_corner"], at[f"{side}_eye_outer_corner"]
        eye = around(change, (inner + outer) / 2, 11)
        beyond = ends(eye, inner, outer)
        assert max(beyond) < 1.5
        assert min(beyond) > -2.5


def test_the_nose_tip_is_on_the_lit_ridge() -> None:
    flat, points = draw(posed((20, 0, 0), nose_depth=0.1, light_x=-0.8))
    # The tip moves to the side to which the nose points, by its depth times the sine of the yaw.
    deep, moved = draw(posed((20, 0, 0), nose_depth=16.1, light_x=-0.8))
    tip = POINTS.index("nose_tip")
    assert moved[tip, 0] - points[tip, 0] == pytest.approx(16 * np.sin(np.radians(20)), abs=0.01)
    x, y = moved[tip].astype(int)
    change = np.abs(deep.astype(np.float64) - flat)
    assert change[y - 3, x - 8 : x + 8].max() > 10


def test_the_same_parameters_give_the_same_bits() -> None:
    p = FaceParameters(noise=0.02, clutter=0.3, strand=0.6, occluder=0.4, texture=0.3)
    image, points = draw(p)
    again, same = draw(p)
    np.testing.assert_array_equal(image, again)
    np.testing.assert_array_equal(points, same)
    assert not np.array_equal(image, draw(replace(p, texture=0.4))[0])


def test_light_falls_on_the_side_it_comes_from() -> None:
    """A flat surface that faces the light is fully lit; a slope towards it more than one away."""
    x = np.broadcast_to(np.arange(96, dtype=np.float32), (96, 96))
    p = FaceParameters(light_x=0.0, light_y=0.0, ambient=0.4, gloss=0.2)
    factor, shine = light(p, np.zeros((96, 96), np.float32))
    np.testing.assert_allclose(factor, 0.4 + 1.15 * 0.6, rtol=1e-6)
    np.testing.assert_allclose(shine, 0.2, rtol=1e-6)
    p = replace(p, light_x=0.5)  # from the right
    rising, falling = light(p, x)[0], light(p, -x)[0]  # the surface turns to the left, to the right
    assert (falling > rising)[1:-1, 1:-1].all()


def test_hair_covers_the_top_of_the_head_alone() -> None:
    face = Face.of(FaceParameters(hair_tone=0.0))
    tone, nothing = np.ones((96, 96), np.float32), np.zeros((96, 96), np.float32)
    covered, _ = draw_hair(tone, nothing, nothing, face)
    assert tone[4, 48] < 0.5 < 0.95 < tone[60, 48]  # black above the forehead, nothing on the nose
    assert covered[4, 48] == 1
    bald = np.ones((96, 96), np.float32)
    draw_hair(bald, nothing, nothing, Face.of(FaceParameters(hair=-0.1)))
    assert (bald == 1).all()
