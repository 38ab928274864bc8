"""What stands between a network and its stages: the plan, the lock, and the step under way."""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nnscratch.checks import check_finite
from nnscratch.kernels.finite import all_finite
from nnscratch.layers import Layer
from nnscratch.layers.base import check_gradient
from nnscratch.layers.networks import attribute_changes, inside_network
from nnscratch.stages import Single, Stage, plan
from nnscratch.stages.base import Listener
from nnscratch.stages.one_call import MOST_ROWS, OneCall
from nnscratch.stages.training_call import TrainingCall

PASSES_BEFORE_ONE_CALL = 8  # of one shape: what one call needs is compiled for those who infer a lot
_SHAPES_IN_ONE_CALL = 4  # of x, which are counted or laid out, for inference and for training each
_numbers = itertools.count(1)  # of training passes, of all networks
_Calls = dict[tuple[int, ...], OneCall | int]  # by x's shape; a number: passes until it is made


class Step(NamedTuple):
    """What ran forward(training=True), and waits for its backward."""

    number: int
    stages: list[Stage]
    y_shape: tuple[int, ...]
    y_dtype: np.dtype[Any]
    call: TrainingCall | None = None  # that ran forward, and can run a part of backward


class Runner:
    """Groups the layers of a network into stages, and keeps the stages with their buffers.

    fuse : False makes each layer a stage of its own, run by its own methods
    lock : to be held during a pass; stages keep arrays from one call to the next, so that two
        passes of one network at the same time would overwrite each other's

    A copy of a runner, also a pickled one, has the same `fuse`, a lock and buffers of its own, and
    makes its stages when it is first used. A step under way stays with the original.
    """

    def __init__(self, fuse: bool) -> None:
        self.fuse = fuse
        self.lock = threading.RLock()
        self._planned: bool | None = None  # fuse when the plan was made
        self._looked_at = 0  # the latest change of an attribute when the sizes were last compared
        self._layers: list[Layer] = []
        self._stages: list[Stage] = []
        self._singles: list[Stage] = []  # each layer by itself
        self._step: Step | None = None
        self._listened = False  # somebody is told the stages' times
        self._calls: _Calls = {}  # of inference
        self._training_calls: _Calls = {}
        _runners.add(self)

    def stages(self, layers: Sequence[Layer], one_by_one: bool = False) -> list[Stage]:
        """The stages of `layers`: the ones of the last call, unless layers or their sizes changed.

        one_by_one : each layer as a stage of its own, whatever `fuse` is

        Raises
            ValueError : no layers, or a size out of its range
        """
        latest = attribute_changes.latest
        same_layers = self.fuse == self._planned and (self._layers == layers or self._layers == list(layers))
        if not same_layers or latest != self._looked_at:
            if not same_layers or any(stage.sizes() != stage.planned for stage in self._stages):
                self._plan(layers)
            self._looked_at = latest
        return self._singles if one_by_one else self._stages

    def in_one_call(self, layers: Sequence[Layer], x: np.ndarray, training: bool) -> np.ndarray | None:
        """y of a forward pass, the caller's own, if it can be had in one call; otherwise None.

        It gives the bits that the stages give, and leaves every error to them. What it needs is
        compiled, and laid out, when an x of the same few rows has come several times. With
        `training` it begins and ends a pass, as `begin` and `end` do.
        """
        if type(x) is not np.ndarray or x.ndim == 0 or len(x) > MOST_ROWS or self._listened:
            return None
        calls = self._training_calls if training else self._calls
        call = calls.get(x.shape)
        if call is None or isinstance(call, int):
            self._count(layers, x, training)
            return None
        if x.dtype != np.float32 or not x.flags.c_contiguous:
            return None
        stages = self.stages(layers)
        if calls.get(x.shape) is not call:  # planned anew
            return None
        if training:
            self._step, number = None, self._numbered()
        y = call.forward(x)
        if y is None:
            del calls[x.shape]
        elif training:
            self._step = Step(number, stages, y.shape, y.dtype, call if isinstance(call, TrainingCall) else None)
        return y

    def has_call(self, x_shape: tuple[int, ...], training: bool) -> bool:
        """Whether `in_one_call` has what it needs for x of this shape."""
        return isinstance((self._training_calls if training else self._calls).get(x_shape), OneCall)

    def _count(self, layers: Sequence[Layer], x: np.ndarray, training: bool) -> None:
        calls = self._training_calls if training else self._calls
        left = calls.get(x.shape, PASSES_BEFORE_ONE_CALL)
        if not isinstance(left, int) or left < 0 or x.dtype != np.float32 or x.size == 0:
            return
        if len(calls) > _SHAPES_IN_ONE_CALL:
            calls.clear()
        calls[x.shape] = left - 1
        if left == 0:
            try:
                calls[x.shape] = (TrainingCall if training else OneCall)(self.stages(layers), x.shape)
            except ValueError:
                calls[x.shape] = -1

    def _plan(self, layers: Sequence[Layer]) -> None:
        self._planned = None  # so that the next call plans again if a check here fails
        self._calls.clear()
        self._training_calls.clear()
        check_layers(layers)
        for layer in layers:
            layer.check_sizes()
        self._singles = [Single(layer, "fuse=False") for layer in layers]
        self._stages = plan(layers) if self.fuse else self._singles
        self._layers, self._planned = list(layers), self.fuse

    def time_stages(self, layers: Sequence[Layer], listener: Listener | None) -> list[Stage]:
        """The stages of `layers`, which from now on tell a listener their times; None: no more."""
        stages = self.stages(layers)
        self._listened = listener is not None
        for stage in stages:
            stage.tell_times(listener)
        return stages

    def begin(self, stages: list[Stage], x: np.ndarray, training: bool) -> int:
        """The number of the forward pass of x that begins: 0, or one that marks the layers.

        stages : that x goes through

        Raises
            ValueError : x is NaN or infinite, or the first layer does not take it; a stage of
                several layers checks that itself, while x is in the cache
        """
        if training:
            self._step = None
        if type(stages[0]) is Single and isinstance(x, np.ndarray) and x.dtype.kind == "f" and not all_finite(x):
            self._layers[0].forward(x)  # first what else is wrong with x, as the layer by itself would say
            check_finite(self._layers[0], "x", x)
        if not training:
            return 0
        return self._numbered()

    def _numbered(self) -> int:
        """The number of a pass that begins, with which it marks the layers."""
        number = next(_numbers)
        for layer in self._layers:
            vars(layer)["last_pass"] = number  # by-passes the count of changes: no size is changed
        return number

    def end(self, stages: list[Stage], number: int, x: np.ndarray, y: np.ndarray) -> None:
        """Ends a forward pass; one that is numbered waits for its backward.

        Raises
            NotFiniteError : y is NaN or infinite; names the first layer where that happened
        """
        if not all_finite(y):
            self._say_where_not_finite(x, y)
        if number:
            self._step = Step(number, stages, y.shape, y.dtype)
            calls = self._training_calls
            for shape in [shape for shape, call in calls.items() if type(call) is TrainingCall and call.is_stale]:
                del calls[shape]  # which hold the memory that buffers had before they grew

    def begin_backward(self, layers: Sequence[Layer], dy: np.ndarray) -> tuple[list[Stage], TrainingCall | None]:
        """The stages of the forward pass that dy belongs to; there is no second backward of it.

        And the call that ran forward, if its `gradients` run now: not with a listener.

        Raises
            RuntimeError : there is none; layers were changed since; another network used one
            ValueError   : dy is not of y's shape and dtype, or is NaN or infinite
        """
        step, self._step = self._step, None
        if step is None:
            raise RuntimeError(
                "Sequential: got backward without a forward(training=True) before it, expected one forward per "
                "backward; call forward(x, training=True) first"
            )
        if step.stages is not self.stages(layers) and step.stages is not self._singles:
            raise RuntimeError(
                "Sequential: got backward after layers or their sizes were changed, expected those of the last "
                "forward(training=True); call forward(x, training=True) again"
            )
        for layer in self._layers:
            if layer.last_pass != step.number:
                raise RuntimeError(
                    f"{layer!r}: got backward after another network's forward(training=True) of this layer, expected "
                    "one step at a time; end a step before another network begins one, or use copy.deepcopy"
                )
        check_gradient(self._layers[-1], dy, step.y_shape, step.y_dtype)
        return step.stages, None if self._listened else step.call

    def _say_where_not_finite(self, x: np.ndarray, y: np.ndarray) -> None:
        for layer in self._layers:
            for name, w in layer.params.items():
                check_finite(layer, name, w)
        z = x
        with inside_network, np.errstate(all="ignore"):
            for layer in self._layers:
                z = layer.forward(z)
                check_finite(layer, "y", z)
        check_finite(self._layers[-1], "y", y)

    def unlock(self) -> None:
        """Frees all locks that a thread of the process before a fork may have held."""
        self.lock = threading.RLock()
        # A call that another thread was in may have packed half of its weights.
        self._calls, self._training_calls = {}, {}
        for layer in self._layers:
            rng = getattr(layer, "rng", None)
            if isinstance(rng, np.random.Generator):  # it may just have been drawing
                lock: Any = rng.bit_generator.lock  # which NumPy lets nobody replace
                lock._at_fork_reinit()

    def __reduce__(self) -> tuple[Any, ...]:
        return Runner, (self.fuse,)


