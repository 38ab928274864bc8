"""Lesson 7: what `check` takes for right is what the library computes."""

from __future__ import annotations

import numpy as np

from nnscratch.keypoints import metrics
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.geometry.mirror import MIRRORED, mirrored
from nnscratch.lessons.exercises import faces_and_curves


def test_the_error_is_that_of_the_metrics() -> None:
    rng = np.random.default_rng(0)
    predicted, true = rng.uniform(0, 96, (2, 4, 15, 2))
    assert np.isclose(faces_and_curves.rmse_px(predicted, true), metrics.rmse_px(predicted, true))


def test_the_batches_hold_each_row_once() -> None:
    order = np.random.default_rng(0).permutation(10)
    parts = faces_and_curves.batches(order, 4)
    assert [len(part) for part in parts] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate(parts), order)


def test_a_mirrored_face_is_that_of_the_geometry() -> None:
    faces = draw_faces(1, seed=0, missing=False)
    image, points = faces_and_curves.mirror_face(faces.images[0], faces.points[0], list(MIRRORED))
    np.testing.assert_array_equal(image, faces.images[0][:, ::-1])
    np.testing.assert_array_equal(points, mirrored(faces.points)[0])


def test_the_best_epoch_counts_from_1() -> None:
    assert faces_and_curves.best_epoch(np.array([3.0, 1.0, 2.0])) == 2
