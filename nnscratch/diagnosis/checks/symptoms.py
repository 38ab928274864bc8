"""What a network that has not learnt looks like from outside: one answer for all images.

Where no other check has found the cause, what is left is one that shows only here: a training that
has not yet left the mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.spread import spread, variance_of_labels
from nnscratch.diagnosis.treatments import change_lr

# Spread of the answers over that of the targets. The report calls 0.03 px beside 4 px "the same
# output for every image"; its MLP has a tenth and more.
CONSTANT = 0.05

# Share of the targets' variance explained: less than a twentieth is the mean.
NO_BETTER = 0.05


def check(case: Case, cause_is_known: bool) -> Iterator[Finding]:
    """For a network that has not learnt. cause_is_known : whether another finding says why."""
    if np.isnan(case.skill) or not (cause_is_known or case.is_stuck):
        return  # it has just begun
    constant = list(_constant_output(case))
    if constant and not cause_is_known and case.learning_layers:
        yield _plateau(case)
    yield from constant
    yield from _no_better_than_mean(case)


def _plateau(case: Case) -> Finding:
    """The answer is constant though nothing is wrong: the training has not left the mean yet."""
    ratio = float(np.median([layer.update_ratio for layer in case.learning_layers]))
    by = "" if math.isnan(ratio) else f", where a step moves the weights by {ratio:.1g} of their size"
    return Finding(
        "step_too_small",
        None,
        {"update_to_weight": ratio, "steps": float(case.steps)},
        f"Signal and units are alive, but the training has not left the plateau around the mean of the targets{by}.",
        "Train longer, raise the learning rate, or use Adam, whose steps do not shrink with the gradient.",
        treatments=(change_lr(10, case.largest_lr), change_lr(100, case.largest_lr)) if case.largest_lr > 0 else (),
    )


def _constant_output(case: Case) -> Iterator[Finding]:
    prediction, target = case.signals.prediction, case.signals.target
    answers, labels = spread(prediction), math.sqrt(variance_of_labels(target))
    if prediction.shape == target.shape and answers < CONSTANT * labels:
        yield Finding(
            "constant_output",
            case.signals.layers[-1].index,
            {"output_spread": answers, "target_spread": labels},
            f"The network answers the same for every image: its outputs spread {answers:.2g}, the targets "
            f"{labels:.2g}.",
            "This is a symptom: cure the findings above it.",
        )


def _no_better_than_mean(case: Case) -> Iterator[Finding]:
    if case.skill < NO_BETTER and case.trained is not False:
        yield Finding(
            "no_better_than_mean",
            None,
            {"explained_variance": case.skill},
            f"The network explains {max(case.skill, 0.0):.1%} of what differs between the targets: their mean, the "
            "same for every row, is as good" + (" or better." if case.skill < 0 else "."),
            "This is a symptom: cure the findings above it, or train longer.",
        )
