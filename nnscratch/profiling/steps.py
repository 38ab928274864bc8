"""Training steps of one network on one batch, with clocks around each stage and without."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.losses import Loss
from nnscratch.profiling.clock import WARM_UP, milliseconds
from nnscratch.stages import Stage

if TYPE_CHECKING:
    from nnscratch.model import Sequential
    from nnscratch.optimizers.base import Optimizer

_SECONDS = 2.0  # for all steps together, if their number is not given
_LEAST, _MOST = 10, 200  # steps with clocks, and as many without

Times = dict[tuple[object, str], float]  # milliseconds by (stage or part, work)


class Step:
    """One training step, with or without clocks inside."""

    def __init__(self, model: Sequential, x: np.ndarray, y: np.ndarray, loss: Loss, optimizer: Optimizer) -> None:
        self.model, self.x, self.y, self.loss, self.optimizer = model, x, y, loss, optimizer
        optimizer.lr = 0.0  # the weights stay: each step is the same step, and none diverges
        self.stages: list[Stage] = []
        self.kept: list[int] = []
        self.loss_kept = 0
        self._times: Times = {}

    def warm_up(self) -> None:
        """Fills caches and buffers; looks, between forward and backward, what is kept."""
        self.stages = self.model.time_stages(None)
        for _ in range(WARM_UP):
            prediction = self.model.forward(self.x, training=True)
            self.loss.forward(prediction, self.y)
            self.kept = _bytes_kept(self.stages, self.x)
            dprediction = self.loss.backward()
            self.loss_kept = dprediction.nbytes
            self.model.backward(dprediction)
            self.optimizer.step()

    def plain(self) -> None:
        """As a trainer makes it."""
        self.loss.forward(self.model.forward(self.x, training=True), self.y)
        self.model.backward(self.loss.backward())
        self.optimizer.step()

    def clocked(self) -> Times:
        """The same; returns milliseconds by (stage or part, work). They add up to the step's."""
        self._times = {}
        self.model.time_stages(self._note)
        began = time.perf_counter()
        prediction = self.model.forward(self.x, training=True)
        at_loss = time.perf_counter()
        self.loss.forward(prediction, self.y)
        dprediction = self.loss.backward()
        after_loss = time.perf_counter()
        self.model.backward(dprediction)
        at_update = time.perf_counter()
        self.optimizer.step()
        end = time.perf_counter()
        self.model.time_stages(None)
        in_stages = sum(self._times.values())
        self._times["loss", "both"] = 1e3 * (after_loss - at_loss)
        self._times["update", "step"] = 1e3 * (end - at_update)
        self._times["checks", "both"] = max(0.0, 1e3 * (at_loss - began + at_update - after_loss) - in_stages)
        return self._times

    def _note(self, stage: Stage, work: str, seconds: float) -> None:
        self._times[stage, work] = 1e3 * seconds


def in_turn(step: Step, steps: int | None) -> tuple[list[Times], list[float]]:
    """Times of steps with clocks inside, and of steps without, which take turns."""
    clocked: list[Times] = []
    plain: list[float] = []
    began = time.perf_counter()
    least, most = (_LEAST, _MOST) if steps is None else (steps, steps)
    while len(plain) < least or (len(plain) < most and time.perf_counter() - began < _SECONDS):
        clocked.append(step.clocked())
        plain.append(milliseconds(step.plain))
    return clocked, plain


def middle_half(values: Sequence[Any], key: Callable[[Any], Any] | None = None) -> list[Any]:
    """The values between the quartiles: no step that something else interrupted."""
    quarter = len(values) // 4
    return sorted(values, key=key)[quarter : len(values) - quarter]


def mean_of_middle_half(clocked: list[Times]) -> Times:
    middle = middle_half(clocked, key=lambda times: sum(times.values()))
    return {part: statistics.fmean(times[part] for times in middle) for part in middle[0]}


def _bytes_kept(stages: list[Stage], x: np.ndarray) -> list[int]:
    """What each stage holds now; an array of two stages counts once, the user's x not at all."""
    seen = {id(_owner(x))}
    kept = []
    for stage in stages:
        owners = {id(owner): owner.nbytes for owner in map(_owner, stage.kept_arrays())}
        kept.append(sum(nbytes for key, nbytes in owners.items() if key not in seen))
        seen |= owners.keys()
    return kept


def _owner(array: np.ndarray) -> np.ndarray:
    return array.base if isinstance(array.base, np.ndarray) else array
