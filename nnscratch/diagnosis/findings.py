"""All findings of a case, causes first, without those that follow from another one.

Each check looks for one disease and knows nothing of the other checks. What is known about several
of them stands here: which come first (`ORDER`), and which follow from which (`EXPLAINS`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.checks import (
    dead_units,
    decay_dominates,
    gradient_strength,
    identical_units,
    not_finite,
    overfitting,
    saturated_by_bias,
    saturated_units,
    signal_strength,
    step_too_large,
    step_too_small,
    symptoms,
    unlabelled,
    unscaled,
    unshuffled,
)
from nnscratch.diagnosis.finding import Finding

CHECKS_ALWAYS = (unscaled, unshuffled, identical_units, not_finite, overfitting)
# What keeps a network from learning is not looked for in one that has learnt.
CHECKS_IF_NOTHING_LEARNT = (
    step_too_large,
    step_too_small,
    decay_dominates,
    saturated_by_bias,
    saturated_units,
    signal_strength,
    gradient_strength,
    dead_units,
)

# Causes before what they cause.
ORDER = (
    "unlabelled",
    "input_unscaled",
    "targets_unscaled",
    "identical_units",
    "step_too_large",
    "decay_dominates",
    "exploding_signal",
    "exploding_gradient",
    "vanishing_signal",
    "vanishing_gradient",
    "saturated_by_bias",
    "saturated_units",
    "not_finite",
    "dead_units",
    "step_too_small",
    "unshuffled",
    "overfitting",
    "constant_output",
    "no_better_than_mean",
)

# A finding on the left makes those on the right superfluous: they follow from it. Biases that were
# large from the start cause an explosion; biases that the training made large are part of one, and
# have a name of their own here.
BY_TRAINING = "saturated_by_bias, by training"
_SATURATED = {"saturated_by_bias", BY_TRAINING, "saturated_units"}
_EXPLODING = {"exploding_signal", "exploding_gradient"}
_VANISHING = {"vanishing_signal", "vanishing_gradient"}
EXPLAINS = {
    "input_unscaled": {"step_too_large", "decay_dominates", "dead_units", *_SATURATED, *_EXPLODING, *_VANISHING},
    "targets_unscaled": {"step_too_large", "step_too_small", "dead_units", *_SATURATED, *_EXPLODING, *_VANISHING},
    "identical_units": {"step_too_large", "step_too_small", *_EXPLODING, *_VANISHING},
    "step_too_large": {
        "step_too_small",
        "decay_dominates",
        BY_TRAINING,
        "saturated_units",
        *_EXPLODING,
        *_VANISHING,
    },
    "decay_dominates": {"step_too_small", "dead_units"},
    "exploding_signal": {BY_TRAINING},
    "saturated_by_bias": {"step_too_small", "saturated_units", *_EXPLODING},
    BY_TRAINING: {"step_too_small"},
    "saturated_units": {"step_too_small", BY_TRAINING, *_EXPLODING, *_VANISHING},
    "dead_units": {*_VANISHING},
}

# These do not say why a network that has not learnt has not.
_NO_CAUSES = {"unshuffled", "overfitting", "not_finite"}


def find(case: Case) -> list[Finding]:
    """All findings, causes first."""
    with np.errstate(all="ignore"):  # networks that have diverged are examined too
        without_labels = list(unlabelled.check(case))
        if without_labels:
            return without_labels  # nothing else can be said
        checks = CHECKS_ALWAYS if case.has_learnt else CHECKS_ALWAYS + CHECKS_IF_NOTHING_LEARNT
        found = without_consequences([finding for check in checks for finding in check.check(case)])
        if not case.has_learnt:
            cause_is_known = any(finding.code not in _NO_CAUSES for finding in found)
            found += symptoms.check(case, cause_is_known)
        return sorted(found, key=lambda finding: ORDER.index(finding.code))


def without_consequences(found: Sequence[Finding]) -> list[Finding]:
    """The findings that do not follow from another one.

    A finding that is left out still explains others: what follows from it follows from its cause.
    """
    explained = {name for cause in found for name in EXPLAINS.get(_name(cause), ())}
    return [finding for finding in found if _name(finding) not in explained]


def _name(finding: Finding) -> str:
    """The finding's name in `EXPLAINS`."""
    return BY_TRAINING if finding.by_training else finding.code
