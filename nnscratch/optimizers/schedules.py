"""Schedules: a learning rate or a momentum that changes while the training goes on.

A schedule is a function of progress: 0 in the first step of a training, 1 in the last one, and
k / (n - 1) in step k = 0, ..., n-1 of n steps; 0 if there is only one. So the first step has
exactly the value at the start, and the last one exactly the value at the end. Under a time limit,
the share of the time counts if it is larger (`Clock`).

A function of the epoch or of the step is one too, inside `by_epoch` or `by_step`.

A schedule gives the value itself, not a factor. The classes have lower-case names because one
reads them as functions: linear(0.03, 0.0001). Each is a frozen dataclass, so that it can be
compared, and printed as the call that makes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from nnscratch.checks import above, at_most, fraction, not_negative, number, positive, whole_number

_SHARE = "it is a share of the training"
_LEAST = 0.01  # of the rate after a warm-up: its first step has so much of it


@dataclass(frozen=True)
class Schedule:
    """What all schedules share: the call. A subclass writes `_at`, its formula."""

    def __call__(self, progress: float) -> float:
        """The value at `progress`, from 0 in the first step of a training to 1 in the last one.

        Raises
            ValueError : progress outside 0..1
        """
        if not 0 <= progress <= 1:
            raise ValueError(f"{type(self).__name__}: got progress={progress}, expected 0 to 1; give a share")
        return self._at(progress)

    def _at(self, progress: float) -> float:
        raise NotImplementedError


@dataclass(frozen=True)
class constant(Schedule):
    """The same value all the time.

    Arguments
        value : finite, >= 0

    >>> constant(0.1)(0.7)
    0.1
    """

    value: float

    def __post_init__(self) -> None:
        not_negative("constant", "value", self.value)

    def _at(self, progress: float) -> float:
        return self.value


@dataclass(frozen=True)
class linear(Schedule):
    """A straight line from `start` to `end`, up (a momentum) or down (a learning rate).

    Formula, progress p
        value = (1 - p) * start + p * end

    Arguments
        start, end : the values at progress 0 and 1; finite, >= 0

    Source: Nouri, "Using convolutional neural nets to detect facial keypoints" (2014), who lets the
    learning rate fall from 0.03 to 0.0001 and the momentum rise from 0.9 to 0.999.

    >>> rate = linear(0.03, 0.01)
    >>> rate
    linear(start=0.03, end=0.01)
    >>> [round(rate(progress), 4) for progress in (0, 0.5, 1)]
    [0.03, 0.02, 0.01]
    """

    start: float
    end: float

    def __post_init__(self) -> None:
        not_negative("linear", "start", self.start)
        not_negative("linear", "end", self.end)

    def _at(self, progress: float) -> float:
        return _between(self.start, self.end, progress)


@dataclass(frozen=True)
class cosine(Schedule):
    """Half a cosine wave from `start` to `end`, fast in the middle; after a warm-up.

    Formula, progress p, warm-up w
        p < w :  value = start * max(p / w, 0.01)           up to start, in a straight line
        p >= w : q = (p - w) / (1 - w),                     the share of the rest
                 value = end + (start - end) * (1 + cos(pi q)) / 2

    The warm-up begins at a hundredth of start, not at 0, so that every step moves.

    Arguments
        start, end : the values after the warm-up and at progress 1; finite, >= 0
        warmup : the share of the training that the warm-up takes, in [0, 1) (default 0.0)

    Sources: Loshchilov & Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017),
    equation 5, without the restarts; Goyal et al., "Accurate, large minibatch SGD" (2017), section
    2.2, for the warm-up.

    >>> rate = cosine(0.1, 0.0, warmup=0.2)
    >>> [round(rate(progress), 4) for progress in (0, 0.1, 0.2, 0.6, 1)]
    [0.001, 0.05, 0.1, 0.05, 0.0]
    """

    start: float
    end: float
    warmup: float = 0.0

    def __post_init__(self) -> None:
        not_negative("cosine", "start", self.start)
        not_negative("cosine", "end", self.end)
        fraction("cosine", "warmup", self.warmup, fix=_SHARE)

    def _at(self, progress: float) -> float:
        if progress < self.warmup:
            return self.start * max(progress / self.warmup, _LEAST)
        rest = (progress - self.warmup) / (1 - self.warmup)
        return _between(self.start, self.end, (1 - math.cos(math.pi * rest)) / 2)


@dataclass(frozen=True)
class step(Schedule):
    """A staircase: `start`, times `factor` after each further share `every` of the training.

    Formula, progress p
        value = start * factor ** floor(p / every)          p = 1 still belongs to the last stair

    Arguments
        start : the value at progress 0; finite, >= 0
        factor : finite, > 0; 0.1 divides by ten at each stair
        every : the length of a stair, a share of the training in (0, 1]; 0.25 makes four stairs

    >>> rate = step(0.08, 0.5, 0.25)
    >>> [rate(progress) for progress in (0, 0.2, 0.25, 0.6, 0.9)]
    [0.08, 0.08, 0.04, 0.02, 0.01]
    """

    start: float
    factor: float
    every: float

    def __post_init__(self) -> None:
        not_negative("step", "start", self.start)
        positive("step", "factor", self.factor)
        number("step", "every", self.every, above(0), at_most(1), fix=_SHARE)

    def _at(self, progress: float) -> float:
        # 0.3 / 0.1 is a little below 3 in floating point, and a stair would come late.
        stair = min(math.floor(progress / self.every + 1e-9), math.ceil(1 / self.every - 1e-9) - 1)
        return float(self.start * self.factor**stair)


@dataclass(frozen=True)
class by_epoch:
    """A function of the epoch: 0 in the first one of a fit, as other libraries count it.

    Arguments
        function : epoch -> value, finite and >= 0; constant within an epoch

    A time limit does not hurry it.

    Raises
        ValueError : no function; when called, a number that is no epoch

    >>> rate = by_epoch(lambda epoch: 0.1 if epoch < 10 else 0.01)
    >>> rate(0), rate(9), rate(10)
    (0.1, 0.1, 0.01)
    """

    function: Callable[[int], float]

    def __post_init__(self) -> None:
        _check_function("by_epoch", self.function)

    def __call__(self, epoch: float) -> float:
        """The value in this epoch, a whole number from 0."""
        return self.function(_whole("by_epoch", "epoch", epoch))


@dataclass(frozen=True)
class by_step:
    """A function of the step: 0 in the first one of a fit.

    Arguments
        function : step -> value, finite and >= 0. With `Trainer(accumulate=k)`, k batches are one
            step

    A time limit does not hurry it.

    Raises
        ValueError : no function; when called, a number that is no step

    >>> rate = by_step(lambda step: 0.1 * min(1, (step + 1) / 100))
    >>> rate(0), rate(49), rate(1000)
    (0.001, 0.05, 0.1)

    Source of this warm-up: Goyal et al., "Accurate, large minibatch SGD" (2017), section 2.2.
    """

    function: Callable[[int], float]

    def __post_init__(self) -> None:
        _check_function("by_step", self.function)

    def __call__(self, step: float) -> float:
        """The value in this step, a whole number from 0."""
        return self.function(_whole("by_step", "step", step))


def follows_progress(schedule: object) -> bool:
    """Whether it is a schedule, and of progress: neither `by_epoch` nor `by_step`."""
    return schedule is not None and not isinstance(schedule, by_epoch | by_step)


def _check_function(where: str, function: object) -> None:
    if not callable(function) or isinstance(function, type):
        raise ValueError(
            f"{where}: got {function!r}, expected a function of the {where.removeprefix('by_')}; write a lambda"
        )
    if isinstance(function, Schedule | by_epoch | by_step):
        raise ValueError(f"{where}: got the schedule {function!r}, expected a plain function; give it to the Trainer")


def _whole(where: str, name: str, value: float) -> int:
    """An epoch or a step: a float is one too, if it is whole."""
    is_whole = isinstance(value, float) and value.is_integer()
    return whole_number(where, name, int(value) if is_whole else value, 0, fix=f"it counts {name}s, not progress")


def _between(start: float, end: float, share: float) -> float:
    """start + share * (end - start), written so that rounding leaves both ends exact."""
    return (1 - share) * start + share * end
