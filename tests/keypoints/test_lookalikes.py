"""Look-alikes: a face that was moved, turned and lit anew is found again."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels.threads import set_threads
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import Faces, to_points
from nnscratch.keypoints.geometry.augmentation import Augmentation
from nnscratch.keypoints.lookalikes import groups, linked_groups, signatures

FACES, COPIES = 12, 4


def moved(faces: Faces, seed: int) -> Faces:
    """The same faces at another place, angle, size, contrast and brightness."""
    change = Augmentation(rotation=15, scale=0.1, shift=6, contrast=0.2, brightness=0.05, noise=0.01)
    x, y = change(faces.x, faces.y, np.random.default_rng(seed))
    images = np.clip(np.rint(x[..., 0] * 256), 0, 255).astype(np.uint8)
    return Faces(images, to_points(y), faces.image_ids)


def joined(*parts: Faces) -> Faces:
    images, points = (np.concatenate([getattr(part, name) for part in parts]) for name in ("images", "points"))
    return Faces(images, points, np.arange(len(images)))


@pytest.fixture(scope="module")
def faces() -> Faces:
    """Row r is a frame of face r % FACES."""
    originals = draw_faces(FACES, seed=3)
    return joined(originals, *(moved(originals, seed) for seed in range(COPIES - 1)))


def unlabelled(images: np.ndarray) -> Faces:
    return Faces(images, np.full((len(images), 15, 2), np.nan, np.float32), np.arange(len(images)))


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 96, 96)).astype(np.uint8)


def test_copies_are_with_their_original_alone(faces: Faces) -> None:
    assert groups(faces).tolist() == list(range(FACES)) * COPIES


def test_the_order_of_rows_numbers_the_groups(faces: Faces) -> None:
    order = np.random.default_rng(1).permutation(len(faces))
    shuffled = groups(faces.select(order))
    assert shuffled[0] == 0
    assert (np.diff(np.maximum.accumulate(shuffled)) <= 1).all()  # a new group has the next number
    together = shuffled[:, None] == shuffled
    np.testing.assert_array_equal(together, order[:, None] % FACES == order % FACES)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("rows_per_block", [1, 5, 1000])
def test_blocks_and_threads_change_nothing(faces: Faces, threads: int, rows_per_block: int) -> None:
    set_threads(threads)
    try:
        assert linked_groups(signatures(faces), rows_per_block).tolist() == list(range(FACES)) * COPIES
    finally:
        set_threads(None)


@pytest.mark.parametrize("rows_per_block", [2, 256])
def test_a_chain_of_links_is_a_group(rows_per_block: int) -> None:
    angles = np.deg2rad([0, 120, 60, 180, 250, 30, 150, 90])  # 30 degrees apart are linked, 70 are not
    signature = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert linked_groups(signature, rows_per_block).tolist() == [0, 0, 0, 0, 1, 0, 0, 0]


def test_two_points_are_enough_to_align() -> None:
    original = draw_faces(1, seed=5, missing=False)
    others = draw_faces(6, seed=6, missing=False)
    few = joined(original, moved(original, 0), others)
    few.points[:, 2:] = np.nan
    assert groups(few)[:2].tolist() == [0, 0]
    few.points[:, 1] = np.nan  # with one, they are compared as they stand, and the copy stands elsewhere
    assert groups(few)[:2].tolist() == [0, 1]


def test_points_in_one_place_align_nothing() -> None:
    images = noise(3)[[0, 1, 0]]
    points = np.full((3, 15, 2), 40, np.float32)
    assert groups(Faces(images, points, np.arange(3))).tolist() == [0, 1, 0]


def test_without_labels_pictures_are_compared() -> None:
    images = noise(3)[[0, 1, 2, 1]]
    assert groups(unlabelled(images)).tolist() == [0, 1, 2, 1]


@pytest.mark.parametrize("count", [2, 5, 300])
def test_one_picture_repeated_is_one_group(count: int) -> None:
    assert not groups(unlabelled(np.repeat(noise(1), count, axis=0))).any()


def test_flat_pictures_are_alone() -> None:
    images = noise(6)
    images[1:3] = 77
    images[3:5] = 77 + images[3] // 255  # a speck here and there
    images[5] = images[0]
    assert groups(unlabelled(images)).tolist() == [0, 1, 2, 3, 4, 0]
    assert not signatures(unlabelled(images))[1:5].any()


def test_no_faces_at_all() -> None:
    assert groups(unlabelled(noise(0))).tolist() == []
