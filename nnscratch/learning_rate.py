"""A learning rate to begin with: the loss while the rate grows from step to step."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.checks import NotFiniteError, above, fraction, number, positive, whole_number
from nnscratch.pictures import BLUE, GREY, VERMILION, new_figure, save
from nnscratch.training.batches import Batch, batches_of
from nnscratch.training.data import training_data
from nnscratch.training.step import Step
from nnscratch.training.trainer import Trainer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TOO_HIGH = 4.0  # times the lowest loss so far: from there on the search learns nothing more
_RISEN = 1.5  # times the lowest loss: from there on the rate is too high
_MARGIN = 10.0  # how far below the rate of the lowest loss the suggested one is
_LEAST = 5  # losses that tell how much batches differ
_BEYOND_NOISE = 4.0  # spreads of the smoothed loss that it must fall by, so that it is no chance


@dataclass(frozen=True)
class LearningRateSearch:
    """What a search for a learning rate saw: print it, draw it, or take `suggested`.

    rates : list of the rates, one per step, each a constant factor above the one before
    losses : of each step's batch, before the step
    smoothed : a moving mean of these, corrected for its start
    ended : why it ended before the highest rate, in words; empty if it did not
    lowest : the step with the lowest smoothed loss before it rises by half; None if the loss did
        not fall by more than it differs from batch to batch
    """

    rates: list[float]
    losses: list[float]
    smoothed: list[float]
    ended: str
    lowest: int | None

    @property
    def suggested(self) -> float | None:
        """A tenth of the rate with the lowest loss; None if the loss did not fall."""
        return None if self.lowest is None else self.rates[self.lowest] / _MARGIN

    def __str__(self) -> str:
        tried = (
            f"{len(self.rates)} steps from {self.rates[0]:.2g} to {self.rates[-1]:.2g}{self.ended and ', '}{self.ended}"
        )
        if self.lowest is None:
            return f"no learning rate is suggested: the loss did not fall; {tried}"
        return f"try lr={self.suggested:.2g}: the loss was lowest at {self.rates[self.lowest]:.2g}; {tried}"

    def figure(self) -> Figure:
        """A matplotlib Figure: the loss over the rate, which has a log axis."""
        figure = new_figure(7, 4.5)
        axes = figure.subplots()
        axes.plot(self.rates, self.losses, ".", color=GREY, label="of one batch")
        axes.plot(self.rates, self.smoothed, "-", color=BLUE, label="smoothed")
        if self.suggested is not None:
            axes.axvline(self.suggested, color=VERMILION, linestyle="--", label=f"suggested: {self.suggested:.2g}")
        axes.set_xscale("log")
        low, high = min(self.smoothed), max(self.smoothed[0], 1.5 * self.smoothed[0] - 0.5 * min(self.smoothed))
        room = 0.1 * (high - low) or 0.1 * abs(high) or 1.0
        axes.set_ylim(low - room, high + room)  # what is above is where the search ended
        axes.set_xlabel("learning rate (size of a step per gradient)")
        axes.set_ylabel("loss (in its own units)")
        axes.set_title("The loss while the learning rate grows")
        axes.grid(alpha=0.3)
        axes.legend()
        return figure

    def save_picture(self, path: str | os.PathLike[str]) -> None:
        """Writes `figure()` as a PNG; whole or not at all.

        Raises
            ValueError : `path` does not end in .png
            OSError : the folder is missing or cannot be written
        """
        save(self.figure(), path)

    def _repr_html_(self) -> str:
        from nnscratch.pages.figures import figure
        from nnscratch.pages.markup import element
        from nnscratch.pages.notebook import view

        return view("Learning rate", element("p", str(self)), figure(self.figure(), str(self)))


def find_learning_rate(
    trainer: Trainer,
    x: Any,
    y: np.ndarray | None = None,
    *,
    sample_weight: np.ndarray | None = None,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
    smoothing: float = 0.9,
) -> LearningRateSearch:
    """Tries ever higher learning rates on a copy, and suggests one to begin with.

    Step k = 0, ..., n-1 takes the next batch with the rate
        lr[k] = lowest * (highest / lowest)^(k / (n - 1))
    and the loss before it is smoothed, with s = smoothing, from m = 0:
        m           <- s * m + (1 - s) * loss[k]
        smoothed[k] =  m / (1 - s^(k+1))
    It ends where smoothed[k] exceeds four times its lowest value, or anything is not finite. At
    the rate with the lowest value before it rises by half, the steps are about to be too long: a
    tenth of that rate is suggested.

    Nothing is changed: model, loss, optimizer and the trainer's rng are copied, with their state.
    `accumulate`, `clip_norm` and `augment` are as in a training; schedules play no part, and
    momentum is the optimizer's.

    Arguments
        trainer : a Trainer
        x, y, sample_weight : as for `Trainer.fit`: arrays, or rows, or a Stream
        lowest, highest : rates, > 0, the highest above the lowest (default 1e-06, 10.0)
        steps : >= 2 (default 100); as many batches are taken, from several epochs if need be
        smoothing : in [0, 1) (default 0.9)

    Raises
        ValueError : an argument out of its range; rows that a training would refuse; a loss that is
            not finite in the first step

    >>> import nnscratch as nn
    >>> x = np.random.default_rng(0).uniform(-1, 1, (256, 4)).astype(np.float32)
    >>> model = nn.Sequential(nn.Dense(4, 16, rng=0), nn.Tanh(), nn.Dense(16, 1, rng=1))
    >>> trainer = nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=1.0), batch_size=32)
    >>> search = find_learning_rate(trainer, x, x[:, :1] * x[:, 1:2])
    >>> 0.001 < search.suggested < 1
    True

    Sources: Smith, "Cyclical learning rates for training neural networks" (2017), section 3.3, for
    the test; Howard & Gugger, "Fastai: a layered API for deep learning" (2020), for rates that grow
    exponentially, the smoothing and the tenth.
    """
    where = "find_learning_rate"
    if not isinstance(trainer, Trainer):
        raise ValueError(f"{where}: got {type(trainer).__name__}, expected a Trainer; make one, and do not fit it")
    lowest = positive(where, "lowest", lowest)
    highest = number(where, "highest", highest, above(lowest), fix="set it above lowest")
    steps = whole_number(where, "steps", steps, 2)
    smoothing = fraction(where, "smoothing", smoothing)
    trainer.optimizer.check_model()
    data = training_data(trainer, x, y, sample_weight, None, None, steps, scored=False)
    # As one, so that a layer and the trainer that share an rng share one in the copies too.
    kept = trainer.model, trainer.loss, trainer.optimizer, trainer.rng
    model, loss, optimizer, rng = copy.deepcopy(kept)
    step = Step(model, loss, optimizer, trainer.clip_norm, trainer.accumulate)
    batches = batches_of(data.batches(trainer), trainer.augment, rng, model)
    rates, losses, smoothed, mean, ended = list[float](), list[float](), list[float](), 0.0, ""
    with closing(_endless(batches, rng)) as endless, np.errstate(over="ignore", invalid="ignore"):
        for k, batch in zip(range(steps), endless, strict=False):
            optimizer.lr = lowest * (highest / lowest) ** (k / (steps - 1))
            try:
                value, labels = step.take(batch)
            except NotFiniteError as error:
                if not losses:
                    raise ValueError(
                        f"{where}: got a first step in which {error}, expected finite numbers; nn.diagnose tells more"
                    ) from None
                ended = f"where the loss, a gradient or a weight was no longer finite, at {optimizer.lr:.2g}"
                break
            if not labels:  # the loss of a batch without labels says nothing
                value = losses[-1] if losses else value
            mean = smoothing * mean + (1 - smoothing) * value
            rates.append(optimizer.lr)
            losses.append(value)
            smoothed.append(mean / (1 - smoothing ** (k + 1)))
            if smoothed[-1] > _TOO_HIGH * min(smoothed):
                ended = f"where the loss was over {_TOO_HIGH:g} times its lowest"
                break
    return LearningRateSearch(rates, losses, smoothed, ended, _lowest(losses, smoothed, smoothing))


def _endless(batches: Any, rng: np.random.Generator) -> Generator[Batch, None, None]:
    """The batches of one epoch after another."""
    while True:
        with closing(batches.shuffled(rng)) as of_epoch:
            yield from of_epoch


def _lowest(losses: list[float], smoothed: list[float], s: float) -> int | None:
    """The step with the lowest smoothed loss before it rises again; None if it never fell.

    What comes after the rise says nothing: a network whose units have died predicts the mean, and
    does so at any rate.
    """
    lowest, found = 0, None
    for k, value in enumerate(smoothed):
        if value < smoothed[lowest]:
            lowest = k
            if _has_fallen(losses[: k // 2 + 1], value, s, k):
                found = k
        elif found is not None and value > _RISEN * smoothed[found]:
            break
    return found


def _has_fallen(before: list[float], value: float, s: float, k: int) -> bool:
    """Whether the smoothed loss of step k is below those before it by more than chance."""
    if len(before) < _LEAST:
        return False
    # What the mean of k + 1 independent numbers with these weights has of their variance.
    left = s ** (k + 1)
    share = (1 - s) / (1 + s) * (1 + left) / (1 - left)
    return bool(np.mean(before) - value > _BEYOND_NOISE * np.std(before) * math.sqrt(share))
