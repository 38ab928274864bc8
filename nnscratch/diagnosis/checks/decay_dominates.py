"""Whether weight decay wins over the data."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnscratch.diagnosis.case import Case, Finding
from nnscratch.diagnosis.checks.step_too_large import long_run_lr
from nnscratch.diagnosis.thresholds import DECAY, DECAY_FROM_MEAN, DECAY_TIME, SHRUNK, VANISHED
from nnscratch.optimizers import Adam


def decay(case: Case) -> Iterator[Finding]:
    optimizer = case.optimizer
    if optimizer is None or optimizer.weight_decay == 0 or case.signals.not_finite:
        return
    layers = case.signals.layers
    ratio = float(np.median([layer.decay_ratio for layer in layers]))
    shrunk = float(np.median([layer.weight_rms / layer.initial_rms for layer in layers]))
    time = case.steps * long_run_lr(case, optimizer) * optimizer.weight_decay
    ahead = 0.0
    # Where nothing gets through, the data do not pull: in a fresh network that is not the decay's work.
    alive = layers[-1].z_spread > VANISHED * case.signals.x_spread or case.is_blank
    if not isinstance(optimizer, Adam) and alive and not np.isnan(case.signals.pull):
        # Sooner or later the last bias finds the mean; then only this is left to hold up the weights.
        ahead = optimizer.weight_decay * layers[-1].initial_rms / max(case.signals.pull, 1e-30)
    pulls = ratio > DECAY and not case.is_blank and (time > DECAY_TIME or (alive and not case.trained))
    comes = ahead > DECAY_FROM_MEAN and not case.trained
    if pulls or comes or (case.trained and shrunk < SHRUNK and (time > DECAY_TIME or not case.steps)):
        times = max(ratio, ahead) if comes else ratio
        yield Finding(
            "decay_dominates",
            None,
            {"decay_to_data": times, "weights_to_glorot": shrunk, "weight_decay": optimizer.weight_decay},
            f"Weight decay pulls {times:.3g} times as hard at the weights as the data do (they are {shrunk:.2g} times "
            "a fresh layer's): the cheapest network is one with weights of 0, and that one answers with a constant.",
            "Lower weight_decay ten to a hundred times. Beside a loss averaged over outputs, 1e-5 to 1e-4 is usual.",
        )
