"""Look-alikes: a face that was moved, turned and lit anew is found again, and never lands on the other side."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nnscratch.kernels.threads import set_threads
from nnscratch.keypoints import lookalikes, splits
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import Faces, to_points
from nnscratch.keypoints.geometry.augmentation import Augmentation
from nnscratch.keypoints.lookalikes import groups, signatures
from nnscratch.keypoints.splits import split_apart

FACES, COPIES = 12, 4


def moved(faces: Faces, seed: int) -> Faces:
    """The same faces, a little elsewhere, at another angle, size, contrast and brightness."""
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


def test_copies_are_with_their_original_and_with_nobody_else(faces: Faces) -> None:
    assert groups(faces).tolist() == list(range(FACES)) * COPIES


def test_the_order_of_the_rows_only_numbers_the_groups(faces: Faces) -> None:
    order = np.random.default_rng(1).permutation(len(faces))
    shuffled = groups(faces.select(order))
    assert shuffled[0] == 0
    assert (np.diff(np.maximum.accumulate(shuffled)) <= 1).all()  # a new group has the next number
    together = shuffled[:, None] == shuffled
    np.testing.assert_array_equal(together, order[:, None] % FACES == order % FACES)


@pytest.mark.parametrize("threads", [1, 3])
def test_blocks_and_threads_change_nothing(faces: Faces, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookalikes, "_ROWS", 5)
    monkeypatch.setattr(lookalikes, "_PICTURES", 7)
    set_threads(threads)
    try:
        assert groups(faces).tolist() == list(range(FACES)) * COPIES
    finally:
        set_threads(None)


def test_a_link_of_links_is_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookalikes, "_ROWS", 2)
    angles = np.deg2rad([0, 120, 60, 180, 250, 30, 150, 90])  # 30 degrees apart are linked, 70 are not
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    monkeypatch.setattr(lookalikes, "signatures", lambda _: rows)
    assert groups(unlabelled(noise(8))).tolist() == [0, 0, 0, 0, 1, 0, 0, 0]


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


def test_faces_without_labels_are_compared_as_they_stand() -> None:
    images = noise(3)[[0, 1, 2, 1]]
    assert groups(unlabelled(images)).tolist() == [0, 1, 2, 1]


@pytest.mark.parametrize("count", [2, 5, 300])
def test_the_same_picture_again_and_again_is_one_group(count: int) -> None:
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


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.3, 0.5, 0.99])
def test_no_group_is_on_both_sides(faces: Faces, fraction: float) -> None:
    train, validation = split_apart(faces, fraction, seed=2)
    assert set(train.image_ids % FACES).isdisjoint(validation.image_ids % FACES)
    wanted = min(max(round(fraction * FACES), 1), FACES - 1)
    assert (len(train), len(validation)) == (COPIES * (FACES - wanted), COPIES * wanted)


def test_both_sides_keep_the_order_and_the_pictures(faces: Faces) -> None:
    sides = split_apart(faces, 0.3, seed=2)
    assert sorted(np.concatenate([side.image_ids for side in sides])) == list(range(len(faces)))
    for side in sides:
        assert (np.diff(side.image_ids) > 0).all()
        np.testing.assert_array_equal(side.images, faces.images[side.image_ids])


def test_the_seed_decides(faces: Faces) -> None:
    first, again, other = (split_apart(faces, 0.3, seed=seed)[1].image_ids.tolist() for seed in (4, 4, 5))
    assert first == again
    assert first != other
    assert split_apart(faces, 0.3, seed=np.random.default_rng(4))[1].image_ids.tolist() == first


def test_frames_of_one_person_are_split_at_random() -> None:
    frames = unlabelled(np.repeat(noise(1), 10, axis=0))
    train, validation = split_apart(frames, 0.3, seed=0)
    assert (len(train), len(validation)) == (7, 3)


@pytest.mark.parametrize("sizes", [[1, 1], [5, 2], [3, 3, 4], [9, 1, 1, 1], [2, 7, 4, 4, 1], [6, 6, 6]])
@pytest.mark.parametrize("wanted", [0.1, 1.6, 4, 6, 8.3, 100])
def test_as_near_as_whole_groups_allow(sizes: list[int], wanted: float) -> None:
    taken = splits._fill(np.array(sizes), wanted)
    some = [pick for count in range(1, len(sizes)) for pick in itertools.combinations(sizes, count)]
    assert 0 < taken.sum() < len(sizes)
    assert abs(np.array(sizes)[taken].sum() - wanted) == min(abs(sum(pick) - wanted) for pick in some)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.2, 20, float("nan")])
def test_other_fractions_are_refused(faces: Faces, fraction: float) -> None:
    with pytest.raises(ValueError, match="split_apart: fraction is .*; expected 0 < fraction < 1"):
        split_apart(faces, fraction, seed=0)


def test_a_single_face_is_refused(faces: Faces) -> None:
    with pytest.raises(ValueError, match="split_apart: 1 faces; expected at least 2"):
        split_apart(faces.select([0]), 0.5, seed=0)
