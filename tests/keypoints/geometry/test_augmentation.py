"""Augmentation: a dot that is drawn at a point is found where the point went."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.kernels.threads import set_threads
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import POINTS, SIDE, to_points, to_targets
from nnscratch.keypoints.geometry.augmentation import Augmentation
from nnscratch.keypoints.geometry.label_offset import LabelOffsets
from nnscratch.keypoints.geometry.mirror import MIRRORED
from nnscratch.training.side_by_side import train_together

EACH: list[dict[str, Any]] = [
    {"flip": 1.0}, {"rotation": 30.0}, {"scale": 0.3}, {"shift": 10.0}, {"stretch": 0.3}, {"bend": 2.0},
    {"contrast": 0.5, "brightness": 0.2},
]  # fmt: skip
ALL = {"flip": 0.5, "rotation": 15.0, "scale": 0.15, "shift": 5.0, "stretch": 0.1, "bend": 1.5, "contrast": 0.3}


def dots(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Dark pictures with one bright dot each, at the one point that they have: (N, 96, 96, 1) and
    (N, 15, 2).
    """
    rng = np.random.default_rng(1)
    points = np.full((count, len(POINTS), 2), np.nan, np.float32)
    which, place = rng.integers(0, len(POINTS), count), rng.uniform(25, 70, (count, 2))
    points[np.arange(count), which] = place
    columns, rows = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    squares = (columns - place[:, 0, None, None]) ** 2 + (rows - place[:, 1, None, None]) ** 2
    return np.exp(-squares / 8)[..., None].astype(np.float32), points


def brightest(x: np.ndarray) -> np.ndarray:
    """(N, 2) px: the middle of what is bright."""
    pictures = x[..., 0].astype(np.float64)
    half = (pictures.max(axis=(1, 2), keepdims=True) + pictures.min(axis=(1, 2), keepdims=True)) / 2
    weight = np.maximum(pictures - half, 0)
    total = weight.sum(axis=(1, 2))
    return np.stack([weight.sum(axis=1) @ np.arange(SIDE) / total, weight.sum(axis=2) @ np.arange(SIDE) / total], 1)


def test_a_call_draws_changes_and_moves_pictures_and_labels_by_them() -> None:
    augmentation = Augmentation(**ALL, offsets=LabelOffsets({}, other=1.5))
    faces = draw_faces(7, seed=0)
    changes = augmentation.draw(7, np.random.default_rng(3))
    assert 0 < changes.flipped.sum() < 7
    np.testing.assert_array_equal(np.linalg.det(changes.affine[:, :, :2]) < 0, changes.flipped)
    _, y = augmentation(faces.x, faces.y, np.random.default_rng(3))
    np.testing.assert_array_equal(augmentation.move_labels(faces.y, changes), y)


@pytest.mark.parametrize("settings", [*EACH, ALL])
def test_points_go_where_the_picture_shows_them(settings: dict[str, Any]) -> None:
    x, points = dots(60)
    new_x, new_y = Augmentation(**settings)(x, to_targets(points), np.random.default_rng(2))
    moved = to_points(new_y)
    known = np.isfinite(moved).all(axis=2)
    assert known.sum(axis=1).tolist() == [1] * 60  # the others are missing as they were
    assert np.abs(brightest(new_x) - moved[known]).max() < 0.25
    if "contrast" not in settings or settings is ALL:
        assert np.abs(moved[known] - points[np.isfinite(points).all(axis=2)]).max() > 1  # something did move
    flipped = known[:, MIRRORED] & np.isfinite(points).all(axis=2)
    as_before = known & np.isfinite(points).all(axis=2)
    assert (flipped | as_before).any(axis=1).all()
    if settings.get("flip") == 1:
        assert flipped.any(axis=1).all()


def test_a_mirrored_face_is_a_face() -> None:
    """Twice is nothing, and once keeps the left eye on the side where left eyes are."""
    faces = draw_faces(8, seed=0, missing=False)
    flip = Augmentation(flip=1.0)
    once_x, once_y = (a.copy() for a in flip(faces.x, faces.y, np.random.default_rng(0)))
    twice_x, twice_y = flip(once_x, once_y, np.random.default_rng(0))
    np.testing.assert_allclose(twice_x, faces.x, atol=1e-5)
    np.testing.assert_allclose(twice_y, faces.y, atol=1e-5)
    left, right = POINTS.index("left_eye_center"), POINTS.index("right_eye_center")
    for y in (faces.y, once_y):
        assert (to_points(y)[:, left, 0] > to_points(y)[:, right, 0]).all()


