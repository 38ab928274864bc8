"""Lesson 3: the gradient's way through ReLU and max pooling, and units that no gradient reaches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnscratch.lessons.exercise import Arguments, Exercise, Mistake

Array = np.ndarray


def relu_backward(x: Array, dy: Array) -> Array:
    return np.where(x > 0, dy, 0.0)


def _signs(rng: np.random.Generator) -> Iterator[Arguments]:
    for shape in ((3, 4), (4, 4), (1, 6), (2, 3, 3, 2)):
        x = rng.standard_normal(shape)
        x.ravel()[0] = 0.0  # the kink
        yield x, rng.standard_normal(shape)


RELU_BACKWARD = Exercise(
    relu_backward,
    ("dx",),
    _signs,
    (
        Mistake(
            "at x = 0 exactly the gradient passes. Any slope from 0 to 1 would do there, but 0 is customary: x > 0.",
            {"x > 0": "x >= 0"},
        ),
        Mistake(
            "multiplied by x itself. The slope of max(x, 0) is 1 where x > 0, not x.",
            {"np.where(x > 0, dy, 0.0)": "dy * x"},
        ),
        Mistake(
            "multiplied by y. The slope of max(x, 0) is 1 where x > 0, not x.",
            {"np.where(x > 0, dy, 0.0)": "dy * np.maximum(x, 0)"},
        ),
        Mistake(
            "you cut off negative gradients. It is the sign of x that decides; a gradient may be negative.",
            {"np.where(x > 0, dy, 0.0)": "np.maximum(dy, 0)"},
        ),
        Mistake(
            "that is the slope alone: dy is missing. The chain rule multiplies the two.",
            {"dy, 0.0": "1.0, 0.0"},
        ),
        Mistake("the mask is the wrong way round: the gradient passes where x was positive.", {"x > 0": "x < 0"}),
        Mistake(
            "everything passes: where x was negative y did not move, so no gradient goes back.",
            {"np.where(x > 0, dy, 0.0)": "dy.copy()"},
        ),
        Mistake(
            "the numbers are right, but you wrote them into the caller's dy. Make a new array.",
            {"return np.where(x > 0, dy, 0.0)": "dy[x <= 0] = 0\n    return dy"},
        ),
    ),
)


def max_pool_backward(x: Array, dy: Array, size: int) -> Array:
    dx = np.zeros(x.shape)
    for h, w in np.ndindex(*dy.shape):
        top, left = h * size, w * size
        window = x[top : top + size, left : left + size]
        row, column = divmod(int(window.argmax()), size)
        dx[top + row, left + column] = dy[h, w]
    return dx


def _windows(rng: np.random.Generator) -> Iterator[Arguments]:
    for height, width, size in ((4, 6, 2), (4, 4, 2), (7, 6, 3), (5, 5, 2)):
        yield rng.standard_normal((height, width)), rng.standard_normal((height // size, width // size)), size
    ties = np.array([[0.0, 0.0, 2.0, 1.0], [0.0, 0.0, 2.0, 2.0], [-1.0, -3.0, 1.0, 4.0], [-2.0, -1.0, 4.0, 0.0]])
    yield ties, rng.standard_normal((2, 2)), 2


MAX_POOL_BACKWARD = Exercise(
    max_pool_backward,
    ("dx",),
    _windows,
    (
        Mistake(
            "on a tie every largest number gets the gradient. Give it to one, the first in reading order, or the "
            "window hands out more than it got.",
            {"divmod(int(window.argmax()), size)": "np.nonzero(window == window.max())"},
        ),
        Mistake(
            "on a tie the last of the largest numbers gets the gradient; the first in reading order is the rule here.",
            {"divmod(int(window.argmax()), size)": "np.argwhere(window == window.max())[-1]"},
        ),
        Mistake(
            "every number of the window gets the whole gradient; only the largest one moved y.",
            {"divmod(int(window.argmax()), size)": "np.indices(window.shape)"},
        ),
        Mistake(
            "the gradient is shared out evenly: that is average pooling. Here the largest number takes it all.",
            {
                "divmod(int(window.argmax()), size)": "np.indices(window.shape)",
                "= dy[h, w]": "= dy[h, w] / size**2",
            },
        ),
        Mistake(
            "the gradient goes to the top left of each window, whoever was the largest.",
            {"dx[top + row, left + column]": "dx[top, left]"},
        ),
        Mistake(
            "row and column of the winner are exchanged.",
            {"dx[top + row, left + column]": "dx[top + column, left + row]"},
        ),
        Mistake(
            "the number farthest from 0 wins; it must be the largest, so -3 loses against 1.",
            {"window.argmax()": "abs(window).argmax()"},
        ),
        Mistake(
            "you gave back the largest numbers themselves; it is their dy that goes back.",
            {"= dy[h, w]": "= window.max()"},
        ),
        Mistake(
            "the gradient is multiplied by the number that won. The slope of a maximum is 1.",
            {"= dy[h, w]": "= dy[h, w] * window.max()"},
        ),
    ),
)


def silent_units(y: Array) -> Array:
    return (y == 0).all(axis=0)


def _after_relu(rng: np.random.Generator) -> Iterator[Arguments]:
    for rows, units in ((6, 4), (5, 5), (1, 3), (4, 1)):
        y = np.maximum(rng.standard_normal((rows, units)), 0)
        y[0, :] += 0.5
        y[:, units // 2] = 0
        yield (y,)


SILENT_UNITS = Exercise(
    silent_units,
    ("silent",),
    _after_relu,
    (
        Mistake(
            "that finds units that are 0 for some row. A silent one is 0 for all of them.",
            {".all(axis=0)": ".any(axis=0)"},
        ),
        Mistake(
            "that asks each row whether all units are off. Ask each unit, a column, over all rows: axis 0.",
            {"axis=0": "axis=1"},
        ),
        Mistake("that finds the units that are on for every row.", {"y == 0": "y > 0"}),
        Mistake(
            "that is the other way round: True where a unit is on for some row.",
            {"(y == 0).all(axis=0)": "(y > 0).any(axis=0)"},
        ),
        Mistake("that is one answer for the whole layer; give one for each unit.", {"axis=0": ""}),
    ),
)

EXERCISES = (RELU_BACKWARD, SILENT_UNITS, MAX_POOL_BACKWARD)
