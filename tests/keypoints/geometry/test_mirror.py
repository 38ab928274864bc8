"""The points of a mirrored face."""

from __future__ import annotations

import numpy as np

from nnscratch.keypoints.faces import POINTS
from nnscratch.keypoints.geometry.mirror import MIRRORED, mirrored, symmetrical


def test_mirrored_twice_is_as_before() -> None:
    points = np.random.default_rng(0).uniform(0, 95, (4, len(POINTS), 2))
    points[1, 3] = np.nan
    offset = np.array([0.0, 1.5, -2.0, 0.3])
    np.testing.assert_allclose(mirrored(mirrored(points, offset), offset), points, rtol=1e-12)


def test_left_becomes_right() -> None:
    points = np.full((1, len(POINTS), 2), np.nan)
    points[0, POINTS.index("left_eye_center")] = [60, 40]
    mirror_image = mirrored(points)
    np.testing.assert_array_equal(mirror_image[0, POINTS.index("right_eye_center")], [35, 40])
    assert np.isfinite(mirror_image).sum() == 2


def test_every_point_has_its_counterpart() -> None:
    np.testing.assert_array_equal(MIRRORED[MIRRORED], np.arange(15))
    for k, point in enumerate(POINTS):
        other = POINTS[MIRRORED[k]]
        assert point.replace("left", "X").replace("right", "X") == other.replace("left", "X").replace("right", "X")
        assert (point == other) == ("left" not in point and "right" not in point)


def test_a_symmetrical_face_is_its_own_mirror_image() -> None:
    points = np.random.default_rng(9).uniform(20, 76, (15, 2))
    face = symmetrical(points)
    np.testing.assert_allclose(mirrored(face[np.newaxis])[0], face)
    np.testing.assert_allclose(symmetrical(face), face)
    np.testing.assert_allclose(face[10, 1], points[10, 1])  # the nose mirrors itself: it moves to the middle alone
