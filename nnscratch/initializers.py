"""First values of weights and biases: how large they are decides whether a signal survives a deep network.

A layer's output is a sum of `fan_in` products. With zero-mean, independent weights of variance v and inputs of mean
square s, that sum has variance fan_in * v * s: with v = 1/fan_in a signal keeps its size from layer to layer; with
much less it fades by the same factor in every layer until nothing but the biases is left.

    fan_in  : number of inputs that one output reads:  n_in  for Dense, k_h*k_w*c_in  for Conv2D
    fan_out : number of outputs that one input feeds:  n_out for Dense, k_h*k_w*c_out for Conv2D

Every layer takes an initialiser or its name. The default is glorot_uniform: in nets with uncentred input such as
pixels, it starts smaller than he_normal and is the safer of the two at a high learning rate.

>>> import nnscratch as nn
>>> nn.Dense(4, 3, weight_init="he_normal", bias_init=nn.initializers.constant(1.0), rng=0).params["bias"]
array([1., 1., 1.], dtype=float32)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Initializer:
    """Makes first values; `repr` is the call that made it, which is also how a saved model writes it down."""

    name: str
    values: tuple[float, ...]

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """First values of `shape`, float64: a weight (n_in, n_out) or (k_h, k_w, c_in, c_out), or a bias (n_out,)."""
        return _DRAW[self.name](shape, rng, *self.values)

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(repr(value) for value in self.values)})"


def he_normal() -> Initializer:
    """N(0, 2 / fan_in): keeps the signal's size through ReLU, which throws half of it away.

    Source: He, Zhang, Ren & Sun, "Delving Deep into Rectifiers" (2015), section 2.2.
    """
    return Initializer("he_normal", ())


def he_uniform() -> Initializer:
    """U(-b, b) with b = sqrt(6 / fan_in), which has he_normal's variance. Source: as he_normal."""
    return Initializer("he_uniform", ())


def glorot_normal() -> Initializer:
    """N(0, 2 / (fan_in + fan_out)): a compromise between the signal forward and the gradient backward, for tanh.

    Source: Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010).
    """
    return Initializer("glorot_normal", ())


def glorot_uniform() -> Initializer:
    """U(-b, b) with b = sqrt(6 / (fan_in + fan_out)), glorot_normal's variance. Source: as glorot_normal."""
    return Initializer("glorot_uniform", ())


def normal(std: float) -> Initializer:
    """N(0, std^2), whatever the layer's size.

    Raises
        ValueError : std is negative or not finite
    """
    if not (np.isfinite(std) and std >= 0):
        raise ValueError(f"normal: got std={std!r}, expected a finite number from 0 up")
    return Initializer("normal", (float(std),))


def constant(value: float) -> Initializer:
    """The same value everywhere: for biases. Weights that are all equal stay equal, so never for those.

    Raises
        ValueError : value is not finite
    """
    if not np.isfinite(value):
        raise ValueError(f"constant: got value={value!r}, expected a finite number")
    return Initializer("constant", (float(value),))


def get(initializer: Initializer | str) -> Initializer:
    """The initialiser itself, or the one that a name stands for.

    Raises
        ValueError : no such name, or its numbers do not fit

    >>> get("he_normal"), get("normal(0.01)")
    (he_normal(), normal(0.01))
    """
    if isinstance(initializer, Initializer):
        return initializer
    # A name is matched, never evaluated: it may come from a file.
    match = re.fullmatch(r"(\w+)(?:\(([^()]*)\))?", initializer.strip()) if isinstance(initializer, str) else None
    if match and match[1] in _MAKE:
        try:
            return _MAKE[match[1]](*(float(number) for number in (match[2] or "").split(",") if number.strip()))
        except TypeError:
            pass  # too few or too many numbers: answered below, with the others
        except ValueError as error:
            raise ValueError(f"initialiser: got {initializer!r}: {error}") from None
    names = ", ".join(_MAKE)
    raise ValueError(f"initialiser: got {initializer!r}, expected one of {names}, such as 'normal(0.01)'")


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight's shape.

    Raises
        ValueError : a bias, which has no fans

    >>> fans((9216, 256)), fans((5, 5, 2, 4))
    ((9216, 256), (50, 100))
    """
    if len(shape) < 2:
        raise ValueError(f"initialiser: got shape {shape}, expected a weight's; use constant or normal for a bias")
    window = int(np.prod(shape[:-2]))
    return window * shape[-2], window * shape[-1]


def _scaled_normal(shape: tuple[int, ...], rng: np.random.Generator, variance: float) -> np.ndarray:
    return rng.normal(0.0, np.sqrt(variance), shape)


def _scaled_uniform(shape: tuple[int, ...], rng: np.random.Generator, variance: float) -> np.ndarray:
    bound = np.sqrt(3 * variance)  # U(-b, b) has the variance b^2 / 3
    return rng.uniform(-bound, bound, shape)


_DRAW: dict[str, Callable[..., np.ndarray]] = {
    "he_normal": lambda shape, rng: _scaled_normal(shape, rng, 2 / fans(shape)[0]),
    "he_uniform": lambda shape, rng: _scaled_uniform(shape, rng, 2 / fans(shape)[0]),
    "glorot_normal": lambda shape, rng: _scaled_normal(shape, rng, 2 / sum(fans(shape))),
    "glorot_uniform": lambda shape, rng: _scaled_uniform(shape, rng, 2 / sum(fans(shape))),
    "normal": lambda shape, rng, std: _scaled_normal(shape, rng, std**2),
    "constant": lambda shape, rng, value: np.full(shape, value),
}
_MAKE: dict[str, Callable[..., Initializer]] = {
    "he_normal": he_normal,
    "he_uniform": he_uniform,
    "glorot_normal": glorot_normal,
    "glorot_uniform": glorot_uniform,
    "normal": normal,
    "constant": constant,
}
