"""Trace: the arrays of one training step; `trace` makes the step and keeps them."""

from __future__ import annotations

import inspect
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.layers import Layer
from nnscratch.layers.base import check_gradient_shape
from nnscratch.model import Sequential
from nnscratch.pages.notebook import text_view
from nnscratch.tracing.table import facts, table

if TYPE_CHECKING:
    from nnscratch.losses import Loss
    from nnscratch.optimizers.base import Optimizer


@dataclass(frozen=True, eq=False)
class ParameterTrace:
    """One parameter of one layer in the step.

    name     : its key in the layer's `params`
    before, gradient, after : arrays of one shape
    memory_before, memory_after : name -> what the optimizer remembers of it, such as SGD's "v";
        empty if the layer is not one of its own
    """

    name: str
    before: np.ndarray
    gradient: np.ndarray
    after: np.ndarray
    memory_before: dict[str, np.ndarray]
    memory_after: dict[str, np.ndarray]

    @property
    def step(self) -> np.ndarray:
        """after - before: how far each number has moved."""
        return self.after - self.before


@dataclass(frozen=True, eq=False)
class LayerTrace:
    """One layer in the step.

    number     : its place in the network, from 0
    layer      : the layer itself, as it is after the step
    x, y       : what went in and came out
    dy, dx     : dL/dy, which came back from the layer after, and dL/dx, which went on
    kept       : name -> array that the layer kept from forward to backward, besides x: a ReLU's
        `positive`, the `argmax` of a pooling, a dropout's `mask`
    parameters : name -> its numbers in the step
    forward_seconds, backward_seconds : the clock's, of the layer's own methods
    """

    number: int
    layer: Layer
    x: np.ndarray
    y: np.ndarray
    dy: np.ndarray
    dx: np.ndarray
    kept: dict[str, np.ndarray]
    parameters: dict[str, ParameterTrace]
    forward_seconds: float
    backward_seconds: float


@dataclass(frozen=True, eq=False)
class LossTrace:
    """The loss in the step.

    loss       : the loss object
    prediction, target, dprediction : arrays of one shape; dprediction is dL/dprediction
    value      : L
    after      : L of the same x and y after the step, by a pass without dropout; and `before` is
        such an L before the step: `value` itself has dropout's noise
    seconds    : the clock's, of forward and backward together
    """

    loss: Loss
    prediction: np.ndarray
    target: np.ndarray
    dprediction: np.ndarray
    value: float
    before: float
    after: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Trace:
    """One training step, number by number; print it.

    x, y      : the batch
    layers    : from input to output
    loss      : what was made smaller
    optimizer : as text
    settings  : what its formula needs: "rule", such as "SGD" (a class of the library) or None,
        "steps" with this one, "lr" and the other arguments of that class, by name
    update_seconds : the clock's, of the optimizer's step
    """

    x: np.ndarray
    y: np.ndarray
    layers: list[LayerTrace]
    loss: LossTrace
    optimizer: str
    settings: dict[str, Any]
    update_seconds: float

    def table(self, image: int | None = None) -> str:
        """The step as text, one line an operation, at most 80 columns wide.

        image : means and spreads are of this row of the batch alone; None: of the whole batch

        Raises
            ValueError : there is no such row
        """
        return table(self, image)

    def facts(self) -> dict[str, Any]:
        """The same numbers as `table`, for programs: dicts, lists, text and numbers."""
        return facts(self)

    def __str__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        return text_view("Trace of a training step", str(self))


