"""Step: what happens between two changes of the weights, in the one place for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnscratch.checks import NotFiniteError
from nnscratch.losses import labels_of
from nnscratch.training.accumulation import accumulate, parts_of
from nnscratch.training.clipping import clip_gradients
from nnscratch.training.divergence import check_bias_gradients, check_loss, origin

if TYPE_CHECKING:
    from nnscratch.losses import Loss
    from nnscratch.model import Sequential
    from nnscratch.optimizers.base import Optimizer
    from nnscratch.training.batches import Batch
    from nnscratch.training.fit_together import FitTogether


@dataclass
class Step:
    """One step of the optimizer: loss and gradients of a batch, clipped, then taken.

    model, loss, optimizer, clip_norm, accumulate : the trainer's
    together : who else has rows of each batch (fit_together.py); None: nobody

    >>> import numpy as np
    >>> import nnscratch as nn
    >>> model = nn.Sequential(nn.Dense(1, 1, weight_init="constant(1)", bias=False, rng=0))
    >>> step = Step(model, nn.MSELoss(), nn.SGD(model, lr=0.1))
    >>> x = np.ones((2, 1), np.float32)
    >>> step.take((x, 2 * x))  # the loss (1 - 2)^2 of two labels
    (1.0, 2)
    >>> model.layers[0].params["weight"]  # 1 - 0.1 * -2
    array([[1.2]], dtype=float32)
    """

    model: Sequential
    loss: Loss
    optimizer: Optimizer
    clip_norm: float | None = None
    accumulate: int = 1
    together: FitTogether | None = None

    def take(self, batch: Batch) -> tuple[float, float]:
        """Moves the weights once; returns the loss before it, and its number of labels.

        batch : (x, y), or (x, y, sample_weight)

        Raises
            NotFiniteError : the loss or a gradient is not finite; nothing has moved
        """
        if self.together is None:
            loss, labels = self.gradients(self.loss, batch)
        else:
            loss, labels = self.together.gradients(self, batch)
        if self.clip_norm is not None:
            clip_gradients(self.model, self.clip_norm, layers=self.optimizer.layers)
        self.optimizer.step()
        return loss, labels

    def gradients(self, loss: Loss, batch: Batch) -> tuple[float, float]:
        """Leaves the batch's gradients in the layers; returns its loss and number of labels."""
        parts = parts_of(batch, self.accumulate) if self.accumulate > 1 else [batch]
        if len(parts) > 1:
            return accumulate(self.model, loss, parts, self._pass_over)
        return self._pass_over(loss, batch), labels_of(loss, len(batch[0]))

    def _pass_over(self, loss: Loss, batch: Batch) -> float:
        """Forward and backward; returns the loss."""
        x, y, *weights = batch
        try:
            value = loss.forward(self.model.forward(x, training=True), y, *weights)
            check_loss(value)
            self.model.backward(loss.backward())
            check_bias_gradients(self.model)
        except NotFiniteError as error:
            raise NotFiniteError(origin(self.model, x, error)) from None
        return value
