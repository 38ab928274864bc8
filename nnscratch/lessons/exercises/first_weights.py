"""Lesson 4: the spread of a layer's outputs, weights that keep it, and bends that saturate."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnscratch.lessons.exercise import Arguments, Exercise, Mistake

Array = np.ndarray


def spread(y: Array) -> float:
    return np.sqrt(y.var(axis=0).mean())


def _outputs(rng: np.random.Generator) -> Iterator[Arguments]:
    for n, units in ((6, 3), (4, 4), (5, 1), (2, 7)):
        # Units around different means, so that these must not be counted.
        yield (rng.normal(rng.normal(0, 3, units), rng.uniform(0.2, 2, units), (n, units)),)
    yield (np.tile(rng.integers(-5, 6, 3).astype(float), (4, 1)),)  # the same for every row


SPREAD = Exercise(
    spread,
    ("spread",),
    _outputs,
    (
        Mistake(
            "you took all numbers together, so the differences between the units count too. Ask of each unit alone how "
            "it varies over the rows.",
            {"y.var(axis=0).mean()": "y.var()"},
        ),
        Mistake(
            "you looked at how the units of one row differ. What counts is how one unit differs from row to row: "
            "rows are axis 0.",
            {"axis=0": "axis=1"},
        ),
        Mistake(
            "that is the variance. The spread has the unit of y itself: take the root at the end.",
            {"np.sqrt(y.var(axis=0).mean())": "y.var(axis=0).mean()"},
        ),
        Mistake(
            "you averaged the standard deviations. Average their squares, and take the root after that.",
            {"np.sqrt(y.var(axis=0).mean())": "y.std(axis=0).mean()"},
        ),
        Mistake(
            "you did not take each unit's mean away, so a constant counts as if it told the rows apart.",
            {"y.var(axis=0).mean()": "(y**2).mean()"},
        ),
        Mistake(
            "you added the variances up over the units: a wider layer must not have a larger spread.",
            {".mean()": ".sum()"},
        ),
    ),
)


def first_weights(n_in: int, n_out: int, gain: float, rng: np.random.Generator) -> Array:
    return rng.standard_normal((n_in, n_out)) * gain / np.sqrt(n_in)


def _sizes(rng: np.random.Generator) -> Iterator[Arguments]:
    for n_in, n_out, gain in ((6, 3, 1.0), (4, 4, 2.0), (3, 8, 1.5), (1, 2, 0.5)):
        yield n_in, n_out, gain, np.random.default_rng(rng.integers(1000))


FIRST_WEIGHTS = Exercise(
    first_weights,
    ("weight",),
    _sizes,
    (
        Mistake(
            "you divided by the number of inputs itself. The sum's standard deviation grows with its root only: "
            "some products cancel.",
            {"np.sqrt(n_in)": "n_in"},
        ),
        Mistake(
            "you counted the outputs. Each output is a sum over the inputs: their number makes it large.",
            {"np.sqrt(n_in)": "np.sqrt(n_out)"},
        ),
        Mistake("you forgot the gain.", {" * gain": ""}),
        Mistake(
            "the numbers are not divided at all: with more inputs the sums would become larger and larger.",
            {" / np.sqrt(n_in)": ""},
        ),
        Mistake(
            "you multiplied by the root in place of dividing: many inputs need small weights.",
            {"/ np.sqrt": "* np.sqrt"},
        ),
        Mistake(
            "the root was taken of the gain too. The gain multiplies the standard deviation as it is.",
            {"gain / np.sqrt(n_in)": "np.sqrt(gain / n_in)"},
        ),
    ),
)


def tanh_backward(y: Array, dy: Array) -> Array:
    return dy * (1 - y**2)


def _after_tanh(rng: np.random.Generator) -> Iterator[Arguments]:
    for shape in ((3, 4), (4, 4), (1, 6)):
        yield np.tanh(rng.normal(0, 1.5, shape)), rng.standard_normal(shape)


TANH_BACKWARD = Exercise(
    tanh_backward,
    ("dx",),
    _after_tanh,
    (
        Mistake(
            "you took the tanh of y once more. What arrives is y, what came out, not x.",
            {"y**2": "np.tanh(y) ** 2"},
        ),
        Mistake("you forgot the square of y.", {"y**2": "y"}),
        Mistake("that is the slope alone: the chain rule multiplies it by dy.", {"dy * (1 - y**2)": "1 - y**2"}),
        Mistake(
            "that is the slope of the sigmoid. The slope of tanh at 0, where y = 0, is 1.",
            {"(1 - y**2)": "y * (1 - y)"},
        ),
        Mistake("you divided by the slope: the chain rule multiplies.", {"dy * ": "dy / "}),
    ),
)


def sigmoid_backward(y: Array, dy: Array) -> Array:
    return dy * y * (1 - y)


def _after_sigmoid(rng: np.random.Generator) -> Iterator[Arguments]:
    for shape in ((3, 4), (4, 4), (1, 6)):
        yield 1 / (1 + np.exp(-rng.normal(0, 2, shape))), rng.standard_normal(shape)


SIGMOID_BACKWARD = Exercise(
    sigmoid_backward,
    ("dx",),
    _after_sigmoid,
    (
        Mistake(
            "you put y through the sigmoid once more. What arrives is y, what came out, not x.",
            {"return dy * y": "y = 1 / (1 + np.exp(-y))\n    return dy * y"},
        ),
        Mistake("half of the product is missing: y is there, 1 - y is not.", {" * (1 - y)": ""}),
        Mistake("half of the product is missing: 1 - y is there, y is not.", {"dy * y * ": "dy * "}),
        Mistake("that is the slope alone: the chain rule multiplies it by dy.", {"dy * y": "y"}),
        Mistake("that is the slope of tanh. The sigmoid's is 1/4 at most.", {"y * (1 - y)": "(1 - y**2)"}),
    ),
)

EXERCISES = (SPREAD, FIRST_WEIGHTS, TANH_BACKWARD, SIGMOID_BACKWARD)
