"""A training under watch: a look before it, and diagnoses that stop it if it is hopeless."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from nnscratch.diagnosis.doctor import diagnose
from nnscratch.diagnosis.first_look import first_look, one_line

if TYPE_CHECKING:
    from nnscratch.history import History
    from nnscratch.losses import Loss
    from nnscratch.optimizers.base import Optimizer

# Findings that more epochs do not cure. Others may pass: a network that has just begun is no better
# than the mean.
HOPELESS = {"not_finite", "dead_units", "vanishing_signal", "identical_units", "decay_dominates"}

# Hopeless diagnoses in a row that stop a training: one alone may fall into a bad moment, such as
# the first large steps.
IN_A_ROW = 2

# Findings that are no reason to stop: the trainer shuffles the rows, and it keeps the best epoch.
NO_REASONS = {"unshuffled", "overfitting"}


# Findings that are certain before the first step. Others need steps, or what the training did.
CERTAIN_BEFORE_TRAINING = {
    "input_unscaled", "targets_unscaled", "columns_unscaled", "constant_input", "relu_output", "dropout_output",
    "identical_units", "placeholder_labels", "unlabelled", "not_finite", "vanishing_signal", "exploding_signal",
    "saturated_by_bias",
}  # fmt: skip


def warnings_before_training(x: np.ndarray, y: np.ndarray, loss: Loss, optimizer: Optimizer) -> list[str]:
    """What is certain before the first step, causes first: a line for each finding.

    x, y : (N, ...) the training rows
    loss, optimizer : what will train the optimizer's model; nothing of them changes

    >>> import nnscratch as nn
    >>> x = np.full((64, 4), 200, np.float32) + np.arange(64, dtype=np.float32)[:, np.newaxis]
    >>> model = nn.Sequential(nn.Dense(4, 8, rng=0), nn.ReLU(), nn.Dense(8, 1, rng=1))
    >>> optimizer = nn.SGD(model, lr=0.01)
    >>> warnings = warnings_before_training(x, x[:, :1] / 256, nn.MSELoss(), optimizer)
    >>> [line.partition(":")[0] for line in warnings]
    ['input_unscaled']
    """
    found = first_look(optimizer.model, x, y, loss, optimizer, CERTAIN_BEFORE_TRAINING)
    return [one_line(finding) for finding in found]


class TrainingWatch:
    """Diagnoses of one training, before its first step and every few epochs.

    every : epochs between two diagnoses; None means that there are none
    x, y : (N, ...) the training rows

    Attributes
        hopeless : diagnoses in a row so far with a finding that more epochs do not cure

    >>> import nnscratch as nn
    >>> x = np.random.default_rng(0).standard_normal((64, 4)).astype(np.float32)
    >>> hidden = nn.Dense(4, 8, bias_init="constant(-50)", rng=0)
    >>> model = nn.Sequential(hidden, nn.ReLU(), nn.Dense(8, 1, rng=1))
    >>> trainer = nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.01), diagnose_every=3)
    >>> history = trainer.fit(x, x[:, :1], epochs=100)
    >>> len(history), history.stopped.partition(":")[0]
    (6, 'saturated by bias')
    >>> history.warnings[0].partition(":")[0]  # known before the first step
    'saturated_by_bias (layer 0)'
    """

    def __init__(self, every: int | None, x: np.ndarray, y: np.ndarray) -> None:
        self.every = every
        self.x, self.y = x, y
        self.hopeless = 0

    def warnings(self, optimizer: Optimizer, loss: Loss) -> list[str]:
        """What is certain before the first step, by lines; empty without diagnoses."""
        return [] if self.every is None else warnings_before_training(self.x, self.y, loss, optimizer)

    def reason_to_stop(self, optimizer: Optimizer, loss: Loss, history: History) -> str | None:
        """The first finding, on one line, at the second hopeless diagnosis in a row; or None."""
        if self.every is None or len(history) % self.every:
            return None
        found = [
            finding
            for finding in diagnose(optimizer.model, self.x, self.y, loss, optimizer, history).findings
            if finding.code not in NO_REASONS
        ]
        self.hopeless = self.hopeless + 1 if HOPELESS & {finding.code for finding in found} else 0
        if self.hopeless < IN_A_ROW:
            return None
        first = found[0]
        others = [finding.code.replace("_", " ") for finding in found[1:3]]
        also = f" (also: {', '.join(others)})" if others else ""
        return textwrap.shorten(f"{first.code.replace('_', ' ')}: {first.message}{also}", 1000)
