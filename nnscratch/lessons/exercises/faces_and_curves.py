"""Lesson 7: the error in pixels, the batches of an epoch, a mirrored face, the best epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from nnscratch.lessons.exercise import Arguments, Exercise, Mistake

Array = np.ndarray


def rmse_px(predicted: Array, true: Array) -> float:
    error = predicted - true
    return (error**2).mean() ** 0.5


def _points(rng: np.random.Generator) -> Iterator[Arguments]:
    for shape in ((3, 4, 2), (2, 2, 2), (1, 3, 2)):
        true = rng.uniform(0, 96, shape)
        yield true + rng.standard_normal(shape), true
    true = rng.uniform(0, 96, (4, 3, 2))
    yield rng.uniform(0, 96, (3, 2)), true


RMSE_PX = Exercise(
    rmse_px,
    ("rmse",),
    _points,
    (
        Mistake(
            "the root is missing. This is in square pixels; its root is in pixels.",
            {"(error**2).mean() ** 0.5": "(error**2).mean()"},
        ),
        Mistake(
            "you took the mean size of the errors. RMSE squares first, so that large errors count more.",
            {"(error**2).mean() ** 0.5": "abs(error).mean()"},
        ),
        Mistake(
            "you took the distance of each point, x and y together. Here each coordinate counts by itself.",
            {"(error**2).mean() ** 0.5": "(error**2).sum(axis=-1).mean() ** 0.5"},
        ),
        Mistake(
            "you took the mean first and squared then: errors of opposite sign cancel.",
            {"(error**2).mean() ** 0.5": "(error.mean() ** 2) ** 0.5"},
        ),
        Mistake(
            "you took the root of a sum: divide by the number of coordinates before the root.",
            {"(error**2).mean() ** 0.5": "(error**2).sum() ** 0.5"},
        ),
    ),
)


def batches(order: Array, size: int) -> list[Array]:
    return [order[start : start + size] for start in range(0, len(order), size)]


def _each_batch(answer: Callable[..., list[Array] | None], order: Array, size: int) -> Array | None:
    """(batches, size): a row for each batch, -1 behind a short one."""
    parts = answer(order, size)
    if parts is None:
        return None
    rows = np.full((len(parts), size), -1.0)
    for row, part in zip(rows, parts, strict=True):
        row[: len(part)] = part[:size]
    return rows


def _orders(rng: np.random.Generator) -> Iterator[Arguments]:
    for count, size in ((9, 4), (9, 3), (1, 4), (4, 1), (3, 5)):
        yield rng.permutation(count), size


BATCHES = Exercise(
    batches,
    ("batches",),
    _orders,
    (
        Mistake(
            "the last batch is lost if it is not full: its faces would miss this epoch. A short batch is a batch.",
            {"range(0, len(order), size)": "range(0, len(order) - size + 1, size)"},
        ),
        Mistake(
            "the batches overlap: the next one must begin where the last one ended, `size` further on.",
            {"range(0, len(order), size)": "range(0, len(order))"},
        ),
        Mistake(
            "every batch holds the same faces, the first ones: let each begin at its own place.",
            {"start : start + size": ":size"},
        ),
        Mistake(
            "you took rows 0, 1, 2, ... in their own order: take them as `order` gives them, or nothing is shuffled.",
            {"order[start : start + size]": "np.arange(len(order))[start : start + size]"},
        ),
        Mistake("each batch is one face short.", {"start : start + size": "start : start + size - 1"}),
    ),
    _each_batch,
)


def mirror_face(image: Array, points: Array, other: list[int]) -> tuple[Array, Array]:
    mirror_image = image[:, ::-1]
    mirror_points = points[other].copy()
    mirror_points[:, 0] = image.shape[1] - 1 - mirror_points[:, 0]
    return mirror_image, mirror_points


def _faces(rng: np.random.Generator) -> Iterator[Arguments]:
    for height, width, other in ((4, 6, [1, 0, 2]), (5, 5, [2, 1, 0, 3]), (2, 3, [1, 0])):
        yield rng.random((height, width)), rng.uniform(0, width, (len(other), 2)), other


MIRROR_FACE = Exercise(
    mirror_face,
    ("image", "points"),
    _faces,
    (
        Mistake(
            "the left points must become right ones. In the mirror a left eye looks like a right eye, so the points "
            "change their places in the list, too.",
            {"points[other]": "points"},
        ),
        Mistake(
            "one pixel too far to the right. Columns count from 0, so the last one is the width less 1.",
            {"image.shape[1] - 1 - ": "image.shape[1] - "},
        ),
        Mistake(
            "the points changed places in the list, but x is as before. Left and right is also where they lie.",
            {"image.shape[1] - 1 - mirror_points[:, 0]": "mirror_points[:, 0]"},
        ),
        Mistake(
            "x is right if it becomes the width less 1 less x; you took the height.",
            {"image.shape[1]": "image.shape[0]"},
        ),
        Mistake(
            "x is on the other side of 0, so it is negative: count from the other border of the picture.",
            {"image.shape[1] - 1 - ": "-"},
        ),
        Mistake(
            "the picture is upside down: its first axis is the rows, from top to bottom. Turn the columns round.",
            {"image[:, ::-1]": "image[::-1]"},
        ),
        Mistake(
            "the picture is as before, and only its points are mirrored: they no longer lie on the face.",
            {"image[:, ::-1]": "image"},
        ),
        Mistake(
            "you wrote into the caller's points. They are needed for the next epoch: work on a copy.",
            {"points[other].copy()": "points", "mirror_points[:, 0] = ": "mirror_points[:] = points[other]\n    "
             "mirror_points[:, 0] = "},
        ),
    ),
)  # fmt: skip


def best_epoch(validation: Array) -> int:
    return int(np.argmin(validation)) + 1


def _errors(rng: np.random.Generator) -> Iterator[Arguments]:
    yield (np.array([4.0, 3.0, 2.5, 2.0, 2.2, 2.9]),)
    yield (np.array([4.0, 2.0, 3.0, 1.5, 1.8]),)
    for count in (7, 12):
        yield (rng.random(count),)
    yield (np.array([3.0]),)


BEST_EPOCH = Exercise(
    best_epoch,
    ("epoch",),
    _errors,
    (
        Mistake(
            "one too small: NumPy counts from 0, the epochs from 1.",
            {"int(np.argmin(validation)) + 1": "int(np.argmin(validation))"},
        ),
        Mistake("this is the worst epoch: look for the smallest error.", {"np.argmin": "np.argmax"}),
        Mistake(
            "this is the last epoch. The error may have been smaller before.",
            {"int(np.argmin(validation)) + 1": "len(validation)"},
        ),
        Mistake(
            "this is the error of the best epoch, expected its number.",
            {"int(np.argmin(validation)) + 1": "validation.min()"},
        ),
        Mistake(
            "you stopped at the first rise. A curve trembles, and may fall lower later on: look at all of it.",
            {"int(np.argmin(validation)) + 1": "int(np.argmax(np.append(np.diff(validation), 1) > 0)) + 1"},
        ),
    ),
)

EXERCISES = (RMSE_PX, BATCHES, BEST_EPOCH, MIRROR_FACE)
