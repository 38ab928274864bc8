"""Initializers: the first values of weights and biases.

The size of the weights decides whether a signal survives a deep network. A layer's output is a sum
of `fan_in` products. With zero-mean, independent weights of variance v and inputs of mean square s,
that sum has variance fan_in * v * s. With v = 1/fan_in a signal keeps its size from layer to layer;
with a much smaller v it shrinks by the same factor in every layer, until only the biases are left.

    fan_in  : number of inputs that one output reads:  n_in  for Dense, k_h*k_w*c_in  for Conv2D
    fan_out : number of outputs that one input feeds:  n_out for Dense, k_h*k_w*c_out for Conv2D

The layer behind changes the signal too, and the weights have to make up for it:

    none, Tanh        v = 1/fan_in: tanh leaves small numbers as they are. glorot_normal or
                      glorot_uniform
    ReLU, LeakyReLU   v = 2/fan_in: half of the signal is cut off. he_normal or he_uniform
                      (exactly 2 / (1 + negative_slope^2) / fan_in, at a slope of 0.01 the same)
    Sigmoid           v = 16/fan_in: its slope is 1/4 at most. No initializer here is made for it;
                      normal(4 / sqrt(fan_in)) is right, for fan_in = 256 normal(0.25)

Dense and Conv2D take an initializer or its name. The default for weights is glorot_uniform: in
networks whose input is not centred, such as pixels, it starts smaller than he_normal and is the
safer of the two at a high learning rate.

The classes have lower-case names because one reads them as functions: normal(0.01). Each is a
frozen dataclass, so that it can be compared, and printed as the call that makes it; saved models
hold that text.

>>> import nnscratch as nn
>>> layer = nn.Dense(4, 3, weight_init="he_normal", bias_init=nn.initializers.constant(1.0), rng=0)
>>> layer.params["bias"]
array([1., 1., 1.], dtype=float32)
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import astuple, dataclass, fields
from typing import Any

import numpy as np

from nnscratch.checks import not_negative, number
from nnscratch.kernels.memory import aligned


@dataclass(frozen=True, repr=False)
class Initializer:
    """What all initializers share: the call. A subclass writes `__call__`, its formula."""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """First values of `shape`, float64.

        shape : of a weight, (n_in, n_out) or (k_h, k_w, c_in, c_out), or of a bias, (n_out,)
        rng : what the values are drawn from

        Raises
            ValueError : the formula needs fan_in, and `shape` is a bias's
        """
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(repr(float(value)) for value in astuple(self))})"


@dataclass(frozen=True, repr=False)
class he_normal(Initializer):
    """A normal distribution that keeps the signal's size through ReLU, which removes half of it.

    Formula
        N(0, variance)  with  variance = 2 / fan_in

    Source: He, Zhang, Ren & Sun, "Delving Deep into Rectifiers" (2015), section 2.2.

    >>> values = he_normal()((200, 1000), np.random.default_rng(0))
    >>> round(float(values.var()) * 200, 2)
    2.0
    """

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        fan_in, _ = fans(shape)
        return rng.normal(0.0, np.sqrt(2 / fan_in), shape)


@dataclass(frozen=True, repr=False)
class he_uniform(Initializer):
    """he_normal's variance, in a uniform distribution.

    Formula
        U(-b, b)  with  b = sqrt(3 * variance),  variance = 2 / fan_in

    Source: as he_normal.
    """

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        fan_in, _ = fans(shape)
        bound = np.sqrt(3 * (2 / fan_in))  # U(-b, b) has the variance b^2 / 3
        return rng.uniform(-bound, bound, shape)


@dataclass(frozen=True, repr=False)
class glorot_normal(Initializer):
    """A normal distribution; a compromise between the signal forward and the gradient backward.

    Formula
        N(0, variance)  with  variance = 2 / (fan_in + fan_out)

    Source: Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural
    networks" (2010), equation 12, for tanh.
    """

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        fan_in, fan_out = fans(shape)
        return rng.normal(0.0, np.sqrt(2 / (fan_in + fan_out)), shape)


@dataclass(frozen=True, repr=False)
class glorot_uniform(Initializer):
    """glorot_normal's variance, in a uniform distribution.

    Formula
        U(-b, b)  with  b = sqrt(3 * variance),  variance = 2 / (fan_in + fan_out)

    Source: as glorot_normal, equation 16.

    >>> values = glorot_uniform()((100, 200), np.random.default_rng(0))
    >>> round(float(np.abs(values).max()), 3)  # sqrt(6 / 300)
    0.141
    """

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        fan_in, fan_out = fans(shape)
        bound = np.sqrt(3 * (2 / (fan_in + fan_out)))  # U(-b, b) has the variance b^2 / 3
        return rng.uniform(-bound, bound, shape)


@dataclass(frozen=True, repr=False)
class normal(Initializer):
    """A normal distribution that does not depend on the layer's size.

    Formula
        N(0, std^2)

    Arguments
        std : the standard deviation; finite, >= 0
    """

    std: float

    def __post_init__(self) -> None:
        not_negative("normal", "std", self.std)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return rng.normal(0.0, self.std, shape)


@dataclass(frozen=True, repr=False)
class constant(Initializer):
    """The same value everywhere, for biases only.

    Weights that begin equal get equal gradients, and stay equal.

    Arguments
        value : finite
    """

    value: float

    def __post_init__(self) -> None:
        number("constant", "value", self.value)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.full(shape, self.value, np.float64)


_leaves_out = ContextVar("_leaves_out", default=False)
_most_drawn: ContextVar[float] = ContextVar("_most_drawn", default=math.inf)

_ALL: list[type[Initializer]] = [he_normal, he_uniform, glorot_normal, glorot_uniform, normal, constant]
_INITIALIZERS = {each.__name__: each for each in _ALL}


def get(initializer: Initializer | str) -> Initializer:
    """The initializer itself, or the one that a name stands for.

    Raises
        ValueError : no such name, or not the numbers that it takes

    >>> get("he_normal"), get("normal(0.01)")
    (he_normal(), normal(0.01))
    """
    if isinstance(initializer, Initializer):
        return initializer
    # The name is matched, never evaluated: it may come from a file.
    match = re.fullmatch(r"(\w+)(?:\(([^()]*)\))?", initializer.strip()) if isinstance(initializer, str) else None
    if match is None or match[1] not in _INITIALIZERS:
        names = ", ".join(_INITIALIZERS)
        raise ValueError(f"initializer: got {initializer!r}, expected one of {names}; write it as 'normal(0.01)'")
    make = _INITIALIZERS[match[1]]
    arguments = [field.name for field in fields(make)]
    texts = [text for text in (match[2] or "").split(",") if text.strip()]
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        numbers = []
    if not len(texts) == len(numbers) == len(arguments):
        call = f"{match[1]}({', '.join(arguments)})"
        raise ValueError(f"initializer: got {initializer!r}, expected {call}; write numbers, as in 'normal(0.01)'")
    return make(*numbers)


def draw(
    initializer: Initializer | str, shape: tuple[int, ...], rng: np.random.Generator, dtype: np.dtype[Any]
) -> np.ndarray:
    """First values of `shape` in `dtype`, on a cache line: how a layer makes a parameter.

    initializer : an initializer, or its name
    shape, rng : as an initializer takes them

    Raises
        ValueError : as `get`, and as an initializer does for a bias

    >>> draw("constant(2)", (3,), np.random.default_rng(0), np.dtype("float32"))
    array([2., 2., 2.], dtype=float32)
    """
    if _leaves_out.get():
        get(initializer)((1,) * len(shape), rng)  # raises what it would raise for the real shape
        return np.broadcast_to(np.zeros((), dtype), shape)
    if math.prod(shape) > _most_drawn.get():
        raise ValueError(f"initializer: got shape {shape}, expected {_most_drawn.get():,} numbers at most; check it")
    return aligned(get(initializer)(shape, rng), dtype)


@contextmanager
def drawn_at_most(numbers: int) -> Iterator[None]:
    """Within the block, `draw` refuses shapes of more than `numbers` numbers."""
    token = _most_drawn.set(numbers)
    try:
        yield
    finally:
        _most_drawn.reset(token)


@contextmanager
def nothing_drawn() -> Iterator[None]:
    """Within the block, `draw` gives zeros that take no memory and cannot be written.

    For layers whose parameters are replaced at once by those of a file.

    >>> with nothing_drawn():
    ...     draw("he_normal", (10**6, 10**6), np.random.default_rng(0), np.dtype("float32")).shape
    (1000000, 1000000)
    """
    token = _leaves_out.set(True)
    try:
        yield
    finally:
        _leaves_out.reset(token)


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight's shape.

    Raises
        ValueError : `shape` is a bias's, which has no fans

    >>> fans((9216, 256)), fans((5, 5, 2, 4))
    ((9216, 256), (50, 100))
    """
    if len(shape) < 2:
        raise ValueError(f"initializer: got shape {shape}, expected a weight's; use constant or normal for a bias")
    window = int(np.prod(shape[:-2]))
    return window * shape[-2], window * shape[-1]
