"""What a network that has not learnt looks like from outside: one answer for all images, the mean at best."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from nnscratch.diagnosis.case import Case, Finding
from nnscratch.diagnosis.linear_skill import content
from nnscratch.diagnosis.thresholds import CONSTANT, NO_BETTER
from nnscratch.losses import mean_of

# They do not say why a network that has not learnt has not.
_NO_CAUSES = {"unshuffled", "overfitting", "not_finite"}


def symptoms(case: Case, causes: Sequence[Finding]) -> Iterator[Finding]:
    """Symptoms of a network that has not learnt; with a cause of their own if none was found yet."""
    explained = any(finding.code not in _NO_CAUSES for finding in causes)
    if np.isnan(case.skill):
        return
    empty = [] if explained else list(content(case))
    if explained or empty or case.is_stuck:
        constant = list(_constant(case))
        if constant and not explained and not empty:
            yield _plateau(case)
        yield from constant
        yield from empty or _no_better(case)


def _constant(case: Case) -> Iterator[Finding]:
    p, y = case.signals.prediction.astype(np.float64), case.signals.target.astype(np.float64)
    spread, wanted = float(np.sqrt(np.mean(p.var(axis=0)))), math.sqrt(float(np.nanmean((y - mean_of(y)) ** 2)))
    if p.shape == y.shape and spread < CONSTANT * wanted:
        yield Finding(
            "constant_output",
            case.signals.layers[-1].index,
            {"output_spread": spread, "target_spread": wanted},
            f"The network answers the same for every image: its outputs spread {spread:.2g}, the targets {wanted:.2g}.",
            "This is a symptom: cure what stands above it.",
        )


def _no_better(case: Case) -> Iterator[Finding]:
    skill = case.skill
    if skill < NO_BETTER and case.trained is not False:
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
    by = "" if math.isnan(ratio) else f", where a step moves the weights by {ratio:.1g} of their size"
    return Finding(
        "step_too_small",
        None,
        {"update_to_weight": ratio, "steps": float(case.steps)},
        f"Signal and units are alive, but the training still sits on the flat place around the "
        f"mean of the targets{by}.",
        "Train longer, raise the learning rate, or use Adam, whose steps do not shrink with the gradient.",
    )
