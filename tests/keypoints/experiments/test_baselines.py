"""Baselines: eigenfaces against a plain eigendecomposition, and eyes found where they were put."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.experiments import baselines
from nnscratch.keypoints.experiments.baselines import EYES, Eigenfaces, find_eyes, stretch
from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.metrics import mean_face, rmse_px


def test_stretch_reaches_from_black_to_white() -> None:
    images = np.random.default_rng(0).integers(90, 140, (3, 96, 96)).astype(np.uint8)
    stretched = stretch(images)
    np.testing.assert_allclose(stretched.min(axis=(1, 2)), 0)
    np.testing.assert_allclose(stretched.max(axis=(1, 2)), 255, rtol=1e-6)


def test_eigenfaces_are_the_eigenvectors_of_the_covariance() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 6)) * np.array([5, 4, 3, 2, 1, 0.5])
    images = rows.reshape(60, 2, 3)
    vectors = np.linalg.eigh(np.cov(rows.T))[1]
    eigenfaces = Eigenfaces.of(images, components=2)
    for found, expected in zip(eigenfaces.basis, vectors.T[-2:], strict=True):
        assert abs(float(found @ expected)) == pytest.approx(1, abs=1e-3)


def test_all_eigenfaces_redraw_the_pictures_and_few_come_near() -> None:
    images = draw_faces(30, seed=0).images.astype(np.float32)
    errors = [float(np.abs(Eigenfaces.of(images, n).redraw(images) - images).mean()) for n in (1, 10, 29)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.5


def test_patches_are_cut_around_the_centre() -> None:
    images = np.arange(2 * 96 * 96, dtype=np.float32).reshape(2, 96, 96)
    patches = baselines._patches(images, np.array([[30, 40], [0, 95]])).reshape(2, 21, 21)
    np.testing.assert_array_equal(patches[0], images[0, 30:51, 20:41])
    assert patches[1, 10, 10] == images[1, 95, 0] == patches[1, 20, 0]  # beyond the picture, its border


def test_a_shifted_mark_is_found_where_it_is() -> None:
    rng = np.random.default_rng(0)
    centres = rng.integers(-4, 5, (40, 2)) + 48
    images = rng.integers(0, 20, (40, 96, 96)).astype(np.uint8)
    for image, (x, y) in zip(images, centres, strict=True):
        image[y - 2 : y + 3, x - 4 : x + 5] = 200
    points = np.full((40, 15, 2), np.nan, np.float32)
    points[:, list(EYES)] = centres[:, None]
    faces = Faces(images, points, np.arange(40))
    found = find_eyes(faces.select(slice(0, 30)), images[30:])
    # Half a pixel of the mark is lost in the eigenfaces: the mark stands at 81 places, and 30
    # pictures show 30 of them.
    np.testing.assert_allclose(found, points[30:][:, list(EYES)], atol=1)


def test_the_reach_is_chosen_on_held_out_training_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    faces = draw_faces(100, seed=4)
    asked: list[list[int]] = []
    search = baselines._search_eyes

    def spy(train: Faces, images: np.ndarray, reaches: list[int]) -> list[np.ndarray]:
        asked.append(list(reaches))
        return search(train, images, reaches)

    monkeypatch.setattr(baselines, "_search_eyes", spy)
    order = rng.permutation(100)[:10]
    chosen = find_eyes(faces, faces.images[order])
    (all_reaches, (reach,)) = asked
    held_out = faces.points[-20:, list(EYES)]
    found = search(faces.select(slice(0, 80)), faces.images[-20:], all_reaches)
    errors = [np.nanmean((points - held_out) ** 2) for points in found]
    assert reach == all_reaches[int(np.argmin(errors))]
    np.testing.assert_array_equal(chosen, search(faces, faces.images[order], [reach])[0])


def test_eyes_are_found_better_than_by_the_mean_face() -> None:
    faces = draw_faces(160, seed=0)
    train, new = faces.select(slice(0, 130)), faces.select(slice(130, None))
    found, true = np.full((30, 15, 2), np.nan), np.full((30, 15, 2), np.nan)
    true[:, list(EYES)] = new.points[:, list(EYES)]
    constant = np.broadcast_to(mean_face(train.points), true.shape)
    found[:, list(EYES)] = find_eyes(train, new.images)
    assert rmse_px(found, true) < rmse_px(constant, true)