def test_a_point_that_leaves_the_picture_is_missing() -> None:
    x, points = dots(80)
    _, new_y = Augmentation(shift=60.0)(x, to_targets(points), np.random.default_rng(0))
    moved = to_points(new_y)
    gone = np.isnan(moved).all(axis=(1, 2))
    assert 5 < gone.sum() < 75
    assert np.nanmin(moved) >= 0
    assert np.nanmax(moved) <= SIDE - 1


def test_nothing_asked_is_nothing_done_and_a_blank_patch_is_blank() -> None:
    faces = draw_faces(20, seed=1)
    x, y = Augmentation()(faces.x, faces.y, np.random.default_rng(0))
    np.testing.assert_array_equal(x, faces.x)
    np.testing.assert_allclose(y, faces.y, atol=1e-6)
    x, y = Augmentation(blank=30)(faces.x + 1, faces.y, np.random.default_rng(0))
    assert set((x == 0).sum(axis=(1, 2, 3)).tolist()) == {0, 900}
    np.testing.assert_allclose(y, faces.y, atol=1e-6)


def test_the_same_seed_gives_the_same_bits_on_any_number_of_threads() -> None:
    faces = draw_faces(40, seed=2)
    results = []
    for threads in (1, 2, 3):
        set_threads(threads)
        new_x, new_y = Augmentation(**ALL, noise=0.1, blank=20)(faces.x, faces.y, np.random.default_rng(5))
        results.append((new_x.tobytes(), new_y.tobytes()))
    set_threads(None)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize(
    ("name", "value"),
    [("flip", 1.5), ("rotation", -1.0), ("bend", 10.0), ("shift", np.nan), ("scale", "1"), ("blank", 3.5)],
)
def test_numbers_out_of_range(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"got {name}="):
        Augmentation(**{name: value})


def test_a_trainer_sees_the_new_faces_and_leaves_the_old_ones() -> None:
    faces = draw_faces(30, seed=3)
    x, y = faces.x, faces.y
    kept = x.copy(), y.copy()
    losses = []
    for augment in (None, Augmentation(), Augmentation(flip=1.0)):
        model = nn.Sequential(nn.Flatten(), nn.Dense(9216, 30, weight_init="normal(0.001)", rng=0))
        trainer = nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=1e-4), batch_size=10, augment=augment)
        losses.append(trainer.fit(x, y, epochs=1).columns["loss"][0])
    # What is drawn for the augmentation is drawn from the generator that shuffles: other batches,
    # the same faces.
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    assert losses[2] != losses[1]
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(y, kept[1])


class Picture(nn.Layer):
    """y = x. Before it looks at a batch, it waits for the other training to have its own."""

    def __init__(self, meeting: threading.Barrier) -> None:
        super().__init__()
        self.meeting = meeting
        self.is_bright: bool | None = None

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        if training:
            self.meeting.wait(timeout=60)
            self.is_bright = bool(x.mean() > 1.5)
        return x

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy


