"""Why a training ends, in a sentence: the words of `History.stopped`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnscratch.training.history import History
    from nnscratch.training.progress import Clock

INTERRUPTED = "interrupted by the user"
DIVERGED = "diverged"  # what `diverged` says begins with it


def reason_to_stop(
    history: History, epochs: int, clock: Clock, patience: int | None, reasons: Iterable[str | None]
) -> str:
    """Why the training ends after this epoch; empty to go on.

    epochs, patience : as given to `fit`
    reasons : what the callbacks and the doctor said; the first that is a reason counts

    >>> from nnscratch.training.history import History
    >>> from nnscratch.training.progress import Clock
    >>> history = History(["epoch", "loss"], score="loss")
    >>> for epoch, loss in [(1, 0.5), (2, 0.6), (3, 0.7)]:
    ...     history.append({"epoch": epoch, "loss": loss})
    >>> reason_to_stop(history, 60, Clock(6000, time_limit=None), patience=2, reasons=[None])
    'no better for 2 epochs'
    """
    if clock.images == clock.total_images:
        return f"all {epochs} epochs done" if epochs > 1 else "the one epoch done"
    if clock.is_up:
        return f"time limit of {_duration(clock.time_limit or 0)} reached"
    if patience is not None and len(history) - (history.best_epoch or 0) >= patience:
        return f"no better for {patience} epoch{'s' if patience > 1 else ''}"
    return next((reason for reason in reasons if reason), "")


def diverged(epoch: int, lr: float) -> str:
    """What is said of a training whose loss or weights were not finite in this epoch.

    >>> diverged(3, 10.0)
    'diverged: the loss is not finite at epoch 3; lower the learning rate, which was 10'
    """
    return f"{DIVERGED}: the loss is not finite at epoch {epoch}; lower the learning rate, which was {lr:g}"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.3g} min" if seconds >= 60 else f"{seconds:.3g} s"
