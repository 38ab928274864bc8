"""Lesson 1: a slope by differences, the squared error, a dense layer by hand, a step downhill."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from nnscratch.lessons.exercise import Arguments, Exercise, Mistake

Array = np.ndarray


def slope(f: Callable[[float], float], w: float, step: float) -> float:
    right, left = f(w + step), f(w - step)
    return (right - left) / (2 * step)


def _curves(rng: np.random.Generator) -> Iterator[Arguments]:
    def parabola(w: float) -> float:
        return w**2

    def cubic(w: float) -> float:
        return w**3 - 2 * w

    for f in (parabola, cubic, np.sin):
        for step in (0.1, 0.01):
            yield f, float(rng.uniform(1, 2)), step


SLOPE = Exercise(
    slope,
    ("slope",),
    _curves,
    (
        Mistake(
            "you look to the right only. That is the slope of a line from w to w + step; step to both sides, and what "
            "is bent cancels out.",
            {"f(w - step)": "f(w)", "(2 * step)": "step"},
        ),
        Mistake(
            "you look to the left only. That is the slope of a line from w - step to w; step to both sides, and what "
            "is bent cancels out.",
            {"f(w + step)": "f(w)", "(2 * step)": "step"},
        ),
        Mistake(
            "twice as large as it should be: from w - step to w + step the way is 2 steps long.",
            {"(2 * step)": "step"},
        ),
        Mistake(
            "this is how much f changes, not how much per unit of w: divide by the way between the two points.",
            {"(right - left) / (2 * step)": "right - left"},
        ),
        Mistake(
            "multiplied before the division ends: a / 2 * b means (a / 2) * b. Put brackets around 2 * step.",
            {"(2 * step)": "2 * step"},
        ),
        Mistake(
            "the sign is wrong: take the value on the left from the value on the right.",
            {"right - left": "left - right"},
        ),
    ),
)


def mse_loss(prediction: Array, target: Array) -> float:
    error = prediction - target
    return (error**2).sum() / error.size


def _pairs(rng: np.random.Generator) -> Iterator[Arguments]:
    for shape in ((3, 2), (4, 4), (1, 5), (6, 1)):
        yield rng.standard_normal(shape), rng.standard_normal(shape)


MSE_LOSS = Exercise(
    mse_loss,
    ("loss",),
    _pairs,
    (
        Mistake(
            "you added the squares up and did not divide: it must be their mean, or the loss grows with the number of "
            "rows.",
            {" / error.size": ""},
        ),
        Mistake(
            "you divided by the number of rows alone. There are rows times columns squares: divide by all of them.",
            {"error.size": "len(error)"},
        ),
        Mistake("you took the size of each error in place of its square.", {"error**2": "abs(error)"}),
        Mistake(
            "you took the square root at the end: that is the RMSE, not the MSE.",
            {"(error**2).sum() / error.size": "((error**2).sum() / error.size) ** 0.5"},
        ),
        Mistake(
            "you added up first and squared then: errors of opposite sign cancel. Square each one.",
            {"(error**2).sum() / error.size": "error.mean() ** 2"},
        ),
        Mistake(
            "half of what it should be: some books put 1/2 before the sum, this lesson does not.",
            {"error.size": "(2 * error.size)"},
        ),
    ),
)


def mse_gradient(prediction: Array, target: Array) -> Array:
    error = prediction - target
    return 2 * error / error.size


MSE_GRADIENT = Exercise(
    mse_gradient,
    ("dprediction",),
    _pairs,
    (
        Mistake(
            "the sign is wrong: where the prediction is too large, the loss grows with it, and the slope is positive.",
            {"prediction - target": "target - prediction"},
        ),
        Mistake("you forgot the 2: the slope of e squared is 2 e.", {"2 * error": "error"}),
        Mistake(
            "you forgot to divide by the number of values: the loss is a mean, and its slope has the same 1/M.",
            {" / error.size": ""},
        ),
        Mistake(
            "you divided by the number of rows alone; the mean runs over rows and columns.",
            {"error.size": "len(error)"},
        ),
        Mistake("you divided by the number of values twice.", {"error.size": "error.size**2"}),
    ),
)


def dense_forward(x: Array, weight: Array, bias: Array) -> Array:
    return x @ weight + bias


def _sizes(rng: np.random.Generator) -> Iterator[tuple[int, int, int]]:
    yield from ((3, 2, 4), (4, 4, 4), (1, 3, 2), (5, 1, 1))


def _forward_arguments(rng: np.random.Generator) -> Iterator[Arguments]:
    for n, n_in, n_out in _sizes(rng):
        yield rng.standard_normal((n, n_in)), rng.standard_normal((n_in, n_out)), rng.standard_normal(n_out)


DENSE_FORWARD = Exercise(
    dense_forward,
    ("y",),
    _forward_arguments,
    (
        Mistake("you forgot the bias.", {" + bias": ""}),
        Mistake(
            "your weight is the transpose of what it should be: weight[i, o] leads from input i to output o, so x "
            "stands before it as it is.",
            {"x @ weight": "x @ weight.T"},
        ),
        Mistake(
            "you multiplied number by number (*); a weighted sum is a matrix product (@).", {"x @ weight": "x * weight"}
        ),
        Mistake("you took the bias away in place of adding it.", {"+ bias": "- bias"}),
    ),
)


def dense_backward(x: Array, weight: Array, dy: Array) -> tuple[Array, Array, Array]:
    dx = dy @ weight.T
    dweight = x.T @ dy
    dbias = dy.sum(axis=0)
    return dx, dweight, dbias


def _backward_arguments(rng: np.random.Generator) -> Iterator[Arguments]:
    for n, n_in, n_out in _sizes(rng):
        yield rng.standard_normal((n, n_in)), rng.standard_normal((n_in, n_out)), rng.standard_normal((n, n_out))


DENSE_BACKWARD = Exercise(
    dense_backward,
    ("dx", "dweight", "dbias"),
    _backward_arguments,
    (
        Mistake(
            "your dweight is the transpose: it must have the shape of weight, (n_in, n_out).",
            {"x.T @ dy": "dy.T @ x"},
        ),
        Mistake(
            "you forgot to transpose the weight: dx goes the way back, from outputs to inputs.",
            {"weight.T": "weight"},
        ),
        Mistake(
            "you forgot to transpose x: the sum runs over the rows n, so n must be the inner axis of the product.",
            {"x.T @ dy": "x @ dy"},
        ),
        Mistake(
            "you divided dweight by N. Each row adds its part; the division by N stands in the loss, once.",
            {"x.T @ dy": "x.T @ dy / len(x)"},
        ),
        Mistake(
            "you took the mean over the rows. Each row adds its part; the division by N stands in the loss, once.",
            {"dy.sum(axis=0)": "dy.mean(axis=0)"},
        ),
        Mistake(
            "you summed dy over the outputs. Each output has a bias of its own; sum over the rows, axis 0.",
            {"dy.sum(axis=0)": "dy.sum(axis=1)"},
        ),
        Mistake(
            "you summed dy over everything; keep one number for each output.",
            {"dy.sum(axis=0)": "dy.sum()"},
        ),
        Mistake(
            "that is dy itself: one bias feeds every row, so the rows' gradients add up.",
            {"dy.sum(axis=0)": "dy"},
        ),
        Mistake(
            "dx is computed from x, not from dy: the slope of y at x does not depend on x here.",
            {"dy @ weight.T": "x @ weight @ weight.T"},
        ),
    ),
)


def descend(weight: Array, dweight: Array, learning_rate: float) -> Array:
    return weight - learning_rate * dweight


def _steps(rng: np.random.Generator) -> Iterator[Arguments]:
    for shape in ((2, 3), (4, 4), (1, 1)):
        yield rng.standard_normal(shape), rng.standard_normal(shape), float(rng.uniform(0.01, 0.5))


DESCEND = Exercise(
    descend,
    ("weight",),
    _steps,
    (
        Mistake(
            "you step uphill: the gradient points to where the loss grows. Go against it.",
            {"weight - ": "weight + "},
        ),
        Mistake("you forgot the learning rate.", {"learning_rate * ": ""}),
        Mistake("you return the step alone, not the weight after it.", {"weight - ": "-"}),
        Mistake(
            "the numbers are right, but you changed the caller's array (-= writes into it). Return a new one.",
            {"return weight - learning_rate * dweight": "weight -= learning_rate * dweight\n    return weight"},
        ),
    ),
)

EXERCISES = (SLOPE, MSE_LOSS, MSE_GRADIENT, DENSE_FORWARD, DENSE_BACKWARD, DESCEND)
