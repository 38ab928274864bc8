"""Continuing: a fit that goes on where an earlier one ended, with its history and best epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnscratch.history import History, Outcome
from nnscratch.training.same_training import rows

if TYPE_CHECKING:
    from nnscratch.model import Sequential
    from nnscratch.training.best_weights import BestWeights


def digest_of(model: Sequential) -> str:
    """A text that is another one for other parameters.

    >>> import nnscratch as nn
    >>> first, second = (nn.Sequential(nn.Dense(2, 1, rng=seed)) for seed in (0, 1))
    >>> digest_of(first) == digest_of(first), digest_of(first) == digest_of(second)
    (True, False)
    """
    return rows(*model.parameters())


def scores_of(history: History | None) -> object:
    """What a history says of a training, without the times, which differ in a repetition."""
    if history is None:
        return None
    return {name: column for name, column in history.columns.items() if name not in ("seconds", "images_per_second")}


def continue_history(history: History, earlier: object, best: BestWeights, *, keep_best: bool) -> None:
    """Begins a history with the lines of an earlier one, whose best weights the model holds.

    history : of the fit that begins; empty
    earlier : as given to `fit(continue_from=...)`
    best : of the fit that begins; the model's weights become those of the best epoch so far
    keep_best : as given to `fit`

    Raises
        ValueError : no History, or one without epochs, with other columns or another score; the
            model has other weights than those of its best epoch, and keep_best needs them
    """
    if not isinstance(earlier, History) or not earlier.best:
        raise _error(
            f"continue_from={earlier!r}", "the History of an earlier fit, with an epoch", "leave it out to begin anew"
        )
    if earlier.names != history.names or (earlier.score, earlier.higher_is_better) != (
        history.score, history.higher_is_better,
    ):  # fmt: skip
        raise _error(
            f"a history of {', '.join(earlier.names)}, judged by {earlier.score}",
            f"{', '.join(history.names)}, judged by {history.score}",
            "fit with the same metric, average and kind of validation",
        )
    # A file does not say which weights its best epoch had: then the caller is believed.
    known = earlier.outcome is not Outcome.UNKNOWN
    if keep_best and known and earlier.best_weights != digest_of(best.model):
        raise _error(
            f"a model with other weights than those of the best epoch, {earlier.best_epoch}, of continue_from",
            "the weights that a fit with keep_best left",
            "put them back (nn.load), or fit with keep_best=False",
        )
    history.begin_with(earlier)
    best.keep_present()


def _error(came: str, expected: str, fix: str) -> ValueError:
    return ValueError(f"fit: got {came}, expected {expected}; {fix}")
