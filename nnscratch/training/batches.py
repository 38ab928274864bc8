"""Batches: the rows of a data set, some at a time, in a new order every epoch; also augmented."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.checks import check_finite
from nnscratch.kernels.memory import Buffers
from nnscratch.kernels.threads import get_threads, single_threaded_blas

if TYPE_CHECKING:
    from nnscratch.model import Sequential

Augment = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]
Batch = tuple[np.ndarray, ...]  # x and y, and the rows' weights where there are some
Share = Callable[[int], slice]  # rows of a batch -> those that somebody looks at


@dataclass(frozen=True)
class Place:
    """A place between two batches of an epoch, from which its other batches can be drawn again.

    batches : of this epoch that lie before it
    start   : state of the rng before the epoch's permutation was drawn
    now     : state of the rng after everything that was drawn for the batches before it

    A state is what `rng.bit_generator.state` gives and takes.
    """

    batches: int
    start: Any
    now: Any


class Batches:
    """The rows of a data set in batches, in a new order every epoch; the whole is never copied.

    x, y : (N, ...), one row of y for each row of x
    batch_size : rows per batch, >= 1
    sample_weight : (N,), a weight for each row; then a batch is (x, y, weights)
    share : rows of a batch -> those that are filled in; the others hold anything. None: all

    >>> batches = Batches(np.arange(5.0), np.arange(5.0), batch_size=2)
    >>> [len(x) for x, y in batches.shuffled(np.random.default_rng(0))]
    [2, 2, 1]
    """

    are_loaded = False  # from elsewhere, so that it pays to have the next one ready

    def __init__(
        self,
        x: np.ndarray,
        y: np.ndarray,
        batch_size: int,
        sample_weight: np.ndarray | None = None,
        share: Share | None = None,
    ) -> None:
        # np.take copies all of a strided array for each batch. This copies it once, and a
        # contiguous array never.
        self.arrays = [np.ascontiguousarray(array) for array in (x, y, sample_weight) if array is not None]
        self._begin(len(x), batch_size, share)
        self.of_batch = [np.empty((self.batch_size, *array.shape[1:]), array.dtype) for array in self.arrays]

    def _begin(self, rows: int, batch_size: int, share: Share | None = None) -> None:
        self.share = share
        self.batch_size = min(batch_size, rows)
        self.rows, self.per_epoch = rows, -(-rows // self.batch_size)
        self._given = 0  # batches of this epoch so far
        self._start: Any = None  # the rng's state before this epoch

    def shuffled(self, rng: np.random.Generator, place: Place | None = None) -> Generator[Batch, None, None]:
        """All rows once, in batches. Each overwrites the one before; the last may be smaller.

        place : where to go on in an epoch that was left; None: at the beginning of a new one
        """
        if place is not None:
            rng.bit_generator.state = place.start
        self._given, self._start = 0 if place is None else place.batches, rng.bit_generator.state
        order = rng.permutation(self.rows)
        if place is not None and place.batches:
            rng.bit_generator.state = place.now
        for start in range(self._given * self.batch_size, len(order), self.batch_size):
            batch = self._batch(order[start : start + self.batch_size])
            self._given += 1
            yield batch

    def _batch(self, rows: np.ndarray) -> Batch:
        batch = tuple(array[: len(rows)] for array in self.of_batch)
        share = slice(None) if self.share is None else self.share(len(rows))
        for array, out in zip(self.arrays, batch, strict=True):
            # mode="clip": with the default, np.take gathers into a buffer of its own first. No row
            # is out of range.
            np.take(array, rows[share], axis=0, out=out[share], mode="clip")
        return batch

    def place(self, rng: np.random.Generator) -> Place:
        """The place behind the batch that `shuffled(rng)` gave last."""
        return Place(self._given, self._start, rng.bit_generator.state)


class AugmentedBatches:
    """Batches that are augmented, or only loaded, in the background while the model trains.

        background   prepare 1   prepare 2   prepare 3   ...
        training                 train on 1  train on 2  ...

    Two sets of arrays take turns: one is filled while the model uses the other. They stay from
    epoch to epoch. `augment` does not see weights of rows; they stay with their rows.

    The numbers are the same with and without a background thread. `rng` draws the
    permutation, then what `augment` draws for the first batch, for the second, and so on: one batch
    at a time, in their order.

    BLAS is held to one thread meanwhile: its number of threads must not depend on which of the two
    sides is busy.

    Arguments
        batches : Batches of the rows
        augment : (x, y, rng) -> x and y of the augmented batch: as many rows, the same dtype, any
            other shape; None: batches stay as they are, and only load in advance. It may return
            new arrays, or the ones that it was given, changed in place. It runs beside the
            training, so it must not use the model. Arrays that it keeps and overwrites in its next
            call are safe in one training only.
        overlap : False prepares each batch only when it is requested, which is also what happens
            when kernels use one thread

    Batches with a `share` augment only its rows: `augment` must take `rows` then
    (`changes_rows`).

    >>> plain, rng = Batches(np.arange(4.0), np.arange(4.0), 2), np.random.default_rng(0)
    >>> batches = AugmentedBatches(plain, lambda x, y, rng: (x + 10, y))
    >>> [(x - y).tolist() for x, y in batches.shuffled(rng)]
    [[10.0, 10.0], [10.0, 10.0]]
    """

    def __init__(self, batches: Batches, augment: Augment | None, *, overlap: bool = True) -> None:
        self.batches = batches
        self.augment = augment
        self.overlap = overlap
        self.rows, self.batch_size, self.per_epoch = batches.rows, batches.batch_size, batches.per_epoch
        self._turns = Buffers(), Buffers()
        self._place: Place | None = None  # behind the last batch, while the thread draws for the next

    def shuffled(self, rng: np.random.Generator, place: Place | None = None) -> Generator[Batch, None, None]:
        """All rows in augmented batches; requesting the next one may overwrite a batch.

        place : where to go on in an epoch that was left; None: at the beginning of a new one

        A caller that stops in the middle must close the generator (`contextlib.closing`), which
        ends the thread and leaves `rng` as it was behind the last batch.

        Raises
            ValueError : augment returned no arrays, another number of rows, or another dtype
            whatever augment raises, when its batch is requested
        """
        with single_threaded_blas():
            if self.overlap and get_threads() > 1:
                yield from self._prefetched(rng, place)
            else:
                for batch in self.batches.shuffled(rng, place):
                    yield self._augmented(batch, rng)

    def place(self, rng: np.random.Generator) -> Place:
        """The place behind the batch that `shuffled(rng)` gave last."""
        return self._place or self.batches.place(rng)

    def _prefetched(self, rng: np.random.Generator, place: Place | None) -> Generator[Batch, None, None]:
        rows = self.batches.shuffled(rng, place)

        def prepare(kept: Buffers) -> tuple[Batch, Place] | None:
            """The next batch, copied into `kept`, and the place behind it; None at the end."""
            batch = next(rows, None)
            if batch is None:
                return None
            batch = self._augmented(batch, rng)
            copies = tuple(kept.get(str(i), array.shape, array.dtype) for i, array in enumerate(batch))
            for copy, array in zip(copies, batch, strict=True):
                np.copyto(copy, array)
            return copies, self.batches.place(rng)

        try:
            # However the block is left, by an error or by `close` too, it waits for the thread.
            with ThreadPoolExecutor(1, thread_name_prefix="nnscratch-augment") as thread:
                turns = cycle(self._turns)
                # The caller's context: its np.errstate holds for augment too.
                coming = thread.submit(copy_context().run, prepare, next(turns))
                while (prepared := coming.result()) is not None:
                    batch, self._place = prepared
                    coming = thread.submit(copy_context().run, prepare, next(turns))
                    yield batch
        finally:
            if self._place is not None:  # forget what was drawn for a batch that nobody asked for
                rng.bit_generator.state, self._place = self._place.now, None

    def _augmented(self, batch: Batch, rng: np.random.Generator) -> Batch:
        if self.augment is None:
            return batch
        x, y, *weights = batch
        new_x, new_y = self._changed(self.augment, x, y, rng)
        for name, old, new in (("x", x, new_x), ("y", y, new_y)):
            if not isinstance(new, np.ndarray):
                raise ValueError(f"augment: got {name} of {type(new).__name__}, expected a NumPy array; use np.asarray")
            if new.dtype != old.dtype or new.shape[:1] != x.shape[:1]:
                raise ValueError(
                    f"augment: got {name} of {new.dtype}, shape {new.shape}, expected {old.dtype} and {len(x)} rows as "
                    "in the batch; change augment"
                )
        return new_x, new_y, *weights

    def _changed(self, augment: Augment, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Batch:
        if (share := self.batches.share) is None:
            return augment(x, y, rng)
        rows = share(len(x))
        return in_their_place(augment(x, y, rng, rows=rows), rows, len(x))  # type: ignore[call-arg]


def in_their_place(parts: Batch, rows: slice, count: int) -> Batch:
    """Arrays of `count` rows that hold the parts in these rows, and anything in the others."""
    whole = tuple(np.empty((count, *part.shape[1:]), part.dtype) for part in parts)
    for array, part in zip(whole, parts, strict=True):
        array[rows] = part
    return whole


def changes_rows(augment: Augment) -> bool:
    """Whether `augment` takes `rows`: draws for the whole batch, and gives these rows, changed.

    >>> changes_rows(lambda x, y, rng: (x, y))
    False
    >>> changes_rows(lambda x, y, rng, rows: (x[rows], y[rows]))
    True
    """
    try:
        return "rows" in inspect.signature(augment).parameters
    except (TypeError, ValueError):  # what is written in C need not say
        return False


def batches_of(
    batches: Batches, augment: Augment | None, rng: np.random.Generator, model: Sequential
) -> Batches | AugmentedBatches:
    """The batches, augmented or not, for the training of a model with this rng.

    An `augment` that takes no `rows` needs all rows of a batch, and changes them, even if `batches`
    is asked for a share: what it draws for a row depends on those before it.
    """
    if augment is None and not batches.are_loaded:
        return batches
    if augment is not None and not changes_rows(augment):
        batches.share = None
    # If a Dropout draws from the trainer's own rng, the threads must not decide who draws first.
    shared = any(getattr(layer, "rng", None) is rng for layer in model.layers)
    return AugmentedBatches(batches, augment, overlap=not shared)


def check_rows(which: str, x: np.ndarray, y: np.ndarray, dtype: np.dtype[Any], *, classes: bool = False) -> None:
    """Stops rows that a model cannot learn from, before any time goes into them.

    which : begins the arrays' names in the message: "" or "validation "
    x, y : (N, ...), NaN in y where a label is missing
    dtype : of the model's parameters
    classes : whether y may hold integers, too

    Raises
        ValueError : no arrays, no rows, lengths that differ, another dtype, NaN or inf in x, inf or
            only NaN in y
    """
    if not isinstance(x, np.ndarray) or not isinstance(y, np.ndarray):
        raise ValueError(f"fit: got {which}x, y = {type(x)}, {type(y)}, expected NumPy arrays; use nn.as_rows")
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise ValueError(
            f"fit: got {which}x of shape {x.shape} and y of {y.shape}, expected one row of y for each row of x; look "
            "at how the rows were selected"
        )
    if len(x) == 0:
        raise ValueError(f"fit: got {which}x without rows, expected at least one; look at how the rows were selected")
    for name, array in (("x", x), ("y", y)):
        if array.dtype != dtype and not (classes and array is y and array.dtype.kind in "iu"):
            raise ValueError(
                f"fit: got {which}{name} of {array.dtype}, expected the model's {dtype}; use {name}.astype(np.{dtype}) "
                "to convert it once, or nn.Rows(x, y, convert=...) batch by batch"
            )
    check_finite("fit", f"{which}x", x)
    if np.isinf(y).any():
        raise ValueError(
            f"fit: got {which}y with infinite values, expected numbers, or NaN where a label is missing; look at y"
        )
    if np.isnan(y).all():
        raise ValueError(f"fit: got {which}y of NaN only, expected labels to learn from; look at y")
