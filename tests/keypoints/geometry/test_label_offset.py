"""The label offset that faces betray by their symmetry."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.keypoints.drawn.faces import generate_faces
from nnscratch.keypoints.faces import POINTS, Faces
from nnscratch.keypoints.geometry.label_offset import LabelOffsets, label_offset


@pytest.fixture(scope="module")
def faces() -> Faces:
    return generate_faces(600, seed=3, missing=False)


def moved(faces: Faces, by: float) -> Faces:
    return Faces(faces.images, faces.points + np.float32([by, 0]), faces.image_ids)


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
