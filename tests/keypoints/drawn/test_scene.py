"""Around the face: what is behind it, what is in front of it, and the camera."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.keypoints.drawn.head import Face, FaceParameters
from nnscratch.keypoints.drawn.scene import (
    draw_background,
    draw_behind,
    draw_glasses,
    draw_in_front,
    photograph,
)


def grey() -> np.ndarray:
    return np.full((96, 96), 0.5, np.float32)


def test_a_plain_wall() -> None:
    wall = draw_background(Face.of(FaceParameters(background=0.3, slope_x=0.1)))
    assert wall[48, 48] == pytest.approx(0.3)
    assert wall[48, 95] == pytest.approx(0.3 + 0.1 * 47 / 48)


@pytest.mark.parametrize("change", [{"stripes": 0.2}, {"clutter": 0.3}])
def test_a_wall_with_something_before_it(change: dict[str, float]) -> None:
    assert draw_background(Face.of(FaceParameters(**change))).std() > 0.03


def test_clothes_are_below_and_ears_beside() -> None:
    dark, light = grey(), grey()
    draw_behind(dark, Face.of(FaceParameters(clothes=0.1)))
    draw_behind(light, Face.of(FaceParameters(clothes=0.9)))
    rows, columns = np.nonzero(dark != light)
    assert rows.min() > 85
    assert columns.mean() == pytest.approx(48, abs=1)
    assert (dark[:30] == 0.5).all()
    assert (dark[47, [4, 92]] != 0.5).all()


def test_glasses_are_around_the_eyes() -> None:
    face, picture = Face.of(FaceParameters(glasses=1.0, lens_dark=0.9)), grey()
    draw_glasses(picture, face)
    for side in ("left", "right"):
        eye = face.at[f"{side}_lens"]
        assert picture[round(eye.imag), round(eye.real)] < 0.2
    assert (picture[75:] == 0.5).all()
    without = grey()
    draw_glasses(without, Face.of(FaceParameters(lens_dark=0.9)))
    assert (without == 0.5).all()


def test_an_arm_comes_in_from_below() -> None:
    picture = grey()
    draw_in_front(picture, Face.of(FaceParameters(occluder=0.8)))
    assert (picture[95] != 0.5).any()
    assert (picture[:40] == 0.5).all()


def test_the_camera() -> None:
    plain = {"contrast": 1.0, "exposure": 1.0, "gamma": 1.0}
    image = photograph(grey(), Face.of(FaceParameters(**plain)))
    assert image.dtype == np.uint8
    assert abs(image.astype(int) - 127.5).max() == 0.5
    brighter = photograph(grey(), Face.of(FaceParameters(**plain | {"exposure": 1.2})))
    assert abs(brighter.astype(int) - 153).max() <= 1
    noisy = photograph(grey(), Face.of(FaceParameters(**plain, noise=0.02)))
    assert noisy.std() == pytest.approx(0.02 * 255, rel=0.05)
