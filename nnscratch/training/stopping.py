"""Stopping: when a training ends, and the sentence that says why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from nnscratch.history import Outcome

if TYPE_CHECKING:
    from nnscratch.history import History
    from nnscratch.training.progress import Clock


class Stop(Protocol):
    """What can ask a training to end: a threading.Event, say."""

    def is_set(self) -> bool:
        """Whether the training is to end before its next step."""
        ...


class AnyOf:
    """Asks once one of several does.

    >>> import threading
    >>> user, program = threading.Event(), threading.Event()
    >>> either = AnyOf(user, program)
    >>> program.set()
    >>> either.is_set()
    True
    """

    def __init__(self, *stops: Stop | None) -> None:
        self._stops = [stop for stop in stops if stop is not None]

    def is_set(self) -> bool:
        """Whether one of them asks."""
        return any(stop.is_set() for stop in self._stops)


class StoppedFromOutside(Exception):
    """The training is asked to end before its next step; `fit` handles it."""


def end_if_over(
    history: History, epochs: int, clock: Clock, patience: int | None, reasons: Iterable[str | None]
) -> None:
    """Ends the history if the training is over after this epoch.

    epochs, patience : as given to `fit`
    reasons : to stop, from the callbacks and the doctor, None for no reason; the first reason
        counts

    >>> from nnscratch.history import History
    >>> from nnscratch.training.progress import Clock
    >>> history = History(["epoch", "loss"], score="loss")
    >>> for epoch, loss in [(1, 0.5), (2, 0.6), (3, 0.7)]:
    ...     history.append({"epoch": epoch, "loss": loss})
    >>> end_if_over(history, 60, Clock(100, 60, 8, time_limit=None), patience=2, reasons=[None])
    >>> history.outcome.name, history.stopped
    ('NO_BETTER', 'no better for 2 epochs')
    """
    if clock.is_over:
        history.end(Outcome.ALL_EPOCHS, f"all {epochs} epochs done" if epochs > 1 else "the one epoch done")
    elif clock.is_up:
        history.end(Outcome.TIME_LIMIT, f"time limit of {_duration(clock.time_limit or 0)} reached")
    elif patience is not None and len(history) - (history.best_epoch or 0) >= patience:
        history.end(Outcome.NO_BETTER, f"no better for {patience} epoch{'s' if patience > 1 else ''}")
    elif reason := next((reason for reason in reasons if reason), ""):
        history.end(Outcome.ASKED, reason)


def diverged(cause: object, where: str, lr: float) -> str:
    """Why a training ended whose loss, gradients or weights were not finite.

    cause : what was not finite (divergence.py);  where : in which batch

    >>> diverged("the loss is inf", "in batch 5 of epoch 3", lr=10.0)
    'diverged: the loss is inf in batch 5 of epoch 3; lower the learning rate, which was 10'
    """
    return f"diverged: {cause} {where}; lower the learning rate, which was {lr:g}"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.3g} min" if seconds >= 60 else f"{seconds:.3g} s"
