"""Scoring: the numbers that judge each epoch of a training, and the columns of a history."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from nnscratch.checks import NotFiniteError
from nnscratch.history import History
from nnscratch.metric import Metric

if TYPE_CHECKING:
    from nnscratch.losses import Loss
    from nnscratch.model import Sequential
    from nnscratch.training.all_ranks import Ranks
    from nnscratch.training.averaging import WeightAverage
    from nnscratch.training.data import ScoredBatches

    Validation: TypeAlias = tuple[np.ndarray, np.ndarray] | ScoredBatches

# The columns that a history has anyway; a metric cannot have the name of one.
COLUMNS = ["epoch", "loss", "validation_loss", "average_validation_loss", "lr", "seconds", "images",
           "images_per_second"]  # fmt: skip


class Scoring:
    """The scores of one fit: of the live weights, and with an average of the averaged weights too.

    Arguments
        model, loss : as they are trained
        metric : a number for people, computed on the validation rows; None: the loss alone
        validation : (x, y) to score, or ScoredBatches; None: no scores
        average : of the model's weights; None: only the live weights are scored
        ranks : who else computes a share of the predictions for arrays; None: nobody

    Attributes
        names : the columns of the scores, in order; the last one decides which epoch is the best
        shown : the scores to display for the last epoch: the averaged weights' if there are any,
            under the plain names

    >>> import nnscratch as nn
    >>> from nnscratch.training.averaging import WeightAverage
    >>> model = nn.Sequential(nn.Dense(1, 1, weight_init="constant(2)", rng=0))
    >>> x = np.ones((4, 1), np.float32)
    >>> scoring = Scoring(model, nn.MSELoss(), None, (x, 3 * x), WeightAverage(model, 0.9))
    >>> model.layers[0].params["weight"][:] = 5  # the average remembers the 2
    >>> scoring.scores()
    {'validation_loss': 4.0, 'average_validation_loss': 1.0}
    """

    def __init__(
        self,
        model: Sequential,
        loss: Loss,
        metric: Metric | None,
        validation: Validation | None,
        average: WeightAverage | None,
        ranks: Ranks | None = None,
    ) -> None:
        self.model = model
        self.loss = loss
        self.metric = metric
        self.validation = validation
        self.average = average
        self.ranks = ranks
        self.names = [] if validation is None else ["validation_loss", *([metric.name] if metric is not None else [])]
        self.names += [_averaged(name) for name in self.names if average is not None]
        self.shown: dict[str, float] = {}

    def new_history(self, *, shuffled: bool | None = True) -> History:
        """An empty table, judged by the last score or, without validation, by the training loss.

        shuffled : whether each epoch takes the rows in a new random order; None: not known
        """
        score = self.names[-1] if self.names else "loss"
        names = ["epoch", "loss", *self.names, "lr", "seconds", "images", "images_per_second"]
        higher = self.metric is not None and self.metric.higher_is_better and bool(self.names)
        return History(names, score=score, higher_is_better=higher, shuffled=shuffled)

    def scores(self) -> dict[str, float]:
        """The columns `names`, computed without dropout on the model as it is now.

        Raises
            NotFiniteError : a validation loss, a weight or an averaged weight is NaN or infinite
        """
        live = self.shown = self._score()
        if self.average is None:
            return live
        with self.average.in_place():
            self.shown = self._score()
        return live | {_averaged(name): value for name, value in self.shown.items()}

    def _score(self) -> dict[str, float]:
        scores = {}
        if self.validation is not None:
            prediction, y = self._answers(self.validation)
            loss = scores["validation_loss"] = float(self.loss.forward(prediction, y))
            if not math.isfinite(loss):
                raise NotFiniteError(
                    f"fit: got a validation loss of {loss}, expected a number; lower the learning rate"
                )
            if self.metric is not None:
                scores[self.metric.name] = float(self.metric.function(prediction, y))
        self.model.check_finite()
        return scores

    def _answers(self, validation: Validation) -> tuple[np.ndarray, np.ndarray]:
        """The predictions and the targets of all validation rows."""
        if isinstance(validation, tuple):
            x, y = validation
            return self.model.predict(x) if self.ranks is None else self.ranks.predict(self.model, x), y
        return validation.answers(self.model)


def _averaged(name: str) -> str:
    return f"average_{name}"
