"""Prefetch: the next batch is gathered and augmented in the background while the model trains on the current one."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from nnscratch.kernels.memory import Buffers
from nnscratch.kernels.threads import get_threads, single_threaded_blas

if TYPE_CHECKING:
    from nnscratch.training.batches import Batches

Augment = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]
_Pair = tuple[np.ndarray, np.ndarray]


class AugmentedBatches:
    """Batches that are augmented, each while the model trains on the one before.

    The generator draws the permutation, then what `augment` draws for the first batch, for the second, and so on: the
    same numbers with and without a thread in the background, for it works on one batch at a time, in their order.

        background   prepare 1   prepare 2   prepare 3   ...
        training                 train on 1  train on 2  ...

    Two pairs of arrays take turns: one is filled while the model uses the other. They stay from epoch to epoch.

    Arguments
        batches : Batches of the rows
        augment : (x, y, generator) -> new x and y of a batch, of as many rows and the same dtype; other shapes may
            be, and arrays that its next call overwrites. It runs in another thread, beside the training: it must not
            use the model.
        overlap : False prepares each batch when it is asked for. So it is done too where kernels use one thread.

    BLAS is held to one thread meanwhile: how many threads it has must not depend on which of the two is busy.

    >>> from nnscratch.training.batches import Batches
    >>> batches = AugmentedBatches(Batches(np.arange(4.0), np.arange(4.0), 2), lambda x, y, generator: (x + 10, y))
    >>> sorted(float(value) for x, y in batches.shuffled(np.random.default_rng(0)) for value in x - y)
    [10.0, 10.0, 10.0, 10.0]
    """

    def __init__(self, batches: Batches, augment: Augment, *, overlap: bool = True) -> None:
        self.batches = batches
        self.augment = augment
        self.overlap = overlap
        self._pairs = Buffers(), Buffers()

    def shuffled(self, generator: np.random.Generator) -> Generator[_Pair, None, None]:
        """All rows in augmented batches; each pair may be overwritten as soon as the next one is asked for.

        Whoever stops in the middle closes it (`contextlib.closing`): that ends the thread. By then the generator may
        have drawn for a batch that nobody has seen.

        Raises
            ValueError : augment gave no arrays, another number of rows, or another dtype
            whatever augment raises, when its batch is asked for
        """
        with single_threaded_blas():
            if self.overlap and get_threads() > 1:
                yield from self._ahead(generator)
            else:
                for x, y in self.batches.shuffled(generator):
                    yield self._augmented(x, y, generator)

    def _ahead(self, generator: np.random.Generator) -> Generator[_Pair, None, None]:
        rows = self.batches.shuffled(generator)

        def prepare(pair: Buffers) -> _Pair | None:
            """The next batch, copied into `pair`; None at the end."""
            batch = next(rows, None)
            if batch is None:
                return None
            x, y = self._augmented(*batch, generator)
            kept = pair.get("x", x.shape, x.dtype), pair.get("y", y.shape, y.dtype)
            np.copyto(kept[0], x)
            np.copyto(kept[1], y)
            return kept

        # At its end, also by an error or by `close`, the block waits for the thread.
        with ThreadPoolExecutor(1, thread_name_prefix="nnscratch-augment") as thread:
            turns = cycle(self._pairs)
            # In a copy of the caller's context: what np.errstate says there holds for augment too.
            coming = thread.submit(copy_context().run, prepare, next(turns))
            while (batch := coming.result()) is not None:
                coming = thread.submit(copy_context().run, prepare, next(turns))
                yield batch

    def _augmented(self, x: np.ndarray, y: np.ndarray, generator: np.random.Generator) -> _Pair:
        new_x, new_y = self.augment(x, y, generator)
        for name, new in (("x", new_x), ("y", new_y)):
            if not isinstance(new, np.ndarray):
                raise ValueError(
                    f"got a {type(new).__name__} as {name} from augment, expected a NumPy array; use np.asarray"
                )
            if new.dtype != x.dtype or new.shape[:1] != x.shape[:1]:
                raise ValueError(
                    f"got {name} of {new.dtype}, shape {new.shape} from augment, expected {x.dtype} and {len(x)} rows "
                    "as in the batch; change augment"
                )
        return new_x, new_y
