"""Stopping: when a training ends, and the sentence that says why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from nnscratch.history import Outcome

if TYPE_CHECKING:
    from nnscratch.history import History
    from nnscratch.training.progress import Clock


class StoppedFromOutside(Exception):
    """Another thread wants this training to end now, as Ctrl-C would end it; `fit` handles it."""


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
    >>> end_if_over(history, 60, Clock(6000, time_limit=None), patience=2, reasons=[None])
    >>> history.outcome.name, history.stopped
    ('NO_BETTER', 'no better for 2 epochs')
    """
    if clock.images == clock.total_images:
        history.end(Outcome.ALL_EPOCHS, f"all {epochs} epochs done" if epochs > 1 else "the one epoch done")
    elif clock.is_up:
        history.end(Outcome.TIME_LIMIT, f"time limit of {_duration(clock.time_limit or 0)} reached")
    elif patience is not None and len(history) - (history.best_epoch or 0) >= patience:
        history.end(Outcome.NO_BETTER, f"no better for {patience} epoch{'s' if patience > 1 else ''}")
    elif reason := next((reason for reason in reasons if reason), ""):
        history.end(Outcome.ASKED, reason)


def diverged(epoch: int, lr: float) -> str:
    """Why a training ended whose loss or weights were not finite in this epoch.

    >>> diverged(3, 10.0)
    'diverged: the loss is not finite at epoch 3; lower the learning rate, which was 10'
    """
    return f"diverged: the loss is not finite at epoch {epoch}; lower the learning rate, which was {lr:g}"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.3g} min" if seconds >= 60 else f"{seconds:.3g} s"
