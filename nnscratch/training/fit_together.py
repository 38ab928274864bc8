"""One `fit` on all ranks: the same clock, the same end, one checkpoint, the sum of all gradients.

Every step ends with one Allreduce of one buffer:

    [ gradients * labels | loss * labels, labels | failed, stop, due | seconds, rest of seconds ]

    gradients  of this rank's rows, each the mean over their labels: * labels makes sums of them,
               which add up over the ranks as they would over the rows of one process
    failed     the loss or a gradient of this rank is not finite: the training ends on all
    stop       this rank is asked to end the training, by Ctrl-C, say: all do before the next step
    due        rank 0 will write a checkpoint before the next step
    seconds    of rank 0's clock, which decides for all; the others add 0

Why one buffer: a message costs some microseconds on one machine and some tens between two, however
short it is, so that a message per layer would take longer than the numbers in it.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from zlib import crc32

import numpy as np

from nnscratch.checks import NotFiniteError
from nnscratch.layers.dropout import masks_for
from nnscratch.losses import SumOfLosses, counts_of_terms, of_part
from nnscratch.optimizers.parameters import gradient_of, moves
from nnscratch.training.checkpoint import Checkpoint, largest_state
from nnscratch.training.divergence import check_bias_gradients, check_loss
from nnscratch.training.same_training import first_difference, rows
from nnscratch.training.stopping import AnyOf, Stop

if TYPE_CHECKING:
    from nnscratch.layers.base import Layer
    from nnscratch.optimizers.base import Optimizer
    from nnscratch.training.all_ranks import Ranks
    from nnscratch.training.batches import Batch
    from nnscratch.training.checkpoint import OnError, State
    from nnscratch.training.progress import Clock
    from nnscratch.training.step import Step

_FACTS = 7  # numbers behind the gradients

_T = TypeVar("_T")

Settings = Callable[[], Mapping[str, str]]


class FitTogether:
    """What the ranks of one fit have agreed on last; it is also their `Stop`.

    ranks     : all of them
    optimizer : the trainer's, of the model that they train

    With one rank alone it passes everything through: the clock is this process's.
    """

    def __init__(self, ranks: Ranks, optimizer: Optimizer) -> None:
        self.ranks = ranks
        self.optimizer, self.model = optimizer, optimizer.model
        self.asked: Stop = AnyOf()  # asks this rank to end the training
        self.settings: Settings = dict  # of `begin`
        self.kept: Checkpoint | None = None  # rank 0's
        self.is_due = False
        self._stopped = False
        self._seconds = time.perf_counter()
        self._own = self._sum = np.zeros(0)

    def now(self) -> float:
        """Seconds of rank 0's clock, as of the last step or the last `agreed`."""
        return self._seconds if self.ranks.are_several else time.perf_counter()

    def is_set(self) -> bool:
        """Whether a rank was asked, before that moment, to end the training."""
        return self._stopped if self.ranks.are_several else self.asked.is_set()

    @property
    def share(self) -> Callable[[int], slice] | None:
        """Rows of a batch -> those that this rank looks at; None: all."""
        return self.ranks.share_or_one if self.ranks.are_several else None

    def begin(
        self, settings: Settings, rng: np.random.Generator, clock: Clock, asked: Stop, *, steps_watched: int = 0
    ) -> None:
        """Stops ranks that do not train the same; from then on an error of one alone ends all.

        settings : gives what steers the numbers (same_training.py)
        rng      : the trainer's
        clock    : of the fit: it goes on as rank 0's, with its time limit
        asked    : asks this rank to end the training
        steps_watched : how many callbacks look at each step

        Raises
            ValueError : names the first rank that differs from rank 0, and in what
        """
        self.settings, self.asked = settings, asked
        if not self.ranks.are_several:
            return
        own = {**settings(), **self._start(rng), "callbacks of steps": repr(steps_watched)}
        first = self.ranks.agreed(lambda: own)
        self.ranks.have_begun = True

        def compare() -> None:
            if difference := first_difference(own, first):
                raise ValueError(f"fit: got {difference} as on rank 0; start the same program with the same data")

        self.ranks.agreed(compare)
        clock.began, clock.time_limit = self.agreed(lambda: (clock.began, clock.time_limit))

    def check_end(self, end: BaseException) -> None:
        """Ends all ranks if what has ended the training of this one has not ended theirs.

        That is a second Ctrl-C in the middle of a step, or NaN in a callback. Weights that are not
        finite when a checkpoint is due are so on all ranks.
        """
        of_all = self.ranks.is_of_all(end) or self.is_due or self._stopped
        if isinstance(end, KeyboardInterrupt) or (isinstance(end, NotFiniteError) and not of_all):
            self.ranks.end_all(end)

    def agreed(self, function: Callable[[], _T]) -> _T:
        """`Ranks.agreed`; then all know the time, who asks for the end, and that no weights differ.

        Raises
            ValueError : the weights of a rank differ from those of rank 0
        """
        result = self.ranks.agreed(function)
        if self.ranks.are_several:
            weights = 0
            for w in self.model.parameters():
                weights = crc32(np.ascontiguousarray(w).view(np.uint8).data, weights)
            said = self.ranks.gathered((weights, self.asked.is_set(), time.perf_counter()))
            self._seconds, self._stopped = said[0][2], any(stopped for _, stopped, _ in said)
            other = next((rank for rank, each in enumerate(said) if each[0] != said[0][0]), None)
            if other is not None:
                raise self.ranks.of_all(ValueError(
                    f"fit: got on rank {other} other weights than on rank 0, expected the same; let callbacks change "
                    "the model on every rank alike"
                ))  # fmt: skip
        return result

    def checkpoint(
        self, path: str | os.PathLike[str] | None, on_error: OnError | None
    ) -> Checkpoint | SharedCheckpoint | None:
        """Where the state is kept, if rank 0 has a path: it writes, and all read what it reads.

        path, on_error : as given to `fit`
        """

        def make() -> Checkpoint | None:
            if path is None:
                return None
            return Checkpoint(path, self.settings(), on_error, most_bytes=largest_state(self.model))

        if not self.ranks.are_several:
            return make()

        def place() -> Path | None:
            self.kept = make()
            return None if self.kept is None else self.kept.path

        shared = self.ranks.from_first(place)
        return None if shared is None else SharedCheckpoint(self, shared)

    def gradients(self, step: Step, batch: Batch) -> tuple[float, float]:
        """Leaves the gradients of the whole batch in the layers; returns its loss and its labels.

        step    : computes the gradients of some rows
        batch   : (x, y) or (x, y, sample_weight), the same on all ranks, of which only this rank's
            rows need be filled in (`Ranks.share_or_one`)

        Raises
            NotFiniteError : the loss or a gradient is not finite on a rank; on all of them
        """
        if not self.ranks.are_several:
            return step.gradients(step.loss, batch)
        count = len(batch[0])
        share, failure = self.ranks.share_or_one(count), None
        own = tuple(array[share] for array in batch)
        is_empty = self.ranks.share(count).stop == self.ranks.share(count).start
        part = self._part_of(step.loss, own, is_empty) if isinstance(step.loss, SumOfLosses) else None
        loss = labels = 0.0
        try:
            with masks_for(share, count):
                loss, labels = step.gradients(part or step.loss, own)
        except NotFiniteError as error:
            failure = error
        if failure is not None or is_empty:
            loss = labels = 0.0
        places = [(layer, name) for layer in self.model.layers if moves(layer) for name in layer.params]
        gradients = [gradient_of("fit", *place) for place in places] if failure is None else []
        weight = labels / count if part is None else float(failure is None and not is_empty)
        self._pack(gradients, weight, loss, labels, failed=failure is not None)
        assert self.ranks.communicator is not None
        self.ranks.communicator.Allreduce(self._own, self._sum)
        total, labels, failed, *news = self._sum[-_FACTS:].tolist()
        self._stopped, self.is_due, self._seconds = news[0] > 0, news[1] > 0, news[2] + news[3]
        if failed:
            self.ranks.raise_of_all(failure)
        factor = 1.0 if part is not None else count / labels if labels else 0.0
        self._unpack(places, factor)
        try:  # the same numbers on all ranks
            check_loss(total * factor)
            check_bias_gradients(self.model)
        except NotFiniteError as error:
            raise self.ranks.of_all(error) from None
        return total * factor, labels

    def _part_of(self, loss: SumOfLosses, own: Batch, is_empty: bool) -> SumOfLosses:
        """The loss of this rank's rows, such that those of all ranks add up to the whole batch's.

        Each term of a sum is a mean over labels of its own, which have to be counted before.
        """
        counts = [0.0 if is_empty else count for count in counts_of_terms(loss, *own[1:])]
        whole = [math.fsum(each) for each in zip(*self.ranks.gathered(counts), strict=True)]
        return of_part(
            loss, [count / all_ranks if all_ranks else 0.0 for count, all_ranks in zip(counts, whole, strict=True)]
        )

    def _pack(self, gradients: list[np.ndarray], weight: float, loss: float, labels: float, *, failed: bool) -> None:
        """Fills the buffer that is sent; `weight` makes the mean over labels a sum, over rows."""
        parameters = [w for layer in self.model.layers if moves(layer) for w in layer.params.values()]
        size = sum(w.size for w in parameters) + _FACTS
        if self._own.size != size:
            dtype = np.result_type(*parameters)
            self._own, self._sum = np.empty(size, dtype), np.empty(size, dtype)
        own, at = self._own, 0
        if weight == 0:  # an infinite gradient of rows that do not count would become NaN
            own[:-_FACTS] = 0
        else:
            for dw in gradients:
                np.multiply(dw, own.dtype.type(weight), out=own[at : at + dw.size].reshape(dw.shape))
                at += dw.size
        seconds = time.perf_counter() if self.ranks.is_first else 0.0
        rough = float(own.dtype.type(seconds))
        due = self.kept is not None and self.kept.is_due
        own[-_FACTS:] = loss * weight, labels, failed, self.asked.is_set(), due, rough, seconds - rough

    def _unpack(self, places: list[tuple[Layer, str]], factor: float) -> None:
        """Writes the sums, times `factor`, into the gradients."""
        at = 0
        for layer, name in places:
            dw = layer.grads[name]
            total = self._sum[at : at + dw.size].reshape(dw.shape)
            if not dw.flags.writeable:  # a layer of one's own may give such
                dw = layer.grads[name] = np.empty_like(dw)
            np.multiply(total, total.dtype.type(factor), out=dw, casting="same_kind")
            at += dw.size

    def _start(self, rng: np.random.Generator) -> dict[str, str]:
        """What must be the same on all ranks besides the settings: weights, random states."""
        state = self.optimizer.state()
        rngs = [rng, *(getattr(layer, "rng", None) for layer in self.model.layers)]
        drawn = [repr(each.bit_generator.state).encode() for each in rngs if isinstance(each, np.random.Generator)]
        return {
            "weights": rows(*self.model.parameters()),
            "steps": repr(state["steps"]),
            "running means": rows(*state["means"]),
            "random numbers": rows(*(np.frombuffer(text, np.uint8) for text in drawn)),
        }


class SharedCheckpoint:
    """Rank 0's checkpoint on all ranks: one writes, all read what it has read.

    together : of this fit
    path     : of rank 0's file
    """

    def __init__(self, together: FitTogether, path: Path) -> None:
        self.together = together
        self.path = path

    @property
    def is_due(self) -> bool:
        """Whether rank 0's was due at the end of the last step."""
        return self.together.is_due

    def load(self) -> State | None:
        """`Checkpoint.load` of rank 0, on all ranks; its error, too."""
        kept = self.together.kept
        return self.together.ranks.from_first(lambda: None if kept is None else kept.load())

    def save(self, state: State) -> None:
        """`Checkpoint.save` on rank 0; nothing on the others."""
        self.together.is_due = False
        if self.together.kept is not None:
            self.together.kept.save(state)

    def wait(self) -> None:
        """`Checkpoint.wait` on rank 0; nothing on the others."""
        if self.together.kept is not None:
            self.together.kept.wait()
