"""Weight decay that wins over the data: now, over the training so far, or later on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.treatments import change_decay
from nnscratch.optimizers import Adam

# Pull of the decay over pull of the data. In equilibrium both are equal; twice leaves room for
# noise.
DECAY = 2.0

# What decay takes off the last weights over what the data add to them once the answer is the mean.
# In long trainings of MLPs and of the report's CNN on faces, a ratio of 1 left them learning, and
# one of 7 took all weights to 0.
DECAY_FROM_MEAN = 5.0

# steps * lr * weight_decay: at 0.5, decay alone has taken 40 % of the weights away; less is not
# what keeps them down.
DECAY_TIME = 0.5

# Weights over what Glorot's initializer would have drawn.
SHRUNK = 0.4


def check(case: Case) -> Iterator[Finding]:
    optimizer, layers = case.optimizer, case.learning_layers
    if optimizer is None or optimizer.weight_decay == 0 or case.signals.not_finite or not layers:
        return
    ratio = float(np.median([layer.decay_ratio for layer in layers]))
    shrunk = float(np.median([layer.weight_rms / layer.initial_rms for layer in layers]))
    ahead = _ratio_at_the_mean(case)
    had_time = case.steps * case.largest_effective_lr * optimizer.weight_decay > DECAY_TIME
    # The data do not pull in a fresh network whose signal ends on the way: that is not the decay's
    # work.
    can_be_judged = had_time or (case.signal_arrives and not case.trained)
    wins = ratio > DECAY and can_be_judged and not case.last_weights_are_blank
    will_win = ahead > DECAY_FROM_MEAN and not case.trained
    has_won = bool(case.trained) and shrunk < SHRUNK and (had_time or not case.steps)
    if wins or will_win or has_won:
        times = max(ratio, ahead) if will_win else ratio
        yield Finding(
            "decay_dominates",
            None,
            {"decay_to_data": times, "weights_to_glorot": shrunk, "weight_decay": optimizer.weight_decay},
            f"Weight decay pulls {times:.3g} times as hard at the weights as the data do (they are {shrunk:.2g} times "
            "as large as a fresh layer's). The cheapest network has weights of 0, and answers with a constant.",
            "Lower weight_decay ten to a hundred times. With a loss averaged over outputs, 1e-5 to 1e-4 is usual.",
            treatments=(change_decay(0.01, optimizer.weight_decay), change_decay(0.0, optimizer.weight_decay)),
        )


def _ratio_at_the_mean(case: Case) -> float:
    """Decay over data at the last weights once the answer is the mean; 0 where it is not known.

    Sooner or later the last bias finds the mean. Then only this gradient holds up the weights.
    """
    gradient = case.signals.residual_gradient_rms
    optimizer = case.optimizer
    last = case.signals.layers[-1]
    if optimizer is None or isinstance(optimizer, Adam) or not case.signal_arrives or np.isnan(gradient):
        return 0.0
    if last.frozen or not case.squares_errors:
        return 0.0
    return optimizer.weight_decay * last.initial_rms / max(gradient, 1e-30)
