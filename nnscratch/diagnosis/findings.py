"""From numbers to words: all findings of a case, causes first.

A cause comes before what it causes. Each check looks at one disease alone; `EXPLAINS` then takes away what follows
from another finding, and the order of `ORDER` puts causes first. A network that has learnt (its answers explain a
fifth of what differs between the targets) is not looked at for the diseases that keep a network from learning.
"""

from __future__ import annotations

import numpy as np

from nnscratch.diagnosis.case import Case, Finding
from nnscratch.diagnosis.checks.decay_dominates import decay
from nnscratch.diagnosis.checks.saturated_by_bias import saturation
from nnscratch.diagnosis.checks.signal_strength import backward, forward, units
from nnscratch.diagnosis.checks.step_too_large import steps
from nnscratch.diagnosis.checks.symptoms import symptoms
from nnscratch.diagnosis.checks.unscaled import data, finite, overfitting
from nnscratch.diagnosis.checks.unshuffled import order
from nnscratch.diagnosis.thresholds import LEARNT

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
    "exploding_gradient",
    "vanishing_signal",
    "vanishing_gradient",
    "saturated_by_bias",
    "dead_units",
    "step_too_small",
    "unshuffled",
    "overfitting",
    "constant_output",
    "no_better_than_mean",
)
_SIGNALS = {"exploding_signal", "exploding_gradient", "vanishing_signal", "vanishing_gradient"}
# A finding on the left makes those on the right superfluous: they follow from it.
EXPLAINS = {
    "input_unscaled": {"step_too_large", "dead_units", "saturated_by_bias", "decay_dominates"} | _SIGNALS,
    "targets_unscaled": {"step_too_large", "step_too_small", "dead_units", "saturated_by_bias"} | _SIGNALS,
    "identical_units": {"step_too_large", "step_too_small"} | _SIGNALS,
    "step_too_large": {"step_too_small", "decay_dominates"} | _SIGNALS,
    "saturated_by_bias": {"step_too_small"},
    "dead_units": {"vanishing_gradient", "vanishing_signal"},
    "decay_dominates": {"step_too_small", "dead_units"},
}


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
    found = [*data(case), *order(case), *units(case), *finite(case), *overfitting(case)]
    learnt = case.skill >= LEARNT
    if not learnt:
        found += [*steps(case), *decay(case), *saturation(case)]
        if not case.signals.not_finite:
            found += [*forward(case), *backward(case)]
    superfluous: set[str] = set()
    for finding in sorted(found, key=lambda finding: ORDER.index(finding.code)):
        if finding.code not in superfluous:
            superfluous |= _explained_by(finding)
    if {"exploding_signal", "step_too_large"} & {finding.code for finding in found}:
        # Large biases that the training made are part of the explosion.
        found = [finding for finding in found if finding.evidence.get("from_the_start") != 0]
    found = [finding for finding in found if finding.code not in superfluous]
    if not learnt:
        found += symptoms(case, found)
    return sorted(found, key=lambda finding: ORDER.index(finding.code))


def _explained_by(finding: Finding) -> set[str]:
    codes = EXPLAINS.get(finding.code, set())
    if finding.code == "saturated_by_bias" and finding.evidence["from_the_start"]:
        codes = codes | {"exploding_signal", "exploding_gradient"}
    return codes
