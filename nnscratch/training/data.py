"""Data: what `fit` is given to train on and to score, in any of its three kinds.

arrays    x and y in memory, or a np.memmap, checked as a whole before the training
rows      `Rows`, or any RandomAccess: loaded and checked batch by batch
a stream  `Stream`: batches in their own order
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.losses import takes_sample_weight
from nnscratch.optimizers.schedules import follows_progress
from nnscratch.training import arguments
from nnscratch.training.batches import Batches, Share
from nnscratch.training.loaded import Loaded
from nnscratch.training.progress import Clock, StreamClock
from nnscratch.training.rows import RandomAccess, RowBatches, is_random_access, probe, sampled
from nnscratch.training.stream import Stream, StreamBatches

if TYPE_CHECKING:
    from nnscratch.model import Sequential
    from nnscratch.training.trainer import Trainer

_DIAGNOSED = 2048  # rows that a diagnosis of data outside the memory looks at
_ROWS_AT_ONCE = 256  # of validation rows: as many as `Sequential.predict` takes


@dataclass
class Data:
    """What one `fit` trains on; all of it has been checked, or will be as it is loaded.

    source : the array x, a RandomAccess, or a Stream
    y, weights : of arrays
    loaded : checks batches that are no arrays yet
    """

    source: Any
    y: np.ndarray | None
    weights: np.ndarray | None
    loaded: Loaded

    def clock(
        self, trainer: Trainer, epochs: int, time_limit: float | None, now: Callable[[], float] | None = None
    ) -> Clock:
        """A clock for the steps of a fit that begins now.

        now : what gives the time; None: time.perf_counter
        """
        if isinstance(self.source, Stream):
            return StreamClock(self.source.per_epoch, epochs, trainer.accumulate, time_limit)
        return Clock(len(self.source), epochs, rows_per_step(trainer), time_limit, now)

    @property
    def shuffled(self) -> bool | None:
        """Whether every epoch takes the rows in a new random order; of a stream nobody knows."""
        return None if isinstance(self.source, Stream) else True

    def batches(self, trainer: Trainer, share: Share | None = None) -> Batches:
        """What each step takes, in a new order every epoch.

        share : rows of a batch -> those that this process needs; None: all
        """
        if isinstance(self.source, Stream):
            return StreamBatches(self.source, self.loaded, trainer.accumulate)
        if self.y is None:
            return RowBatches(self.source, rows_per_step(trainer), self.loaded, share)
        return Batches(self.source, self.y, rows_per_step(trainer), self.weights, share)

    def for_diagnosis(self, wanted: bool) -> tuple[np.ndarray, np.ndarray]:
        """x and y to diagnose a training on: all of arrays, of other rows some."""
        if self.y is not None:
            return self.source, self.y
        if not wanted:
            return np.empty((0, 1)), np.empty((0, 1))
        x, y, *_ = self.loaded.checked(sampled(self.source, _DIAGNOSED))
        return x, y


def rows_per_step(trainer: Trainer) -> int:
    """Rows whose gradient is one step: those of `accumulate` batches."""
    return trainer.batch_size * trainer.accumulate


def training_data(
    trainer: Trainer,
    x: Any,
    y: Any,
    sample_weight: np.ndarray | None,
    validation: Any,
    checkpoint: object,
    epochs: int,
    *,
    scored: bool = True,
) -> Data:
    """What `fit` trains on, looked at as far as it can be before the training.

    All arguments are the trainer's, or as given to its `fit`;  scored : whether there are epochs
        with scores

    Raises
        ValueError : as `Trainer.fit` says
    """
    if scored:
        arguments.check_metric_has_rows(trainer.metric, validation)
    augmented = trainer.augment is not None
    loaded = _loaded("rows", trainer, augmented=augmented)
    if isinstance(x, Stream):
        _check_no_y(y, sample_weight, "a Stream")
        if scored:
            _check_stream(trainer, x, checkpoint, epochs)
        loaded.where = "a Stream"
        return Data(x, None, None, loaded)
    if is_random_access(x):
        _check_no_y(y, sample_weight, "rows")
        probe(x, loaded)
        return Data(x, None, None, loaded)
    if y is None:
        raise ValueError(
            f"fit: got x of type {type(x).__name__} without y, expected arrays x and y, or one object for both; "
            + ("write nn.Stream(...) around it" if _makes_batches(x) else "write fit(x, y, ...), or fit(nn.Rows(x, y))")
        )
    arguments.check_data(x, y, trainer.model, trainer.loss, augmented=augmented)
    weights = arguments.checked_sample_weight(sample_weight, trainer.loss, len(x))
    return Data(x, y, weights, loaded)


class ScoredBatches:
    """Validation rows that are loaded batch by batch; their predictions and targets are kept.

    source : a RandomAccess or a Stream
    loaded : checks each batch
    """

    def __init__(self, source: RandomAccess | Stream, loaded: Loaded) -> None:
        self.source = source
        self.loaded = loaded

    def answers(self, model: Sequential) -> tuple[np.ndarray, np.ndarray]:
        """Predictions and targets of all rows, (N, ...) each; their weights play no part."""
        predictions, targets = [], []
        if isinstance(self.source, Stream):
            batches = StreamBatches(self.source, self.loaded).shuffled(np.random.default_rng(0))
        else:
            batches = self._in_order(self.source)
        for x, y, *_ in batches:
            predictions.append(model.predict(x))
            targets.append(y.copy())
        self.loaded.check_labels()
        return np.concatenate(predictions), np.concatenate(targets)

    def _in_order(self, rows: RandomAccess) -> Any:
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            indices = np.arange(start, min(start + _ROWS_AT_ONCE, len(rows)))
            yield self.loaded.checked(rows[indices], len(indices))


def validation_data(
    trainer: Trainer, validation: Any, data: Data
) -> tuple[np.ndarray, np.ndarray] | ScoredBatches | None:
    """What `fit` scores after every epoch, or None.

    validation : as given to `fit`;  data : that it trains on

    Raises
        ValueError : as `Trainer.fit` says
    """
    if validation is None:
        return None
    loaded = _loaded("validation rows", trainer)
    if isinstance(validation, Stream):
        loaded.where = "a validation Stream"
        if validation.ends:
            raise ValueError(
                "fit: got a generator as validation, expected batches that can be scored after every epoch; give "
                "nn.Stream a function that begins a new one"
            )
        return ScoredBatches(validation, loaded)
    if is_random_access(validation):
        probe(validation, loaded)
        return ScoredBatches(validation, loaded)
    augmented = trainer.augment is not None
    arguments.check_validation(validation, None if augmented else data.y, trainer.model, trainer.loss)
    x, y = validation
    return x, y


def _loaded(where: str, trainer: Trainer, *, augmented: bool = False) -> Loaded:
    """What checks the batches: unless they are augmented later, they must fit the model."""
    model, loss = trainer.model, trainer.loss

    def fits(x: np.ndarray, y: np.ndarray) -> None:
        arguments.check_fits(model, loss, "validation " if where.startswith("validation") else "", x, y)

    return Loaded(
        where, model.parameters()[0].dtype, classes=arguments.takes_classes(loss),
        weighted=takes_sample_weight(loss), fits=None if augmented else fits,
    )  # fmt: skip


def _check_no_y(y: object, sample_weight: object, what: str) -> None:
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(
                f"fit: got {name} beside {what}, expected {what} alone, whose batches hold it; leave {name} out"
            )


def _check_stream(trainer: Trainer, stream: Stream, checkpoint: object, epochs: int) -> None:
    """Stops what cannot be done with a stream, before it is begun."""
    if checkpoint is not None:
        raise ValueError(
            "fit: got a checkpoint for a Stream, expected rows: nobody can go on in the middle of a stream and get the "
            "same batches; use nn.Rows, or a class with __len__ and __getitem__, or leave the checkpoint out"
        )
    if trainer.ranks.are_several:
        raise ValueError(
            "fit: got a Stream on several ranks, expected rows, of which each rank takes its share; use nn.Rows, or a "
            "class with __len__ and __getitem__"
        )
    if trainer.diagnose_every is not None:
        raise ValueError(
            "fit: got a Stream with diagnose_every, expected rows that can be looked at again; leave it out, or call "
            "nn.diagnose with some rows"
        )
    if stream.per_epoch is None and any(follows_progress(each) for each in (trainer.lr, trainer.momentum)):
        raise ValueError(
            "fit: got a schedule of progress with a Stream of unknown length, expected one that is counted; write "
            "Stream(batches, per_epoch=N), or use schedules.by_epoch or schedules.by_step"
        )
    if stream.ends and stream.per_epoch is None and epochs > 1:
        raise ValueError(
            f"fit: got a Stream of a generator, which gives its batches once, for {epochs} epochs, expected a function "
            "that begins a new one; write nn.Stream(function) without calling it, or give per_epoch"
        )


def _makes_batches(value: object) -> bool:
    if isinstance(value, list | tuple):  # of batches; (x, y) is two arrays
        return any(isinstance(each, list | tuple) for each in value)
    return isinstance(value, Iterator) or (callable(value) and not isinstance(value, type))
