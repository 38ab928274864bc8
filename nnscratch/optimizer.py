"""What all optimisers share: the walk over the parameters, in blocks that stay in the cache."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nnscratch.layers.base import Layer
    from nnscratch.model import Sequential

# An update makes four to ten passes over its arrays. In blocks of 128 KiB (float32) all but the first pass find their
# block in the L2 cache: 4.5 ms where passes over whole arrays took 7.8 ms, on the report's 9216 x 256 weights.
_BLOCK_VALUES = 32_768
# The running mean of a dead unit, whose gradient is 0, shrinks by a factor a step until it is subnormal, and stays so:
# the smallest numbers times 0.9 round to themselves. Arithmetic on them is 5 times slower: they are set to 0 in time.
_FLUSH_EVERY_STEPS = 64


class Optimizer:
    """What all optimisers share: the list of parameters, the learning rate, and the walk over them in `step`.

    A subclass writes `_update`, the rule for one array. Weight decay applies to the arrays under the key "weight",
    never to a "bias": a bias moves the output, it does not make the function steeper.

    Arguments
        model : anything whose `.layers` have `params` and `grads`, dicts of arrays with the same keys
        lr : learning rate, >= 0; may be set between two steps
        weight_decay : >= 0
        memory : number of running means that the rule keeps for each parameter, in the parameter's shape and dtype

    Raises
        ValueError : a number out of its range, or a model without parameters
    """

    def __init__(self, model: Sequential, *, lr: float, weight_decay: float, memory: int) -> None:
        self.model = model
        self.lr = lr
        self.weight_decay = in_range("weight_decay", weight_decay, 0, math.inf)
        self.steps = 0
        self._parameters = [_Parameter(layer, name, memory) for layer in model.layers for name in layer.params]
        if not self._parameters:
            raise ValueError("got a model without parameters, expected a layer that learns; add one, such as Dense")

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        return self._lr

    @lr.setter
    def lr(self, value: float) -> None:
        self._lr = in_range("lr", value, 0, math.inf)

    def step(self) -> None:
        """Moves every parameter once, in place, along the gradients of the last backward.

        Raises
            ValueError : a gradient is missing, or has another shape or dtype than its parameter
        """
        self.steps += 1
        for parameter in self._parameters:
            w, dw = parameter.arrays()
            weight_decay = self.weight_decay if parameter.name == "weight" else 0.0
            for rows in parameter.blocks:
                means = [mean[rows] for mean in parameter.means]
                self._update(w[rows], dw[rows], means, parameter.scratch[: len(w[rows])], weight_decay)

    def reset(self) -> None:
        """Forgets all steps so far, as if the optimizer were new; lr and the parameters stay as they are."""
        self.steps = 0
        for parameter in self._parameters:
            for mean in parameter.means:
                mean.fill(0)

    def _update(
        self, w: np.ndarray, dw: np.ndarray, means: Sequence[np.ndarray], scratch: np.ndarray, weight_decay: float
    ) -> None:
        """The rule, for one block: all arrays have one shape and dtype; changes w, means and scratch, never dw."""
        raise NotImplementedError

    def _flush(self, mean: np.ndarray, scratch: np.ndarray) -> None:
        """Every 64th step, sets to 0 what is on its way to a subnormal number (float32: below 1e-30)."""
        if self.steps % _FLUSH_EVERY_STEPS == 0:
            np.abs(mean, out=scratch)
            np.copyto(mean, 0, where=scratch < 1e8 * float(np.finfo(mean.dtype).tiny))


class _Parameter:
    """One array of one layer, with the optimiser's memory of it.

    The arrays are looked up at each step: a backward may put a new gradient under the key.
    """

    def __init__(self, layer: Layer, name: str, memory: int) -> None:
        w = layer.params[name]
        rows_a_block = max(1, _BLOCK_VALUES * len(w) // max(1, w.size))
        self.layer = layer
        self.name = name
        self.means = [np.zeros_like(w) for _ in range(memory)]
        self.blocks = [slice(start, start + rows_a_block) for start in range(0, len(w), rows_a_block)]
        self.scratch = np.empty_like(w[:rows_a_block])

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """The parameter and its gradient, of one shape and dtype."""
        w, dw = self.layer.params[self.name], self.layer.grads.get(self.name)
        if dw is None:
            raise ValueError(
                f"got no gradient of {self.name!r} in {self.layer!r}, expected one; call backward before step"
            )
        if (dw.shape, dw.dtype) != (w.shape, w.dtype):
            raise ValueError(
                f"got a gradient of {self.name!r} in {self.layer!r} of shape {dw.shape} {dw.dtype}, "
                f"expected {w.shape} {w.dtype} as the parameter; correct the layer's backward"
            )
        return w, dw


def in_range(name: str, value: object, low: float, high: float) -> float:
    """`value` as a float (a NumPy scalar would compute in its own dtype) if low <= value < high, else ValueError."""
    if not isinstance(value, Real) or not low <= float(value) < high:
        expected = f"a finite number >= {low}" if high == math.inf else f"a number >= {low} and < {high}"
        raise ValueError(f"got {name}={value!r}, expected {expected}; set {name} in that range")
    return float(value)
