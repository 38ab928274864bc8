"""A broken rule: a usual mistake in a backward pass, and an example in which it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnscratch.gradient_check.check import compare_gradients, start
from nnscratch.gradient_check.comparison import Comparison
from nnscratch.losses import Loss
from nnscratch.model import Sequential


@dataclass(frozen=True)
class Example:
    """What gradients are compared on: a network, its x and, if L is a loss, that and a target."""

    network: Sequential
    x: np.ndarray
    loss: Loss | None = None
    target: np.ndarray | None = None

    def compare(self) -> list[Comparison]:
        """Both gradients of each array."""
        comparisons = compare_gradients(self.network, self.x, loss=self.loss, target=self.target)
        return [replace(each, name=self._short(each.name)) for each in comparisons]

    def written(self) -> dict[str, np.ndarray]:
        """The gradient of each array, as backward writes it at this very x; by name."""
        rng = np.random.default_rng(0)  # `compare_gradients` draws the same dy
        point = start(self.network, self.x, self.loss, self.target, rng)
        return {self._short(name): gradient.copy() for name, (_, gradient) in point.gradients().items()}

    def _short(self, name: str) -> str:
        """A single layer's arrays need no number; the x of a loss by itself is its prediction."""
        if len(self.network.layers) > 1:
            return name
        return "prediction" if self.loss is not None and name == "x" else name.removeprefix("layer 0 ")


@dataclass(frozen=True)
class Rule:
    """A rule of backpropagation, and how it is broken.

    name    : for the command line;  title : in words
    wrong   : the layer or loss with the mistake; its base class is the right one
    formulas : the right one and the wrong one
    array   : whose gradient is shown
    example : from the right class or the wrong one to what is compared
    note    : what the mistake is like, and when nothing shows it
    sizes   : which constructor arguments the mistake can live with; in a network, layers with
        others stay right
    """

    name: str
    title: str
    wrong: type
    formulas: tuple[str, str]
    array: str
    example: Callable[[Any], Example]
    note: str
    sizes: Callable[..., bool] = lambda *sizes, **options: True

    @property
    def right(self) -> type:
        """The layer or loss without the mistake."""
        return self.wrong.__mro__[1]

    def compare(self) -> tuple[list[Comparison], list[Comparison]]:
        """The check of the right layer, and of the wrong one, on the same numbers."""
        return self.example(self.right).compare(), self.example(self.wrong).compare()
