"""What all optimizers share: a step goes over all parameters, in blocks for the threads."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnscratch.checks import floating, not_negative
from nnscratch.layers.gradients import entry
from nnscratch.optimizers.one_pass import OnePass, Rule
from nnscratch.optimizers.parameters import (
    HeldParameters,
    check_gradient_of,
    check_keys,
    chosen_layers,
    copies_like,
    count_of_steps,
    counts_of_steps,
    moves,
)

if TYPE_CHECKING:
    from nnscratch.layers.base import Layer
    from nnscratch.model import Sequential


class Optimizer:
    """What all optimizers share: the parameters, the learning rate, and a `step` over all of them.

    A subclass writes `_rule`, the update of one array. Weight decay applies to the arrays under the
    key "weight", never to a "bias": a bias moves the output, it does not make the function steeper.

    A layer that is `frozen` is left alone: no step, no decay. Its running means and its number of
    steps stay as they are, too, and go on from there once it is no longer frozen. An optimizer of
    some `layers` knows nothing of the others: two may train one model, each its own part.

    Arguments
        model : anything whose `.layers` have `params` and `grads`, dicts of arrays
        lr : learning rate, >= 0; may be set between two steps
        weight_decay : >= 0
        memory : number of running means that the rule keeps per parameter, in its shape and dtype
        layers : the layers of the model that it moves; None: all

    Attributes
        layers : those that it moves, in the order of the model; None: all

    Raises
        ValueError : a number out of its range, a model without parameters, or layers that are not
            the model's, are there twice or have no parameters
    """

    model: Sequential
    layers: list[Layer] | None
    weight_decay: float
    steps: int
    changing: ClassVar[tuple[str, ...]] = ("lr",)  # the numbers that may be set between two steps
    memory_names: ClassVar[tuple[str, ...]] = ()  # what the formulas call the running means

    def __init__(
        self,
        model: Sequential,
        *,
        lr: float,
        weight_decay: float,
        memory: int,
        layers: Sequence[Layer] | None = None,
    ) -> None:
        name = type(self).__name__
        self.model = model
        self.lr = lr
        self.weight_decay = not_negative(name, "weight_decay", weight_decay)
        self.steps = 0
        self.layers = chosen_layers(name, model, layers)
        self._held = HeldParameters(model, name, self.layers)
        self._parameters = [_Parameter(layer, key, memory) for layer, key in self._held.places]
        self._one_pass = OnePass()
        if not self._parameters:
            raise ValueError(f"{name}: got a model without parameters, expected a layer that learns; add a Dense")

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

    def moves(self, layer: Layer) -> bool:
        """Whether a step moves the layer's parameters: it is one of `layers`, and not frozen."""
        return self.holds(layer) and moves(layer)

    def holds(self, layer: Layer) -> bool:
        """Whether the layer is one of `layers`; all are if that is None."""
        return self.layers is None or layer in self.layers

    def step(self) -> None:
        """Moves every parameter once, in place, along the gradients of the last backward.

        Those of frozen layers, and of layers that are not its own, stay where they are.

        Raises
            ValueError : a gradient is missing, or has another shape or dtype than its parameter; or
                the model has changed (`check_model`). Then nothing has moved
        """
        self.check_model()
        moving = [parameter for parameter in self._parameters if moves(parameter.layer)]
        arrays = [array for parameter in moving for array in parameter.arrays()]
        self.steps += 1
        kinds: dict[tuple[Any, bool, int], int] = {}  # of rules: most networks have two
        chosen = []
        for parameter in moving:
            parameter.steps += 1
            kind = parameter.dtype, parameter.decays, parameter.steps
            chosen.append(kinds.setdefault(kind, len(kinds)))
        rules = [self._rule(dtype, self.weight_decay if decays else 0.0, steps) for dtype, decays, steps in kinds]
        self._one_pass.run(rules, chosen, arrays, [parameter.means for parameter in moving])

    def check_model(self) -> None:
        """Stops an optimizer whose model has changed: its running means belong to the old layers.

        An array of the same shape and dtype may have taken a parameter's place; it is the one that
        moves from now on.

        Raises
            ValueError : a layer was replaced, inserted or removed, or an array has another shape or
                dtype or is read-only
        """
        self._held.present()

    def check_trains(self, model: Sequential, where: str) -> None:
        """Stops an optimizer that is another model's, or whose model has changed (`check_model`).

        where : begins the message

        Raises
            ValueError : it is
        """
        if self.model is not model:
            raise ValueError(
                f"{where}: got an optimizer of another model, expected one of this; pass the one that trains it, made "
                f"as {type(self).__name__}(model, layers=[...]) if it trains some of the layers"
            )
        self.check_model()

    def reset(self) -> None:
        """Forgets all steps so far, as if the optimizer were new; lr and the parameters stay."""
        self.steps = 0
        for parameter in self._parameters:
            parameter.steps = 0
            for mean in parameter.means:
                mean.fill(0)

    def state(self) -> dict[str, Any]:
        """All that changes while training and decides what the next steps do, for `restore`.

        Returns
            steps : number of steps so far
            steps_of_parameters : those of each parameter: fewer where its layer was frozen
            lr, and momentum of an SGD : as they were last set
            means : list of arrays: the running means of the first parameter, those of the second,
                and so on, in their shapes and dtypes; copies
        """
        numbers = {name: getattr(self, name) for name in self.changing}
        means = [mean.copy() for parameter in self._parameters for mean in parameter.means]
        own_steps = [parameter.steps for parameter in self._parameters]
        return {"steps": self.steps, "steps_of_parameters": own_steps, **numbers, "means": means}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from `state`, which `state()` of an optimizer of the same class and network gave.

        The settings of the constructor, such as weight_decay, stay; the arrays are copied.

        Raises
            ValueError : other keys, a number out of its range, arrays that are not finite or of
                other shapes or dtypes than the parameters. Then the optimizer stays as it was

        >>> import nnscratch as nn
        >>> model = nn.Sequential(nn.Dense(1, 1, rng=0))
        >>> first, second = nn.SGD(model, lr=0.1), nn.SGD(model, lr=0.2, momentum=0.9)
        >>> first.restore(second.state())
        >>> first
        SGD(model, lr=0.2, momentum=0.9, nesterov=False, weight_decay=0.0)
        """
        where = f"{type(self).__name__}.restore"
        if isinstance(state, Mapping) and "steps" in state:  # before layers could be frozen, all had made all steps
            state = {"steps_of_parameters": [state["steps"]] * len(self._parameters), **state}
        check_keys(where, state, ["steps", "steps_of_parameters", *self.changing, "means"])
        own = [mean for parameter in self._parameters for mean in parameter.means]
        steps = count_of_steps(where, "steps", state["steps"])
        own_steps = counts_of_steps(where, "steps_of_parameters", state["steps_of_parameters"], len(self._parameters))
        means = copies_like(where, "means", state["means"], own)
        self._check_means(means)
        trial = copy.copy(self)
        for name in self.changing:
            setattr(trial, name, state[name])  # raises if the number is out of its range
        for name in self.changing:
            setattr(self, name, state[name])
        self.steps = steps
        for parameter, count in zip(self._parameters, own_steps, strict=True):
            parameter.steps = count
        for mean, restored in zip(own, means, strict=True):
            np.copyto(mean, restored)

    def _layers_shown(self) -> str:
        """The end of the repr of an optimizer of some layers, such as ", layers=[model[2]]"."""
        if self.layers is None:
            return ""
        places = [place for place, layer in enumerate(self.model.layers) if layer in self.layers]
        return f", layers=[{', '.join(f'model[{place}]' for place in places)}]"

    def _rule(self, dtype: np.dtype[Any], weight_decay: float, steps: int) -> Rule:
        """This step's update: a function of flat (w, dw, *means) that changes w and the means.

        steps : of these parameters, with this one
        """
        raise NotImplementedError

    def _check_means(self, means: list[np.ndarray]) -> None:
        """Stops finite means that no steps can have led to; ValueError."""


class _Parameter:
    """One array of one layer, with the optimizer's memory of it.

    Each step looks the arrays up, because a backward may have put a new array under the key. Mostly
    it is the same array with new content, and needs no check.
    """

    def __init__(self, layer: Layer, name: str, memory: int) -> None:
        self.layer = layer
        self.name = name
        self.decays = name == "weight"
        w = layer.params[name]
        self.dtype = floating(f"{name!r} in {layer!r}", w.dtype)
        self.steps = 0
        self.means = [np.zeros(w.shape, self.dtype) for _ in range(memory)]
        self._seen: tuple[Any, Any] = None, None

    def arrays(self) -> tuple[Any, Any]:
        """The parameter and its gradient, contiguous; the gradient may be a `DeferredProduct`."""
        layer, name = self.layer, self.name
        w, dw = layer.params[name], entry(layer.grads, name)
        if w is self._seen[0] and dw is self._seen[1]:
            return self._seen
        check_gradient_of("step", layer, name, dw)
        if not w.flags.c_contiguous:  # a transposed array that somebody put there: flat, it would be a copy
            w = layer.params[name] = np.ascontiguousarray(w)
        if isinstance(dw, np.ndarray) and not dw.flags.c_contiguous:
            return w, np.ascontiguousarray(dw)  # a copy, in each step anew
        self._seen = w, dw
        return w, dw

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_seen": (None, None)}  # a copy sees its own layer's gradient
