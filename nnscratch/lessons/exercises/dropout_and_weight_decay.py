"""Lesson 5: dropout, the noise that it makes of a constant, and weight decay."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnscratch.lessons.exercise import Arguments, Exercise, Mistake

Array = np.ndarray


def dropout_mask(p: float, uniform: Array) -> Array:
    return (uniform >= p) / (1 - p)


def _drawn(rng: np.random.Generator) -> Iterator[Arguments]:
    for shape, p in (((3, 5), 0.5), ((4, 4), 0.2), ((1, 6), 0.75), ((6, 2), 0.0)):
        yield p, rng.random(shape)


DROPOUT_MASK = Exercise(
    dropout_mask,
    ("mask",),
    _drawn,
    (
        Mistake(
            "the mask is only 0 and 1, so x * mask is smaller on average than x. Make up for what is dropped: "
            "divide by the share that is kept.",
            {" / (1 - p)": " * 1.0"},
        ),
        Mistake(
            "you divided by the share that is dropped, p. What is kept has the share 1 - p.",
            {"(uniform >= p) / (1 - p)": "(uniform >= p) / p if p else (uniform >= p) * 1.0"},
        ),
        Mistake(
            "you kept what should be dropped. A number is dropped with probability p: where uniform is below p.",
            {"uniform >= p": "uniform < p"},
        ),
        Mistake(
            "a number is kept with probability 1 - p; you compared with 1 - p, so it is kept with probability p.",
            {"uniform >= p": "uniform >= 1 - p"},
        ),
        Mistake(
            "you multiplied by 1 - p while training. That belongs to the old form of dropout, outside of training.",
            {"/ (1 - p)": "* (1 - p)"},
        ),
    ),
)


def dropout_backward(dy: Array, mask: Array) -> Array:
    return dy * mask


def _masks(rng: np.random.Generator) -> Iterator[Arguments]:
    for shape, p in (((3, 5), 0.5), ((4, 4), 0.2), ((1, 6), 0.75)):
        yield rng.standard_normal(shape), (rng.random(shape) >= p) / (1 - p)


DROPOUT_BACKWARD = Exercise(
    dropout_backward,
    ("dx",),
    _masks,
    (
        Mistake("you forgot the mask: what was dropped did not change the loss.", {"dy * mask": "dy.copy()"}),
        Mistake(
            "you dropped the right ones, and forgot the scale: the slope of y = x * mask is the mask itself.",
            {"dy * mask": "dy * (mask > 0)"},
        ),
        Mistake(
            "the other way round: a gradient goes back where the mask is not 0.", {"dy * mask": "dy * (mask == 0)"}
        ),
        Mistake("that is the mask alone: the chain rule multiplies it by dy.", {"dy * mask": "mask.copy()"}),
        Mistake("you multiplied by the mask twice.", {"dy * mask": "dy * mask * mask"}),
    ),
)


def dropout_noise(h: Array, weight: Array, p: float) -> Array:
    return np.sqrt(p / (1 - p) * h**2 @ weight**2)


def _hidden(rng: np.random.Generator) -> Iterator[Arguments]:
    for n, units, n_out, p in ((3, 5, 2, 0.2), (4, 4, 4, 0.75), (1, 6, 3, 0.4), (5, 3, 1, 0.6)):
        yield rng.standard_normal((n, units)), rng.standard_normal((units, n_out)), p


DROPOUT_NOISE = Exercise(
    dropout_noise,
    ("noise",),
    _hidden,
    (
        Mistake("that is the variance. Take its root: the noise has the unit of y.", {"np.sqrt(": "("}),
        Mistake("you took p for the variance of the mask. It is p / (1 - p).", {"p / (1 - p)": "p"}),
        Mistake(
            "that is the variance of a mask of 0 and 1, p (1 - p). This one is scaled.", {"p / (1 - p)": "p * (1 - p)"}
        ),
        Mistake("the variance of the mask is upside down.", {"p / (1 - p)": "(1 - p) / p"}),
        Mistake(
            "you added up first and squared then. Each unit is dropped by itself, so its own square counts.",
            {"h**2 @ weight**2": "(h @ weight) ** 2"},
        ),
        Mistake("you squared h, but not the weight.", {"weight**2": "abs(weight)"}),
        Mistake("you squared the weight, but not h.", {"h**2": "abs(h)"}),
    ),
)


def noise_gradient(h: Array, weight: Array, p: float) -> Array:
    return p / (1 - p) * 2 * h * (weight**2).sum(axis=1) / (len(h) * weight.shape[1])


NOISE_GRADIENT = Exercise(
    noise_gradient,
    ("dh",),
    _hidden,
    (
        Mistake("you forgot the 2: the slope of h squared is 2 h.", {"* 2 * h": "* h"}),
        Mistake(
            "h is missing. The slope of h squared is 2 h: a unit far from 0 is pushed hardest.",
            {"2 * h": "2 * np.ones(h.shape)"},
        ),
        Mistake("you forgot the mean over the rows and the outputs.", {" / (len(h) * weight.shape[1])": ""}),
        Mistake("you took the mean over the rows, and not over the outputs.", {"(len(h) * weight.shape[1])": "len(h)"}),
        Mistake(
            "you took the mean over the outputs, and not over the rows.",
            {"(len(h) * weight.shape[1])": "weight.shape[1]"},
        ),
        Mistake(
            "you added the weights up before you squared. Each output has its own noise.",
            {"(weight**2).sum(axis=1)": "weight.sum(axis=1) ** 2"},
        ),
        Mistake("the sign is wrong: more of a unit makes more noise.", {"p / (1 - p)": "-p / (1 - p)"}),
    ),
)


def decayed_step(weight: Array, dweight: Array, learning_rate: float, decay: float) -> Array:
    return weight - learning_rate * (dweight + decay * weight)


def _steps(rng: np.random.Generator) -> Iterator[Arguments]:
    for shape in ((2, 3), (4, 4), (1, 1)):
        rate, decay = rng.uniform(0.05, 0.5, 2)
        yield rng.standard_normal(shape), rng.standard_normal(shape), float(rate), float(decay)


DECAYED_STEP = Exercise(
    decayed_step,
    ("weight",),
    _steps,
    (
        Mistake("the decay lets the weight grow: it must pull towards 0.", {"+ decay": "- decay"}),
        Mistake("you forgot the decay.", {"(dweight + decay * weight)": "dweight"}),
        Mistake(
            "the decay is not multiplied by the learning rate. It is a part of the gradient like any other.",
            {"learning_rate * (dweight + decay * weight)": "learning_rate * dweight - decay * weight"},
        ),
        Mistake(
            "you decayed by the same amount whatever the weight. The pull is as large as the weight itself.",
            {"decay * weight": "decay * np.sign(weight)"},
        ),
        Mistake(
            "you shrank the weight after the step, so the step was shrunk too. Both pulls act on the old weight.",
            {
                "weight - learning_rate * (dweight + decay * weight)": "(weight - learning_rate * dweight) * (1 - "
                "learning_rate * decay)"
            },
        ),
        Mistake("you step uphill: go against the gradient.", {"weight - ": "weight + "}),
        Mistake(
            "the numbers are right, but you changed the caller's array (-= writes into it). Return a new one.",
            {
                "return weight - learning_rate * (dweight + decay * weight)": "weight -= learning_rate * (dweight + "
                "decay * weight)\n    return weight"
            },
        ),
    ),
)

EXERCISES = (DROPOUT_MASK, DROPOUT_BACKWARD, DROPOUT_NOISE, NOISE_GRADIENT, DECAYED_STEP)
