"""The mirror image of labels, and the offset of labels that faces betray by their symmetry."""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import POINTS, Faces, to_points, to_targets
from nnscratch.keypoints.geometry.augmentation import Augmentation
from nnscratch.keypoints.geometry.label_offset import LabelOffsets, label_offset
from nnscratch.keypoints.geometry.mirror import MIRRORED, mirrored
from nnscratch.keypoints.mirror_pass import both_ways


@pytest.fixture(scope="module")
def faces() -> Faces:
    return draw_faces(600, seed=3, missing=False)


def moved(faces: Faces, by: float) -> Faces:
    return Faces(faces.images, faces.points + np.float32([by, 0]), faces.image_ids)


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
    np.testing.assert_array_equal(MIRRORED[MIRRORED], np.arange(len(POINTS)))


@pytest.mark.parametrize("offset", [-2.5, 0.0, 1.3])
def test_an_offset_of_the_labels_is_found(faces: Faces, offset: float) -> None:
    assert label_offset(moved(faces, offset)) == pytest.approx(offset, abs=0.2)


def test_each_kind_of_labels_has_its_own_offset(faces: Faces) -> None:
    few = moved(faces.select(slice(0, 300)), 2.0)
    few.points[:, 2:10] = np.nan
    both = Faces(
        np.concatenate([few.images, faces.images[300:]]),
        np.concatenate([few.points, faces.points[300:]]),
        faces.image_ids,
    )
    both.points[5, 3:] = np.nan  # a kind of a single face: it gets the mean of all
    offsets = LabelOffsets.of(both)
    assert len(offsets.offsets) == 2
    found = offsets(both.points)
    np.testing.assert_allclose(np.delete(found, 5)[:299], 2.0, atol=0.25)
    np.testing.assert_allclose(found[300:], 0.0, atol=0.25)
    assert found[5] == offsets.other == pytest.approx(1.0, abs=0.25)


def test_without_a_pair_there_is_no_offset(faces: Faces) -> None:
    nose = Faces(faces.images, np.full_like(faces.points, np.nan), faces.image_ids)
    assert label_offset(nose) == 0.0
    nose.points[:, POINTS.index("nose_tip")] = 50
    assert label_offset(nose) == 0.0
    assert LabelOffsets.of(nose).other == 0.0
    assert LabelOffsets.of(nose.select(slice(0, 10))) == LabelOffsets({}, 0.0)


def test_augmentation_flips_about_the_axis_of_the_labels() -> None:
    """Labels 2 px beside the dots that they name lie 2 px beside them, to the same side, in the mirror image too."""
    x = np.zeros((1, 96, 96, 1), np.float32)
    points = np.full((1, len(POINTS), 2), np.nan, np.float32)
    eye, other = POINTS.index("left_eye_center"), POINTS.index("right_eye_center")
    x[0, 40, 60, 0] = 1
    points[0, eye] = [62, 40]
    augmentation = Augmentation(flip=1, offsets=LabelOffsets({}, other=2.0))
    new_x, new_y = augmentation(x, to_targets(points), np.random.default_rng(0))
    row, column = np.unravel_index(new_x[0, :, :, 0].argmax(), (96, 96))
    np.testing.assert_allclose(to_points(new_y)[0, other], [column + 2, row], atol=1e-4)


class Brightest(nn.Layer):
    """Says that all points lie `offset` px to the right of the brightest pixel, and 2 px above it if it is far left."""

    def __init__(self, offset: float) -> None:
        super().__init__()
        self.offset = offset

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        row, column = np.divmod(x.reshape(len(x), -1).argmax(axis=1), 96)
        points = np.stack([column + self.offset, row - 2.0 * (column < 48)], axis=1)
        return to_targets(np.repeat(points[:, np.newaxis], len(POINTS), axis=1))


@pytest.mark.parametrize("offset", [0.0, 3.5, -2.0])
def test_both_ways_are_averaged_and_the_offset_is_told_without_labels(offset: float) -> None:
    where = np.array([[10, 20], [70, 30], [43, 60]])  # x, y
    x = np.zeros((3, 96, 96, 1), np.float32)
    x[range(3), where[:, 1], where[:, 0]] = 1
    y, found = both_ways(nn.Sequential(Brightest(offset)), x)
    np.testing.assert_allclose(found, offset, atol=1e-4)
    expected = where + np.array([[offset, -1.0]])  # above in one of the two pictures
    np.testing.assert_allclose(to_points(y), np.repeat(expected[:, np.newaxis], len(POINTS), axis=1), atol=1e-4)
