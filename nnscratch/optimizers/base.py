"""What all optimizers share: a step goes over all parameters, in blocks for the threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnscratch.checks import not_negative, whole_number
from nnscratch.kernels.threads import in_blocks
from nnscratch.kernels.updates import BLOCK

if TYPE_CHECKING:
    from nnscratch.layers.base import Layer
    from nnscratch.model import Sequential

Rule = Callable[..., None]  # of flat arrays (w, dw, *means), changed in place


class Optimizer:
    """What all optimizers share: the parameters, the learning rate, and a `step` over all of them.

    A subclass writes `_rule`, the update of one array. Weight decay applies to the arrays under the
    key "weight", never to a "bias": a bias moves the output, it does not make the function steeper.

    Arguments
        model : anything whose `.layers` have `params` and `grads`, dicts of arrays
        lr : learning rate, >= 0; may be set between two steps
        weight_decay : >= 0
        memory : number of running means that the rule keeps per parameter, in its shape and dtype

    Raises
        ValueError : a number out of its range, or a model without parameters
    """

    model: Sequential
    weight_decay: float
    steps: int
    _settable: ClassVar[tuple[str, ...]] = ("lr",)  # numbers that may be set between two steps

    def __init__(self, model: Sequential, *, lr: float, weight_decay: float, memory: int) -> None:
        self.model = model
        self.lr = lr
        self.weight_decay = not_negative(type(self).__name__, "weight_decay", weight_decay)
        self.steps = 0
        self._parameters = [_Parameter(layer, name, memory) for layer in model.layers for name in layer.params]
        if not self._parameters:
            name = type(self).__name__
            raise ValueError(f"{name}: got a model without parameters, expected a layer that learns; add a Dense")
        self._dtype = self._parameters[0].means[0].dtype

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        return self._lr

    @lr.setter
    def lr(self, value: float) -> None:
        self._lr = not_negative(type(self).__name__, "lr", value)

    @property
    def effective_lr(self) -> float:
        """How far a gradient of 1 that stays the same moves a weight per step, in the long run."""
        return self.lr

    def step(self) -> None:
        """Moves every parameter once, in place, along the gradients of the last backward.

        Raises
            ValueError : a gradient is missing, or has another shape or dtype than its parameter
        """
        self.steps += 1
        rules = {decayed: self._rule(self._dtype, self.weight_decay if decayed else 0.0) for decayed in (False, True)}
        for parameter in self._parameters:
            rule = rules[parameter.name == "weight"]
            flat = parameter.flat()
            if flat[0].size <= BLOCK:
                rule(*flat)
                continue

            def update(start: int, stop: int, rule: Rule = rule, flat: list[np.ndarray] = flat) -> None:
                rule(*(array[start:stop] for array in flat))

            in_blocks(update, flat[0].size, BLOCK)

    def reset(self) -> None:
        """Forgets all steps so far, as if the optimizer were new; lr and the parameters stay."""
        self.steps = 0
        for parameter in self._parameters:
            for mean in parameter.means:
                mean.fill(0)

    def state(self) -> dict[str, Any]:
        """What the next step depends on beside parameters and gradients, in arrays of its own.

        Returns "steps", the numbers that may be set between two steps ("lr", with SGD "momentum"),
        and "means": the running means, parameter after parameter.
        """
        means = [mean.copy() for parameter in self._parameters for mean in parameter.means]
        return {"steps": self.steps, **{name: getattr(self, name) for name in self._settable}, "means": means}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Puts back what `state` gave, so that the next step is the one that would have come then.

        Raises
            ValueError : it is of another model or optimizer; then nothing has changed
        """
        name = type(self).__name__
        if set(state) != {"steps", *self._settable, "means"}:
            expected = sorted({"steps", *self._settable, "means"})
            raise ValueError(f"{name}: got a state with {sorted(state)}, expected {expected}; use the same optimizer")
        steps = whole_number(name, "steps", state["steps"], least=0, fix="restore what `state` gave")
        means = [mean for parameter in self._parameters for mean in parameter.means]
        got, expected_means = ([(mean.shape, mean.dtype) for mean in each] for each in (state["means"], means))
        if got != expected_means:
            raise ValueError(f"{name}: got means of {got}, expected {expected_means}; use the same model")
        for setting in self._settable:
            setattr(self, setting, state[setting])
        self.steps = steps
        for mean, kept in zip(means, state["means"], strict=True):
            np.copyto(mean, kept)

    def _rule(self, dtype: np.dtype[Any], weight_decay: float) -> Rule:
        """This step's update: a function of flat (w, dw, *means) that changes w and the means."""
        raise NotImplementedError


class _Parameter:
    """One array of one layer, with the optimizer's memory of it.

    Each step looks the arrays up, because a backward may have put a new array under the key. Mostly
    it is the same array with new content: then the flat view of the last step is used again.
    """

    def __init__(self, layer: Layer, name: str, memory: int) -> None:
        self.layer = layer
        self.name = name
        self.means = [np.zeros(layer.params[name].shape, layer.params[name].dtype) for _ in range(memory)]
        self._seen: tuple[np.ndarray | None, np.ndarray | None] = None, None
        self._flat: list[np.ndarray] = []

    def flat(self) -> list[np.ndarray]:
        """The parameter, its gradient and the means, each as a flat view of the array."""
        w, dw = self.layer.params[self.name], self.layer.grads.get(self.name)
        if w is not self._seen[0] or dw is not self._seen[1]:
            w, dw = self._arrays(w, dw)
            self._flat = [array.reshape(-1) for array in (w, dw, *self.means)]
            self._seen = (w, dw) if dw.flags.c_contiguous else (None, None)  # any other had to be copied
        return self._flat

    def _arrays(self, w: np.ndarray, dw: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """The parameter and its gradient, of one shape and dtype."""
        if dw is None:
            raise ValueError(
                f"step: got no gradient of {self.name!r} in {self.layer!r}, expected one; call backward before step"
            )
        if (dw.shape, dw.dtype) != (w.shape, w.dtype):
            raise ValueError(
                f"step: got a gradient of {self.name!r} in {self.layer!r} of shape {dw.shape} {dw.dtype}, "
                f"expected {w.shape} {w.dtype} as the parameter; correct the layer's backward"
            )
        if not w.flags.c_contiguous:  # a transposed array that somebody put there: flat, it would be a copy
            w = self.layer.params[self.name] = np.ascontiguousarray(w)
        return w, dw
