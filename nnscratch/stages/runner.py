"""What stands between a network and its stages: the plan, the lock, and the buffers."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnscratch.checks import check_finite
from nnscratch.layers import Layer
from nnscratch.stages import Single, Stage, plan


class Runner:
    """Groups the layers of a network into stages, and keeps the stages with their buffers.

    fuse : False makes each layer a stage of its own, run by its own methods
    lock : to be held during a pass; stages keep arrays from one call to the next, so that two
        passes of one network at the same time would overwrite each other's

    A copy of a runner, also a pickled one, has the same `fuse`, a lock and buffers of its own, and
    makes its stages when it is first used.
    """

    def __init__(self, fuse: bool) -> None:
        self.fuse = fuse
        self.lock = threading.RLock()
        self._layers: list[Layer] = []
        self._stages: list[Stage] = []
        _runners.add(self)

    def stages(self, layers: Sequence[Layer]) -> list[Stage]:
        """The stages of `layers`: the ones of the last call, unless the layers have changed."""
        if self._layers != layers:
            self._layers = list(layers)
            self._stages = plan(self._layers) if self.fuse else [Single(layer) for layer in self._layers]
        return self._stages

    def check_input(self, x: np.ndarray) -> None:
        """Stops NaN and infinity, unless the first stage does so itself, while x is in the cache.

        Raises
            NotFiniteError : says how many values of x are not finite
        """
        if isinstance(x, np.ndarray) and not self._stages[0].checks_finite:
            check_finite(self._layers[0], "x", x)

    def own(self, array: np.ndarray) -> np.ndarray:
        """`array` as the caller's own: a copy, if a stage would overwrite it in its next pass."""
        return array.copy() if self.fuse else array

    def unlock(self) -> None:
        """Frees all locks that a thread of the process before a fork may have held."""
        self.lock = threading.RLock()
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


def from_first_parameters(stages: list[Stage]) -> list[Stage]:
    """The stages from the first one on that has parameters; all of them if none has.

    A backward pass that is not asked for dx may end there: no stage before has a gradient to set.
    """
    for i, stage in enumerate(stages):
        if any(layer.params for layer in stage.layers):
            return stages[i:]
    return stages
