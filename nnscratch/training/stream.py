"""Streams: batches that come one after another, such as from a generator, with no other order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

import numpy as np

from nnscratch.checks import whole_number
from nnscratch.training.batches import Batch, Batches, Place
from nnscratch.training.loaded import Loaded

Source = Callable[[], Iterable[Any]] | Iterable[Any]


class Stream:
    """Batches in the order in which somebody makes them: they are not shuffled, and not counted.

    Arguments
        batches : a function without arguments that begins a new pass, such as a generator function;
            or something to loop over. Each batch is (x, y) or (x, y, sample_weight), of any number
            of rows, in the dtype of the model. A generator, which can be looped over once, is fine
            for one epoch, or with `per_epoch`
        per_epoch : batches that make an epoch, >= 1. A pass that ends earlier is followed by
            another one; what is left of it goes into the next epoch. None: one pass is an epoch

    What a training on a stream does without: `batch_size`, which the stream decides; a checkpoint,
    because nobody can go on in the middle of a stream and get the same batches; `diagnose_every`,
    which looks at the same rows again and again. A schedule of progress needs `per_epoch`;
    `schedules.by_epoch` and `schedules.by_step` do not.

    Raises
        ValueError : neither a function nor something to loop over, a per_epoch below 1

    >>> import nnscratch as nn
    >>> def endless():
    ...     rng = np.random.default_rng(0)
    ...     while True:
    ...         x = rng.uniform(-1, 1, (20, 1)).astype(np.float32)
    ...         yield x, 2 * x
    >>> model = nn.Sequential(nn.Dense(1, 1, rng=0))
    >>> trainer = nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.3))
    >>> history = trainer.fit(Stream(endless, per_epoch=50), epochs=4)
    >>> history.columns["images"], round(model.layers[0].params["weight"].item(), 2)
    ([1000, 1000, 1000, 1000], 2.0)
    """

    def __init__(self, batches: Source, per_epoch: int | None = None) -> None:
        self.per_epoch = None if per_epoch is None else whole_number("Stream", "per_epoch", per_epoch)
        if isinstance(batches, type | str | bytes | np.ndarray) or not (
            callable(batches) or hasattr(batches, "__iter__")
        ):
            raise ValueError(
                f"Stream: got batches of type {type(batches).__name__}, expected a function that gives batches (x, y), "
                "or something to loop over; pass a generator function"
            )
        self.source = batches

    @property
    def ends(self) -> bool:
        """Whether there can be one pass only: its source is an iterator."""
        return isinstance(self.source, Iterator)

    def begin(self) -> Iterator[Any]:
        """A new pass; of an iterator, what is left of it.

        Raises
            ValueError : the function gave nothing to loop over
        """
        batches = self.source if isinstance(self.source, Iterable) else self.source()
        if not isinstance(batches, Iterable):
            raise ValueError(
                f"Stream: got {type(batches).__name__} from the function, expected something to loop over; yield the "
                "batches, or return them in a list"
            )
        return iter(batches)

    def __repr__(self) -> str:
        return f"Stream({self.source!r}, per_epoch={self.per_epoch})"


class StreamBatches(Batches):
    """The batches of a stream, epoch after epoch, each checked as it comes.

    stream : of batches
    loaded : checks each batch
    joined : batches that are joined to one, >= 1; the last of an epoch may be of fewer

    >>> stream = Stream([(np.ones((3, 1)), np.ones((3, 1)))] * 5)
    >>> batches = StreamBatches(stream, Loaded("a Stream", np.dtype(float)), joined=2)
    >>> [len(x) for x, y in batches.shuffled(np.random.default_rng(0))]
    [6, 6, 3]
    """

    def __init__(self, stream: Stream, loaded: Loaded, joined: int = 1) -> None:
        self.stream = stream
        self.loaded = loaded
        self.joined = joined
        self._pass: Iterator[Any] | None = None
        self._begin(1, 1)  # how many rows there are nobody knows

    def shuffled(self, rng: np.random.Generator, place: Place | None = None) -> Generator[Batch, None, None]:
        """The batches of one epoch, in their order; `rng` and `place` are for other kinds of data.

        Raises
            ValueError : a batch is wrong (`Loaded`), an epoch has no label, or the stream no more
        """
        self._given, self._start = 0, rng.bit_generator.state
        if self.stream.per_epoch is None:
            self._pass = None
        waiting: list[Batch] = []
        for batch in self._of_epoch():
            if self.joined == 1:
                self._given += 1
                yield batch
                continue
            waiting.append(tuple(array.copy() for array in batch))  # the stream may overwrite its own
            if len(waiting) == self.joined:
                self._given += len(waiting)
                yield _together(waiting)
                waiting = []
        if waiting:
            self._given += len(waiting)
            yield _together(waiting)
        self.loaded.check_labels()

    def _of_epoch(self) -> Iterator[Batch]:
        given, of_pass = 0, 0
        while given != self.stream.per_epoch:
            if self._pass is None:
                self._pass, of_pass = self.stream.begin(), 0
                began = True
            else:
                began = False
            batch = next(self._pass, None)
            if batch is not None:
                given, of_pass = given + 1, of_pass + 1
                yield self.loaded.checked(batch)
                continue
            self._pass = None
            if began or (given == 0 and self.stream.ends):
                fix = "pass a function that begins a new one" if self.stream.ends else "look at what makes them"
                raise ValueError(
                    f"fit: got a Stream that ended after {given} batches of an epoch, expected more; {fix}"
                )
            if self.stream.per_epoch is None:
                return


def _together(batches: list[Batch]) -> Batch:
    """Batches as one; one without weights counts 1 a row beside others."""
    weighted = any(len(batch) == 3 for batch in batches)
    whole = [(*batch, np.ones(len(batch[0]))) if weighted and len(batch) == 2 else batch for batch in batches]
    return tuple(np.concatenate(arrays) for arrays in zip(*whole, strict=True))
