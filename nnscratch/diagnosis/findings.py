"""All findings of a case, causes first, without those that follow from another one.

Each check looks for one disease and knows nothing of the other checks. What is known about several
of them stands here: which come first (`ORDER`), and which follow from which (`EXPLAINS`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.checks import (
    columns_unscaled,
    constant_input,
    dead_units,
    decay_dominates,
    dropout_too_strong,
    gradient_strength,
    identical_units,
    labels,
    last_layer,
    misaligned_rows,
    no_nonlinearity,
    not_finite,
    not_trained,
    output_not_learnt,
    overfitting,
    saturated_by_bias,
    saturated_units,
    signal_strength,
    step_too_large,
    step_too_small,
    symptoms,
    too_small,
    unlabelled,
    unscaled,
    unshuffled,
    wrong_gradient,
)
from nnscratch.diagnosis.finding import Finding

CHECKS_ALWAYS = (
    not_trained,
    wrong_gradient,
    labels,
    misaligned_rows,
    constant_input,
    columns_unscaled,
    unscaled,
    unshuffled,
    last_layer,
    no_nonlinearity,
    identical_units,
    too_small,
    output_not_learnt,
    not_finite,
    overfitting,
)
# What keeps a network from learning is not looked for in one that has learnt.
CHECKS_IF_NOTHING_LEARNT = (
    step_too_large,
    step_too_small,
    decay_dominates,
    dropout_too_strong,
    saturated_by_bias,
    saturated_units,
    signal_strength,
    gradient_strength,
    dead_units,
)

# What keeps a network that has learnt from learning more.
CHECKS_IF_LITTLE_LEARNT = (decay_dominates, dropout_too_strong, step_too_small, saturated_units)

# What the first weights of a network can have, whatever its steps have made of them.
CHECKS_OF_A_START = (
    identical_units,
    saturated_by_bias,
    saturated_units,
    signal_strength,
    gradient_strength,
    dead_units,
    dropout_too_strong,
)

# How much more of the targets' variance a rule explains, on rows left out, than such a network.
MUCH_MISSED = 0.2

# Causes before what they cause.
ORDER = (
    "unlabelled",
    "not_trained",
    "wrong_gradient",
    "constant_input",
    "placeholder_labels",
    "misaligned_rows",
    "dropout_output",
    "relu_output",
    "columns_unscaled",
    "input_unscaled",
    "targets_unscaled",
    "targets_off_centre",
    "unshuffled",
    "identical_units",
    "dropout_too_strong",
    "step_too_large",
    "decay_dominates",
    "exploding_signal",
    "exploding_gradient",
    "vanishing_signal",
    "vanishing_gradient",
    "saturated_by_bias",
    "saturated_units",
    "silent_output",
    "no_nonlinearity",
    "not_finite",
    "dead_units",
    "sparse_targets",
    "pooled_away",
    "too_small",
    "step_too_small",
    "output_not_learnt",
    "overfitting",
    "constant_output",
    "no_better_than_mean",
)

# A finding on the left makes those on the right superfluous: they follow from it. Biases that were
# large from the start cause an explosion; biases that the training made large are part of one, and
# have a name of their own here.
BY_TRAINING = "saturated_by_bias, by training"
# A gradient that is so many times the slope makes steps that are so many times as long: no more.
BY_SIZE = "wrong_gradient, by its size"
IN_THE_ROWS = "not_finite, in x or y"
_SATURATED = {"saturated_by_bias", BY_TRAINING, "saturated_units"}
_EXPLODING = {"exploding_signal", "exploding_gradient"}
_VANISHING = {"vanishing_signal", "vanishing_gradient"}
_OF_THE_DATA = {"constant_input", "input_unscaled", "columns_unscaled", "not_trained"}
_SIZES = {"too_small", "pooled_away"}
_STEPS = {"step_too_large", "step_too_small"}
EXPLAINS = {
    IN_THE_ROWS: {*_STEPS, "decay_dominates", "dead_units", *_SATURATED, *_EXPLODING, *_VANISHING},
    "not_trained": {*_STEPS, *_SIZES, "dead_units", "decay_dominates", "misaligned_rows", "sparse_targets"},
    "wrong_gradient": {*_STEPS, *_SIZES, BY_TRAINING, "saturated_units", *_EXPLODING, *_VANISHING, "dead_units"},
    BY_SIZE: {"saturated_units", BY_TRAINING, *_EXPLODING},
    "constant_input": {*_STEPS, *_SIZES, *_VANISHING, *_SATURATED, "dead_units", "decay_dominates", "misaligned_rows"},
    "placeholder_labels": {"misaligned_rows", "sparse_targets", "output_not_learnt"},
    "misaligned_rows": {*_STEPS, "too_small", "pooled_away", "dead_units"},
    "dropout_output": {*_STEPS, *_SIZES, "dropout_too_strong"},
    "relu_output": {"step_too_small", *_SIZES, "output_not_learnt"},
    "columns_unscaled": {*_STEPS, *_SIZES, "decay_dominates", "dead_units", *_SATURATED, *_EXPLODING, *_VANISHING},
    "input_unscaled": {*_STEPS, *_SIZES, "decay_dominates", "dead_units", *_SATURATED, *_EXPLODING, *_VANISHING},
    "targets_off_centre": {*_STEPS, *_SIZES, "dead_units"},
    "targets_unscaled": {*_STEPS, *_SIZES, "dead_units", *_SATURATED, *_EXPLODING, *_VANISHING},
    "identical_units": {*_STEPS, *_SIZES, *_EXPLODING, *_VANISHING},
    "step_too_large": {
        "step_too_small",
        *_SIZES,
        "decay_dominates",
        BY_TRAINING,
        "saturated_units",
        "silent_output",
        *_EXPLODING,
        *_VANISHING,
    },
    "decay_dominates": {"step_too_small", "dead_units", *_SIZES},
    "exploding_signal": {BY_TRAINING, *_SIZES},
    "vanishing_signal": {"dead_units", "step_too_small", "too_small"},
    "vanishing_gradient": {"step_too_small", "too_small"},
    "saturated_by_bias": {"step_too_small", "saturated_units", "dropout_too_strong", *_EXPLODING, *_SIZES},
    BY_TRAINING: {"step_too_small"},
    "saturated_units": {"step_too_small", BY_TRAINING, *_EXPLODING, *_VANISHING, *_SIZES},
    "silent_output": {"step_too_small", *_SIZES, "output_not_learnt", *_VANISHING},
    "dropout_too_strong": {"step_too_small", *_SIZES},
    "no_nonlinearity": {"step_too_small", *_SIZES},
    "dead_units": {"vanishing_gradient", "too_small", "step_too_small"},
    "sparse_targets": {"misaligned_rows", *_SIZES},
    "pooled_away": {"step_too_small", *_VANISHING},
    "too_small": {"step_too_small"},
}

# These do not say why a network that has not learnt has not.
_NO_CAUSES = {"unshuffled", "overfitting", "not_finite"}


def find(case: Case) -> list[Finding]:
    """All findings, causes first."""
    with np.errstate(all="ignore"):  # networks that have diverged are examined too
        without_labels = list(unlabelled.check(case))
        if without_labels:
            return without_labels  # nothing else can be said
        checks = CHECKS_ALWAYS + (() if case.has_learnt else CHECKS_IF_NOTHING_LEARNT)
        if case.has_learnt and case.has_settled and case.missed > MUCH_MISSED:
            checks += CHECKS_IF_LITTLE_LEARNT
        found = [finding for check in checks for finding in check.check(case)]
        found = without_consequences(found + _what_it_began_with(case, found))
        if not case.has_learnt:
            cause_is_known = any(finding.code not in _NO_CAUSES for finding in found)
            found += symptoms.check(case, cause_is_known)
        return sorted(found, key=_place)


def _what_it_began_with(case: Case, found: Sequence[Finding]) -> list[Finding]:
    """What was wrong with the first weights of a network that has not learnt."""
    ill = not case.has_learnt or (case.has_settled and case.missed > MUCH_MISSED)
    data_are_to_blame = any(finding.code in _OF_THE_DATA for finding in found)
    if not ill or data_are_to_blame or case.at_the_start is None:
        return []
    known = {finding.code for finding in found}
    began = [finding for check in CHECKS_OF_A_START for finding in check.check(case.at_the_start)]
    return [finding for finding in began if finding.code not in known]


def without_consequences(found: Sequence[Finding]) -> list[Finding]:
    """The findings that do not follow from another one.

    A finding that is left out still explains others: what follows from it follows from its cause.
    """
    explained = {name for cause in found for name in EXPLAINS.get(_name(cause), ())}
    return [finding for finding in found if _name(finding) not in explained]


def _place(finding: Finding) -> int:
    """Its place in `ORDER`; rows that are not finite come before everything else."""
    return -1 if _name(finding) == IN_THE_ROWS else ORDER.index(finding.code)


def _name(finding: Finding) -> str:
    """The finding's name in `EXPLAINS`."""
    variant = "by training" if finding.by_training else finding.variant
    return f"{finding.code}, {variant}" if variant else finding.code
