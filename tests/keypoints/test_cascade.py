from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints import cascade
from nnscratch.keypoints.cascade import Cascade, crop, crops_of_point, from_crop_targets, to_crop_targets
from nnscratch.keypoints.faces import POINTS, Faces


def faces_with_dots(count: int = 40, missing: bool = False) -> Faces:
    """Black pictures with one white pixel, which is the nose tip; the other points are nowhere."""
    rng = np.random.default_rng(0)
    images, points = np.zeros((count, 96, 96), np.uint8), np.full((count, 15, 2), np.nan, np.float32)
    where = rng.integers(0, 96, (count, 2))
    images[np.arange(count), where[:, 1], where[:, 0]] = 255
    points[:, POINTS.index("nose_tip")] = where
    if missing:
        points[::3] = np.nan
    return Faces(images, points, np.arange(1, count + 1))


@pytest.mark.parametrize("side", [1, 5, 32, 50, 96])
def test_pixels_and_points_move_alike(side: int) -> None:
    faces = faces_with_dots()
    true = faces.points[:, POINTS.index("nose_tip")]
    centres = true + np.random.default_rng(1).uniform(-side / 3, side / 3, true.shape)
    crops, corners = crop(faces.images, centres, side)
    assert crops.shape == (len(faces), side, side)
    seen = 0
    for picture, point, corner in zip(crops, true, corners, strict=True):
        x, y = (point - corner).astype(int)
        if 0 <= x < side and 0 <= y < side:
            assert picture[y, x] == 255
            seen += 1
    assert seen >= 0.8 * len(faces)


def test_a_crop_beyond_the_border_repeats_it() -> None:
    image = np.arange(96 * 96).reshape(1, 96, 96).astype(np.uint8)
    crops, corners = crop(image, np.array([[0.0, 95.0]]), 8)
    np.testing.assert_array_equal(corners, [[-4, 91]])
    np.testing.assert_array_equal(crops[0, 0], [image[0, 91, 0]] * 5 + list(image[0, 91, 1:4]))
    np.testing.assert_array_equal(crops[0, 7], crops[0, 4])


def test_targets_are_undone_exactly_enough() -> None:
    rng = np.random.default_rng(0)
    points, corners = rng.uniform(0, 96, (50, 2)), rng.integers(-10, 90, (50, 2))
    there = to_crop_targets(points, corners, 32)
    np.testing.assert_allclose(from_crop_targets(there, corners, 32), points, atol=1e-4)
    np.testing.assert_allclose(to_crop_targets(corners + 16.0, corners, 32), 0)
    np.testing.assert_allclose(to_crop_targets(corners + 0.0, corners, 32), -1)


def test_faces_without_the_point_are_left_out() -> None:
    faces = faces_with_dots(30, missing=True)
    x, y = crops_of_point(faces, "nose_tip", np.full((30, 2), 48.0), 16)
    assert (x.shape, y.shape) == ((20, 16, 16, 1), (20, 2))
    x, y = cascade.training_crops(faces, "nose_tip", 3.0, side=16, copies=2, rng=np.random.default_rng(0))
    assert (x.shape, y.shape) == ((40, 16, 16, 1), (40, 2))
    assert np.isfinite(y).all()
    # Off by N(0, 3^2), rounded to pixels: 80 numbers know it to 8 %.
    assert y.std() * 8 == pytest.approx(3.0, rel=0.3)


class Perfect(nn.Layer):
    """A level-2 network that finds the brightest pixel of a crop."""

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        side = x.shape[1]
        brightest = x.reshape(len(x), -1).argmax(axis=1)
        corner = np.zeros((len(x), 2))
        return to_crop_targets(np.stack([brightest % side, brightest // side], axis=1), corner, side)


class Constant(nn.Layer):
    """A level-1 network that always says the middle."""

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        return np.zeros((len(x), 30), np.float32)


def test_a_perfect_level_2_finds_what_its_crop_holds_and_leaves_the_rest() -> None:
    faces = faces_with_dots()
    true = faces.points[:, POINTS.index("nose_tip")]
    found = Cascade(nn.Sequential(Constant()), {"nose_tip": nn.Sequential(Perfect())}, 96).predict_points(faces.images)
    inside = ((true >= 0) & (true < 96)).all(axis=1)
    np.testing.assert_allclose(found[inside, POINTS.index("nose_tip")], true[inside], atol=1e-3)
    np.testing.assert_array_equal(found[:, 0], 48)


def test_saved_and_loaded(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    level_1 = nn.Sequential(nn.Flatten(), nn.Dense(9216, 30, rng=rng))
    level_2 = {name: nn.Sequential(nn.Flatten(), nn.Dense(64, 2, rng=rng)) for name in ("nose_tip", "left_eye_center")}
    saved = Cascade(level_1, level_2, 8)
    files = saved.save(tmp_path)
    assert sorted(files) == sorted(path.name for path in tmp_path.iterdir())
    faces = faces_with_dots(5)
    np.testing.assert_array_equal(
        Cascade.load(tmp_path).predict_points(faces.images), saved.predict_points(faces.images)
    )


@pytest.mark.parametrize("content", ["", "{", "[]", '{"side": 8}', '{"side": "x", "points": []}'])
def test_a_damaged_description(tmp_path: Path, content: str) -> None:
    (tmp_path / Cascade.FILE).write_text(content)
    with pytest.raises(ValueError, match="damaged description"):
        Cascade.load(tmp_path)