def trace(model: Sequential, x: np.ndarray, y: np.ndarray, loss: Loss, optimizer: Optimizer) -> Trace:
    """Makes one training step, layer by layer, and keeps a copy of every array.

    It is a step like any other: the parameters move, the optimizer remembers, dropout draws. Each
    layer runs by its own methods, as with `fuse=False`. To look without a step, pass copies that
    know each other: `copy.deepcopy((model, optimizer))`.

    model     : the network
    x, y      : (N, ...) rows and targets, as `model` and `loss` take them
    loss      : such as `nn.MSELoss()`
    optimizer : of this very model

    Raises
        ValueError : x or y does not fit, or the optimizer is another model's

    >>> import nnscratch as nn
    >>> model = nn.Sequential(nn.Dense(2, 1, weight_init="constant(1)", dtype=np.float64))
    >>> x, y = np.array([[1.0, 2.0]]), np.array([[0.0]])
    >>> step = trace(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.1))
    >>> step.loss.value, step.loss.dprediction  # 3^2, and its slope 2 * 3
    (9.0, array([[6.]]))
    >>> weight = step.layers[0].parameters["weight"]
    >>> weight.gradient.ravel(), weight.after.ravel()  # 6 * x;  1 - 0.1 * 6 * x
    (array([ 6., 12.]), array([ 0.4, -0.2]))
    """
    optimizer.check_trains(model, "trace")
    noiseless = loss.forward(model.forward(x), y)
    layers, x, y = list(model.layers), x.copy(), y.copy()

    passes, h = [], x
    for layer in layers:
        passes.append(_Pass(layer, h))
        h = passes[-1].forward()
    began = time.perf_counter()
    value = loss.forward(h, y)
    dprediction = loss.backward()
    loss_seconds = time.perf_counter() - began
    check_gradient_shape(layers[-1], dprediction, h.shape, h.dtype)
    dy = dprediction.copy()
    for each in reversed(passes):
        dy = each.backward(dy)

    before = [{name: w.copy() for name, w in layer.params.items()} for layer in layers]
    memory_before = _memory(optimizer)
    began = time.perf_counter()
    optimizer.step()
    update_seconds = time.perf_counter() - began
    memory_after = _memory(optimizer)

    traced = []
    for number, (layer, each) in enumerate(zip(layers, passes, strict=True)):
        parameters = {
            name: ParameterTrace(
                name,
                w,
                layer.grads[name].copy(),
                layer.params[name].copy(),
                memory_before.get((number, name), {}),
                memory_after.get((number, name), {}),
            )
            for name, w in before[number].items()
        }
        traced.append(each.traced(number, parameters))
    after = loss.forward(model.forward(x), y)
    losses = LossTrace(loss, h.copy(), y, dprediction.copy(), value, noiseless, after, loss_seconds)
    return Trace(x, y, traced, losses, repr(optimizer), _settings(optimizer), update_seconds)


class _Pass:
    """One layer's way through the step. Copies are taken outside of what the clock sees."""

    def __init__(self, layer: Layer, x: np.ndarray) -> None:
        self.layer = layer
        self.x = x

    def forward(self) -> np.ndarray:
        x = self.x.copy()  # the layer may keep it, and nobody else may change it
        began = time.perf_counter()
        self.y = self.layer.forward(x, training=True)
        self.forward_seconds = time.perf_counter() - began
        arrays = {name: value for name, value in vars(self.layer).items() if isinstance(value, np.ndarray)}
        self.kept = {name: value.copy() for name, value in arrays.items() if not np.shares_memory(value, x)}
        return self.y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.dy = dy
        began = time.perf_counter()
        self.dx = self.layer.backward(dy.copy())
        self.backward_seconds = time.perf_counter() - began
        return self.dx

    def traced(self, number: int, parameters: dict[str, ParameterTrace]) -> LayerTrace:
        arrays = self.x, self.y, self.dy, self.dx, self.kept
        return LayerTrace(number, self.layer, *arrays, parameters, self.forward_seconds, self.backward_seconds)


def _memory(optimizer: Optimizer) -> dict[tuple[int, str], dict[str, np.ndarray]]:
    """What the optimizer remembers of each parameter, by the layer's number and the key."""
    held = [(number, layer) for number, layer in enumerate(optimizer.model.layers) if optimizer.holds(layer)]
    places = [(number, name) for number, layer in held for name in layer.params]
    means = optimizer.state()["means"]
    each = len(means) // len(places)
    names = [*optimizer.memory_names, *(f"mean {i}" for i in range(len(optimizer.memory_names), each))]
    return {place: dict(zip(names, means[i * each :], strict=False)) for i, place in enumerate(places)}


def _settings(optimizer: Optimizer) -> dict[str, Any]:
    kind = type(optimizer)
    if not kind.__module__.startswith("nnscratch.optimizers."):
        return {"rule": None}
    names = [name for name in inspect.signature(kind).parameters if name not in ("model", "layers")]
    return {"rule": kind.__name__, "steps": optimizer.steps, **{name: getattr(optimizer, name) for name in names}}