class Label(nn.MSELoss):
    """Counts the training batches whose labels are not those of their pictures."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.batches = self.mixed = 0

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        if self.picture.is_bright is not None:
            self.batches += 1
            self.mixed += self.picture.is_bright != bool(np.nanmean(target) > 0.25)
            self.picture.is_bright = None
        return super().forward(prediction, target)


def dark_and_bright(augment: Any) -> list[tuple[nn.Trainer, np.ndarray, np.ndarray]]:
    """Two trainings with one `augment`: pictures of 1 and labels about 0, of 2 and about 0.5."""
    meeting, trainings = threading.Barrier(2), []
    for value, label in ((1, 0.0), (2, 0.5)):
        picture = Picture(meeting)
        model = nn.Sequential(picture, nn.Flatten(), nn.Dense(SIDE * SIDE, 30, weight_init="constant(0)", rng=0))
        trainer = nn.Trainer(
            model, Label(picture), nn.SGD(model, lr=1e-6), batch_size=5, augment=augment, progress=False
        )
        x = np.full((20, SIDE, SIDE, 1), value, np.float32)
        trainings.append((trainer, x, np.full((20, 30), label, np.float32)))
    return trainings


def assert_none_mixed(trainings: list[tuple[nn.Trainer, np.ndarray, np.ndarray]], epochs: int) -> None:
    losses = [trainer.loss for trainer, *_ in trainings]
    assert [(loss.mixed, loss.batches) for loss in losses] == [(0, 4 * epochs)] * 2  # type: ignore[attr-defined]


def test_two_jobs_side_by_side_share_an_augmentation_and_keep_their_own_pictures() -> None:
    set_threads(2)
    trainings = dark_and_bright(Augmentation(rotation=5.0))
    jobs = {str(k): (trainer, x, y, (x[:5], y[:5])) for k, (trainer, x, y) in enumerate(trainings)}
    train_together(jobs, epochs=3)
    set_threads(None)
    assert_none_mixed(trainings, epochs=3)


@pytest.mark.parametrize("threads", [1, 2])
def test_two_trainers_in_threads_share_an_augmentation_and_keep_their_own_pictures(threads: int) -> None:
    """With two threads, each augments in a background thread of its own."""
    augmentation, meeting = Augmentation(rotation=5.0), threading.Barrier(2)

    def augment(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        changed = augmentation(x, y, rng)
        meeting.wait(timeout=60)  # both are changed before either is used
        return changed

    set_threads(threads)
    trainings = dark_and_bright(augment)
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(trainer.fit, x, y, epochs=3) for trainer, x, y in trainings]
    set_threads(None)
    assert [future.result().stopped for future in running] == ["all 3 epochs done"] * 2
    assert_none_mixed(trainings, epochs=3)


def test_a_batch_is_the_callers_own() -> None:
    x, y = np.ones((4, SIDE, SIDE, 1), np.float32), np.zeros((4, 30), np.float32)
    augmentation, rng = Augmentation(), np.random.default_rng(0)
    first, second = augmentation(x, y, rng), augmentation(2 * x, y, rng)
    assert not np.shares_memory(first[0], second[0])
    assert (first[0] == 1).all()


def test_augmentation_flips_about_the_axis_of_the_labels() -> None:
    """Labels 2 px beside the dots that they name lie 2 px beside them, to the same side, in the
    mirror image too.
    """
    x = np.zeros((1, 96, 96, 1), np.float32)
    points = np.full((1, len(POINTS), 2), np.nan, np.float32)
    eye, other = POINTS.index("left_eye_center"), POINTS.index("right_eye_center")
    x[0, 40, 60, 0] = 1
    points[0, eye] = [62, 40]
    augmentation = Augmentation(flip=1, offsets=LabelOffsets({}, other=2.0))
    new_x, new_y = augmentation(x, to_targets(points), np.random.default_rng(0))
    row, column = np.unravel_index(new_x[0, :, :, 0].argmax(), (96, 96))
    np.testing.assert_allclose(to_points(new_y)[0, other], [column + 2, row], atol=1e-4)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((2, 96, 96, 1)), np.zeros((2, 30), np.float32), "got x of dtype float64"),
        (np.zeros((2, 95, 96, 1), np.float32), np.zeros((2, 30), np.float32), r"shape \(2, 95, 96, 1\)"),
        (np.zeros((2, 96, 96), np.float32), np.zeros((2, 30), np.float32), r"shape \(2, 96, 96\)"),
        (np.zeros((2, 96, 96, 1), np.float32), np.zeros((1, 30), np.float32), r"got y of shape \(1, 30\)"),
        (np.zeros((2, 96, 96, 1), np.float32), [0.0], "got y of type list"),
    ],
)
def test_what_the_kernel_cannot_take_is_refused(x: Any, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Augmentation(**ALL)(x, y, np.random.default_rng(0))


def test_pictures_that_are_not_contiguous_are_fine() -> None:
    faces = draw_faces(20, seed=2)
    expected, _ = Augmentation(**ALL)(faces.x, faces.y, np.random.default_rng(5))
    for x in (np.asfortranarray(faces.x), faces.x[::-1][::-1], np.repeat(faces.x, 2, axis=2)[:, :, ::2]):
        np.testing.assert_array_equal(Augmentation(**ALL)(x, faces.y, np.random.default_rng(5))[0], expected)


@pytest.mark.parametrize("rows", [slice(0, 3), slice(2, 7), slice(6, 7)])
def test_some_rows_are_changed_as_with_all_the_others(rows: slice) -> None:
    faces = draw_faces(7, seed=0)
    augmentation = Augmentation(**ALL, noise=0.1, blank=20, offsets=LabelOffsets.of(faces))
    rng, own_rng = np.random.default_rng(3), np.random.default_rng(3)
    x, y = augmentation(faces.x, faces.y, rng)
    only = np.full_like(faces.x, np.nan)  # the other rows are not looked at
    only[rows] = faces.x[rows]
    own_x, own_y = augmentation(only, faces.y, own_rng, rows=rows)
    np.testing.assert_array_equal(own_x, x[rows])
    np.testing.assert_array_equal(own_y, y[rows])
    assert rng.bit_generator.state == own_rng.bit_generator.state
