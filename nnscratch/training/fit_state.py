"""All that one call of `Trainer.fit` changes while it runs: what a checkpoint must hold."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.history import Outcome
from nnscratch.kernels.finite import all_finite
from nnscratch.training.batches import Batch, Place
from nnscratch.training.checkpoint import Checkpoint, State, damaged
from nnscratch.training.stopping import Stop, StoppedFromOutside

if TYPE_CHECKING:
    from nnscratch.diagnosis.watch import TrainingWatch
    from nnscratch.history import History
    from nnscratch.optimizers.base import Optimizer
    from nnscratch.training.averaging import WeightAverage
    from nnscratch.training.batches import AugmentedBatches, Batches
    from nnscratch.training.best_weights import BestWeights
    from nnscratch.training.fit_together import SharedCheckpoint
    from nnscratch.training.progress import Clock


@dataclass
class EpochSoFar:
    """What the batches of an epoch add up to.

    images  : rows trained on
    labels  : labelled values among their targets, times their weights (rows, if the loss does not
        say its labels)
    loss    : the sum of labels * loss of a batch, so that loss / labels is the epoch's loss
    seconds : time spent on it
    """

    images: int = 0
    labels: float = 0
    loss: float = 0.0
    seconds: float = 0.0

    def count(self, images: int, labels: float, loss: float) -> None:
        """Adds a batch: its rows, its labels, and its loss, which is the mean over its labels."""
        self.images += images
        self.labels += labels
        self.loss += loss * labels

    @property
    def mean_loss(self) -> float:
        """The loss over all labels so far; NaN if there was none: then nothing is known."""
        return self.loss / self.labels if self.labels else math.nan


@dataclass
class FitState:
    """What one `fit` of a Trainer keeps from batch to batch.

    optimizer, rng : the trainer's; the optimizer's model is part of the state
    history, batches, clock, average, best, watch : of this fit
    stop       : asks the training to end between two steps
    checkpoint : where the state is kept; None: nowhere

    Attributes
        epoch : what the epoch under way adds up to
        place : where the next batches begin; None while some are drawn
    before : epochs of an earlier fit in the history
    """

    optimizer: Optimizer
    rng: np.random.Generator
    history: History
    batches: Batches | AugmentedBatches
    clock: Clock
    average: WeightAverage | None
    best: BestWeights
    watch: TrainingWatch
    stop: Stop
    checkpoint: Checkpoint | SharedCheckpoint | None = None
    epoch: EpochSoFar = field(default_factory=EpochSoFar)
    place: Place | None = None
    before: int = field(init=False)

    def __post_init__(self) -> None:
        self.before = len(self.history)
        self._begin_epoch()
        if self.checkpoint is not None and (saved := self.checkpoint.load()) is not None:
            try:
                self.restore(saved)
            except ValueError as error:
                raise damaged(self.checkpoint.path, error) from error

    def batches_left(self) -> Generator[Batch, None, None]:
        """The batches that are left: all of a new epoch, the rest of one that was left."""
        place, self.place = self.place, None
        return self.batches.shuffled(self.rng, place)

    def close(self) -> None:
        """Returns when the last checkpoint is on disk."""
        if self.checkpoint is not None:
            self.checkpoint.wait()

    @property
    def where(self) -> str:
        """How far the training has come, in words."""
        batches, epochs = self._present_place().batches, len(self.history)
        return f"in batch {batches} of epoch {epochs + 1}" if batches else f"at the end of epoch {epochs}"

    def between_steps(self) -> None:
        """Saves the state if it is time to; ends the training if it is asked to end.

        Raises
            StoppedFromOutside : it is; the state is saved
        """
        stopped = self.stop.is_set()
        if self.checkpoint is not None and (stopped or self.checkpoint.is_due):
            self.checkpoint.save(self.state())
        if stopped:
            raise StoppedFromOutside

    def end_epoch(self) -> None:
        """The epoch is written down: from here the next one begins. Saves the state."""
        self._begin_epoch()
        if self.checkpoint is not None:
            self.checkpoint.save(self.state())

    def _begin_epoch(self) -> None:
        self.epoch = EpochSoFar()
        now = self.rng.bit_generator.state
        self.place = Place(0, now, now)

    def state(self) -> State:
        """Everything that the training depends on from here on, and what it has written down.

        Raises
            NotFiniteError : a weight is NaN or infinite: from there no training can go on
        """
        model = self.optimizer.model
        model.check_finite()
        return {
            "parameters": model.copy_parameters(),
            "optimizer": self.optimizer.state(),
            "average": None if self.average is None else self.average.state(),
            "best": self.best.state(),
            "frozen": [layer.frozen for layer in model.layers],
            "rngs": [rng.bit_generator.state for rng in self._layer_rngs()],
            "place": asdict(self._present_place()),
            "epoch": asdict(self.epoch),
            "clock": self.clock.state(),
            "hopeless": self.watch.hopeless,
            "history": self.history.state(),
        }

    def restore(self, state: State) -> None:
        """Puts everything back as it was when `state` was taken.

        Raises
            ValueError : it does not fit this training, or a number is out of its range; then
                everything is as it was before
        """
        with self._all_or_nothing():
            _check_finite(state, "")
            self.optimizer.model.put_back(state["parameters"])
            self.optimizer.restore(state["optimizer"])
            if self.average is not None:
                self.average.restore(state["average"])
            self.best.restore(state["best"])
            for layer, frozen in zip(self.optimizer.model.layers, state["frozen"], strict=True):
                layer.frozen = frozen
            for rng, saved in zip(self._layer_rngs(), state["rngs"], strict=True):
                rng.bit_generator.state = saved
            self.place = self._checked_place(state["place"])
            self.epoch = EpochSoFar(**state["epoch"])
            self.clock.restore(state["clock"])
            self.watch.hopeless = _count("hopeless", state["hopeless"])
            self.history.restore(state["history"])
            self._check_counts()

    def _present_place(self) -> Place:
        return self.batches.place(self.rng) if self.place is None else self.place

    def _layer_rngs(self) -> list[np.random.Generator]:
        """The Generators that the layers draw from while they train, such as Dropout's."""
        rngs = [getattr(layer, "rng", None) for layer in self.optimizer.model.layers]
        return [rng for rng in rngs if isinstance(rng, np.random.Generator)]

    def _checked_place(self, saved: Mapping[str, Any]) -> Place:
        """The saved place; the trainer's rng is at it."""
        place = Place(_count("batches", saved["batches"]), saved["start"], saved["now"])
        for state in (place.start, place.now):
            self.rng.bit_generator.state = state
        return place

    def _check_counts(self) -> None:
        """The numbers of rows, batches and epochs must agree with each other."""
        assert self.place is not None
        batches, rows = self.batches, self.batches.rows
        at_most = min(rows, self.place.batches * batches.batch_size)
        epochs = len(self.history) - self.before
        done = epochs * rows + self.epoch.images
        over = self.history.outcome is not None  # a time limit may have cut the last epoch short
        if (
            self.place.batches > batches.per_epoch
            or self.epoch.images != at_most
            or (self.clock.images > done if over else self.clock.images != done)
            or done > self.clock.total_images
            # Beyond its last epoch a training would never end.
            or epochs < 0
            or (not over and epochs * rows == self.clock.total_images)
            or (self.history.outcome is Outcome.ALL_EPOCHS and self.clock.images != self.clock.total_images)
        ):
            raise ValueError(f"{self.clock.images} rows in {len(self.history)} epochs and {self.place.batches} batches")

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Undoes all changes to what is trained if the block raises, whatever it raises."""
        model = self.optimizer.model
        parameters, optimizer = model.copy_parameters(), self.optimizer.state()
        frozen = [layer.frozen for layer in model.layers]
        rngs = [self.rng, *self._layer_rngs()]
        states = [rng.bit_generator.state for rng in rngs]
        try:
            yield
        except Exception as error:  # a state from a file may be wrong in any way
            model.put_back(parameters)
            self.optimizer.restore(optimizer)
            for layer, value in zip(model.layers, frozen, strict=True):
                layer.frozen = value
            for rng, state in zip(rngs, states, strict=True):
                rng.bit_generator.state = state
            raise ValueError(f"{type(error).__name__}: {error}") from error


def _count(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{name} is {value!r}")
    return value


def _check_finite(value: Any, name: str) -> None:
    """Stops arrays and numbers that are not finite, wherever they are; scores may be."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        if not all_finite(value):
            raise ValueError(f"{name} is not finite")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} is {value}")
    elif isinstance(value, Mapping):
        for key, each in value.items():
            _check_finite(each, f"{name} {key}".strip())
    elif isinstance(value, list):
        for each in value:
            _check_finite(each, name)
