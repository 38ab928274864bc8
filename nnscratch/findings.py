"""From numbers to words: all findings of a case, causes first.

A cause comes before what it causes. Each check looks at one disease alone; `EXPLAINS` then takes away what follows
from another finding, and the order of `ORDER` puts causes first. A network that has learnt (its answers explain a
fifth of what differs between the targets) is not looked at for the diseases that keep a network from learning.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from nnscratch.checks.case import Case, Finding, mean_of
from nnscratch.checks.data import data, finite, overfitting
from nnscratch.checks.layers import backward, forward, units
from nnscratch.checks.steps import steps
from nnscratch.checks.thresholds import CONSTANT, LEARNT, NO_BETTER
from nnscratch.losses import MSELoss

# Causes before what they cause.
ORDER = (
    "unlabelled",
    "input_unscaled",
    "targets_unscaled",
    "identical_units",
    "step_too_large",
    "not_finite",
    "decay_dominates",
    "exploding_signal",
    "vanishing_signal",
    "saturated_by_bias",
    "dead_units",
    "exploding_gradient",
    "vanishing_gradient",
    "step_too_small",
    "unshuffled",
    "overfitting",
    "constant_output",
    "no_better_than_mean",
)
# A finding on the left makes those on the right superfluous: they follow from it.
EXPLAINS = {
    "input_unscaled": {"exploding_signal", "exploding_gradient", "step_too_large", "dead_units", "vanishing_signal",
                       "vanishing_gradient", "saturated_by_bias"},
    "targets_unscaled": {"step_too_large", "exploding_signal", "exploding_gradient", "dead_units", "step_too_small",
                         "vanishing_signal", "vanishing_gradient", "saturated_by_bias"},
    "identical_units": {"vanishing_signal", "vanishing_gradient", "step_too_small", "exploding_signal",
                        "exploding_gradient", "step_too_large"},
    "saturated_by_bias": {"step_too_small"},
    "vanishing_signal": {"step_too_small"},
    "vanishing_gradient": {"step_too_small"},
    "dead_units": {"vanishing_gradient", "step_too_small", "vanishing_signal"},
    "decay_dominates": {"step_too_small", "dead_units"},
    "step_too_large": {"vanishing_signal", "vanishing_gradient", "saturated_by_bias"},
}  # fmt: skip


def find(case: Case) -> list[Finding]:
    """All findings, causes first."""
    if not np.isfinite(case.y).any() and not np.isinf(case.y).any():
        return [
            Finding(
                "unlabelled",
                None,
                {"labels": 0.0},
                "No target has a value: the loss is 0 whatever the network answers, and no weight gets a gradient.",
                "Look at how y was read and selected; rows without any label must be left out.",
            )
        ]
    found = [*data(case), *finite(case), *overfitting(case)]
    learnt = case.skill >= LEARNT
    if not learnt:
        found += units(case)
        found += steps(case)
        if not case.signals.not_finite:
            found += [*forward(case), *backward(case)]
    superfluous: set[str] = set()
    for finding in sorted(found, key=lambda finding: ORDER.index(finding.code)):
        if finding.code not in superfluous:
            superfluous |= EXPLAINS.get(finding.code, set())
    found = [finding for finding in found if finding.code not in superfluous]
    if not learnt:
        found += _symptoms(case, found)
    return sorted(found, key=lambda finding: ORDER.index(finding.code))


def _symptoms(case: Case, causes: list[Finding]) -> Iterator[Finding]:
    skill = case.skill
    explained = any(finding.code not in ("unshuffled", "overfitting", "not_finite") for finding in causes)
    shown = (case.trained is not False and explained) or case.is_stuck
    if not shown or np.isnan(skill):
        return
    p, y = case.signals.prediction.astype(np.float64), case.signals.target.astype(np.float64)
    spread, wanted = float(np.sqrt(np.mean(p.var(axis=0)))), math.sqrt(float(np.nanmean((y - mean_of(y)) ** 2)))
    constant = type(case.loss) is MSELoss and spread < CONSTANT * wanted
    if constant and not explained:
        yield _plateau(case)
    if constant:
        yield Finding(
            "constant_output",
            case.signals.layers[-1].index,
            {"output_spread": spread, "target_spread": wanted},
            f"The network answers the same for every image: its outputs spread {spread:.2g}, the targets {wanted:.2g}.",
            "This is a symptom: cure what stands above it.",
        )
    if skill < NO_BETTER:
        yield Finding(
            "no_better_than_mean",
            None,
            {"explained_variance": skill},
            f"The network explains {max(skill, 0.0):.1%} of what differs between the targets: their mean, the same for "
            "every row, is as good" + (" or better." if skill < 0 else "."),
            "This is a symptom: cure what stands above it, or train longer.",
        )


def _plateau(case: Case) -> Finding:
    """A constant answer with live units, a living signal and steps of a usual size: it has not left the mean yet."""
    ratio = float(np.nanmedian([layer.update_ratio for layer in case.signals.layers]))
    return Finding(
        "step_too_small",
        None,
        {"update_to_weight": ratio, "steps": float(case.steps)},
        "Signal and units are alive, but the training still sits on the flat place around the mean of the targets, "
        f"where a step moves the weights by {ratio:.1g} of their size.",
        "Train longer, raise the learning rate, or use Adam, whose steps do not shrink with the gradient.",
    )