_runners: weakref.WeakSet[Runner] = weakref.WeakSet()


def _unlock_after_fork() -> None:
    # The child has one thread, which waits for nobody: a pass that another thread was in does not
    # go on, and the next one writes all that it reads.
    for runner in _runners:
        runner.unlock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_after_fork)


def check_layers(layers: Sequence[Layer]) -> None:
    """Stops what is no chain of layers.

    Raises
        ValueError : no layer, something that is no layer, or one layer object twice
    """
    for layer in layers:
        if not isinstance(layer, Layer):
            raise ValueError(f"Sequential: got {layer!r}, expected layers; pass them as Sequential(*layers)")
    if not layers:
        raise ValueError("Sequential: got no layer, expected at least one; pass layers as Sequential(*layers)")
    if len({id(layer) for layer in layers}) < len(layers):
        raise ValueError("Sequential: got one layer object twice, expected distinct layers; make two of them")


def from_first_that_learns(stages: list[Stage]) -> list[Stage]:
    """The stages from the first one on that has parameters to move; all of them if none has.

    A backward pass that is not asked for dx may end there: whatever gradients the stages before
    have, nobody reads them. Those of an earlier pass are taken away, so that nobody can.
    """
    for i, stage in enumerate(stages):
        if any(layer.params and not layer.frozen for layer in stage.layers):
            return stages[i:]
        for layer in stage.layers:
            layer.grads.clear()
    return stages
