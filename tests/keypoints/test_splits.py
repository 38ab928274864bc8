"""Splits: each row is on one side, groups of look-alikes stay whole, and the seed decides."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.splits import nearest_sum, split_apart, split_random

PEOPLE, FRAMES = 12, 4
SPLITS = pytest.mark.parametrize("split", [split_random, split_apart])
Split = Callable[..., tuple[Faces, Faces]]


@pytest.fixture(scope="module")
def faces() -> Faces:
    """Row r is a frame of person r % PEOPLE: a picture of noise, the same in all frames."""
    people = np.random.default_rng(0).integers(0, 256, (PEOPLE, 96, 96)).astype(np.uint8)
    images = np.concatenate([people] * FRAMES)
    return Faces(images, np.full((len(images), 15, 2), np.nan, np.float32), np.arange(len(images)))


@SPLITS
@pytest.mark.parametrize("fraction", [0.01, 0.3, 0.99])
def test_each_row_is_on_one_side_in_order(split: Split, faces: Faces, fraction: float) -> None:
    sides = split(faces, fraction, seed=2)
    assert sorted(np.concatenate([side.image_ids for side in sides])) == list(range(len(faces)))
    for side in sides:
        assert len(side) > 0
        assert (np.diff(side.image_ids) > 0).all()
        np.testing.assert_array_equal(side.images, faces.images[side.image_ids])


@SPLITS
def test_the_seed_decides(split: Split, faces: Faces) -> None:
    first, again, other = (split(faces, 0.3, seed=seed)[1].image_ids.tolist() for seed in (4, 4, 5))
    assert first == again
    assert first != other
    assert split(faces, 0.3, seed=np.random.default_rng(4))[1].image_ids.tolist() == first


def test_a_seed_gives_what_it_always_gave(faces: Faces) -> None:
    """Runs that are compared must have been validated on the same faces."""
    assert split_random(faces, 0.1, seed=0)[1].image_ids.tolist() == [2, 4, 18, 21, 43]
    assert split_apart(faces, 0.2, seed=0)[1].image_ids.tolist() == [2, 9, 14, 21, 26, 33, 38, 45]


@pytest.mark.parametrize(("fraction", "size"), [(0.2, 10), (0.001, 1), (0.999, 47), (0.5, 24)])
def test_split_random_has_the_nearest_size(faces: Faces, fraction: float, size: int) -> None:
    assert len(split_random(faces, fraction, seed=3)[1]) == size


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.3, 0.5, 0.99])
def test_no_group_is_on_both_sides(faces: Faces, fraction: float) -> None:
    train, validation = split_apart(faces, fraction, seed=2)
    assert set(train.image_ids % PEOPLE).isdisjoint(validation.image_ids % PEOPLE)
    wanted = min(max(round(fraction * PEOPLE), 1), PEOPLE - 1)
    assert (len(train), len(validation)) == (FRAMES * (PEOPLE - wanted), FRAMES * wanted)


def test_frames_of_one_person_are_split_at_random(faces: Faces) -> None:
    frames = faces.select([0] * 10)
    train, validation = split_apart(frames, 0.3, seed=0)
    assert (len(train), len(validation)) == (7, 3)


@pytest.mark.parametrize("sizes", [[1, 1], [5, 2], [3, 3, 4], [9, 1, 1, 1], [2, 7, 4, 4, 1], [6, 6, 6]])
@pytest.mark.parametrize("wanted", [0.1, 1.6, 4, 6, 8.3, 100])
def test_no_choice_of_sizes_is_nearer(sizes: list[int], wanted: float) -> None:
    is_chosen = nearest_sum(np.array(sizes), wanted)
    choices = [choice for count in range(1, len(sizes)) for choice in itertools.combinations(sizes, count)]
    assert 0 < is_chosen.sum() < len(sizes)
    best = min(abs(sum(choice) - wanted) for choice in choices)
    assert abs(np.array(sizes)[is_chosen].sum() - wanted) == best


def test_early_sizes_are_preferred() -> None:
    assert nearest_sum(np.array([2, 2, 2, 4]), 4).tolist() == [True, True, False, False]


@SPLITS
@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.2, 20, float("nan")])
def test_other_fractions_are_refused(split: Split, faces: Faces, fraction: float) -> None:
    with pytest.raises(ValueError, match=r"split_\w+: got fraction=.*, expected 0 < fraction < 1; "):
        split(faces, fraction, seed=0)


@SPLITS
def test_a_single_face_is_refused(split: Split, faces: Faces) -> None:
    with pytest.raises(ValueError, match=r"split_\w+: got 1 faces, expected at least 2; "):
        split(faces.select([0]), 0.5, seed=0)
