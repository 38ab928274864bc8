"""Dropout whose noise is larger than what differs between the rows."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.rows import evenly_spaced
from nnscratch.diagnosis.thresholds import FEWEST_EPOCHS
from nnscratch.diagnosis.treatments import set_dropout
from nnscratch.layers import Dropout, NotFiniteError

# Spread of the answers to one row under different masks over their spread between rows.
NOISE = 2.5

# The same for a network that learns far more without dropout, after the same steps.
SOME_NOISE = 1.0
BROUGHT = 0.2

# p below which no network of a usual size fails to learn.
STRONG = 0.6

# p that is usual behind wide layers.
USUAL = 0.5

_ROWS, _MASKS = 32, 8


def check(case: Case) -> Iterator[Finding]:
    strongest = case.strongest_dropout
    last = case.signals.layers[-1].index
    inside = [i for i, layer in enumerate(case.model.layers) if isinstance(layer, Dropout) and i < last]
    if strongest < USUAL or not inside or case.signals.not_finite:
        return
    noise = noise_of_masks(case)
    if (strongest >= STRONG and noise > NOISE) or (noise > SOME_NOISE and _learns_without(case)):
        i = max(inside, key=lambda i: getattr(case.model.layers[i], "p", 0.0))
        yield Finding(
            "dropout_too_strong",
            i,
            {"p": strongest, "masks_over_rows": noise},
            f"In training the answers to one row spread {noise:.2g} times as much from one dropout mask to the next as "
            f"from row to row (p = {strongest:g}): the noise hides what is to be learnt.",
            "Use a p of 0.2 to 0.5, behind wide layers only.",
            treatments=(set_dropout(0.2), set_dropout(0.0)),
        )


def _learns_without(case: Case) -> bool:
    had_time = case.has_settled or len(case.losses) >= 2 * FEWEST_EPOCHS
    return had_time and case.missed > BROUGHT and case.brought_by(set_dropout(0.0)) > BROUGHT


def noise_of_masks(case: Case) -> float:
    """Spread between masks over spread between rows of the mean answer, of a copy in training."""
    rows = evenly_spaced(len(case.x), _ROWS)
    model = copy.deepcopy(case.model)
    for layer in model.layers:
        if isinstance(layer, Dropout):
            layer.rng = np.random.default_rng(0)
    x = case.x[rows].astype(model.parameters()[0].dtype)
    try:
        answers = np.stack([model.forward(x, training=True) for _ in range(_MASKS)]).astype(np.float64)
    except NotFiniteError:
        return 0.0
    between_masks = answers.var(axis=0, ddof=1).mean()
    # The mean of eight masks still has an eighth of their noise in it.
    between_rows = answers.mean(axis=0).var(axis=0, ddof=1).mean() - between_masks / _MASKS
    return float(np.sqrt(between_masks / max(between_rows, 1e-3 * between_masks, 1e-30)))
