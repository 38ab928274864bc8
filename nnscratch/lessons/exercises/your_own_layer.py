"""Lesson 9: layer normalisation, forward and backward, to be made a layer of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnscratch.lessons.exercise import Arguments, Exercise, Mistake

Array = np.ndarray


def layer_norm(x: Array, weight: Array, bias: Array) -> Array:
    centred = x - x.mean(axis=1, keepdims=True)
    size = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    return weight * centred / size + bias


def _rows(rng: np.random.Generator) -> Iterator[tuple[Array, Array]]:
    for count, width in ((3, 5), (4, 4), (1, 3), (5, 2)):
        yield rng.normal(2, 3, (count, width)), rng.uniform(0.5, 2, width)


def _forward(rng: np.random.Generator) -> Iterator[Arguments]:
    for x, weight in _rows(rng):
        yield x, weight, rng.standard_normal(len(weight))
    yield np.full((2, 3), 4.0), np.ones(3), np.zeros(3)


LAYER_NORM = Exercise(
    layer_norm,
    ("y",),
    _forward,
    (
        Mistake(
            "the mean and the spread run over the rows, separately for each column. Layer normalisation looks at one "
            "row at a time.",
            {"x.mean(axis=1": "x.mean(axis=0", "(centred**2).mean(axis=1": "(centred**2).mean(axis=0"},
        ),
        Mistake("the mean of the row was not taken away.", {"x - x.mean(axis=1, keepdims=True)": "x"}),
        Mistake(
            "you divided by the mean square. Its root is the spread.",
            {"np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)": "(centred**2).mean(axis=1, keepdims=True) "
             "+ 1e-5"},
        ),
        Mistake(
            "the 0.00001 below the root is missing: a row whose numbers are all equal has the spread 0.",
            {" + 1e-5": ""},
        ),
        Mistake(
            "the 0.00001 belongs below the root, with the mean square.",
            {"keepdims=True) + 1e-5)": "keepdims=True)) + 1e-5"},
        ),
        Mistake("the bias is missing: it is added at the end.", {" + bias": ""}),
        Mistake("the weight is missing: it multiplies what was normalised.", {"weight * ": ""}),
    ),
)  # fmt: skip


def layer_norm_backward(x: Array, weight: Array, dy: Array) -> tuple[Array, Array, Array]:
    centred = x - x.mean(axis=1, keepdims=True)
    size = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    z = centred / size
    dz = dy * weight
    by_mean = dz.mean(axis=1, keepdims=True)
    by_size = z * (dz * z).mean(axis=1, keepdims=True)
    dx = (dz - by_mean - by_size) / size
    return dx, (dy * z).sum(axis=0), dy.sum(axis=0)


def _backward(rng: np.random.Generator) -> Iterator[Arguments]:
    for x, weight in _rows(rng):
        yield x, weight, rng.standard_normal(x.shape)


LAYER_NORM_BACKWARD = Exercise(
    layer_norm_backward,
    ("dx", "dweight", "dbias"),
    _backward,
    (
        Mistake(
            "the way through the spread is missing. Each x also changes what its whole row is divided by.",
            {"dz - by_mean - by_size": "dz - by_mean"},
        ),
        Mistake(
            "the way through the mean is missing. Each x also changes what is taken from its whole row.",
            {"dz - by_mean - by_size": "dz - by_size"},
        ),
        Mistake(
            "you took mean and spread as constants: both ways through them are missing.",
            {"dz - by_mean - by_size": "dz"},
        ),
        Mistake("dy meets the weight first: the gradient of z is not dy.", {"dz = dy * weight": "dz = dy"}),
        Mistake("not divided by the spread, which is the slope of z that every way has.", {
            "(dz - by_mean - by_size) / size": "dz - by_mean - by_size"}),
        Mistake("the weight was multiplied by z, not by x: its slope is z.", {"(dy * z).sum": "(dy * x).sum"}),
        Mistake(
            "the mean over the rows: a layer adds the rows up, and the 1/N belongs to the loss.",
            {"(dy * z).sum(axis=0)": "(dy * z).mean(axis=0)"},
        ),
    ),
)  # fmt: skip

EXERCISES = (LAYER_NORM, LAYER_NORM_BACKWARD)
