"""A look at a network before its first step: what is certain then, for a fraction of a second.

A whole diagnosis tries steps and asks what could be learnt. Much needs neither: pixels that were
not scaled, targets that nobody has, weights that let no signal through. Said before the training,
it saves hours; said after it diverged, it hides behind "lower the learning rate".
"""

from __future__ import annotations

import copy
import textwrap
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.rows import evenly_spaced
from nnscratch.diagnosis.setup import affordable_rows
from nnscratch.diagnosis.signals import measure
from nnscratch.losses import Loss
from nnscratch.model import Sequential

if TYPE_CHECKING:
    from nnscratch.optimizers.base import Optimizer

_ROWS = 256  # evenly spaced, whose inputs and targets are looked at
# So many of these go through the network, fewer of pictures: a spread is known to 9 %, or to 25 %.
# What is looked for here is off by a factor of eight or more.
_MOST_MEASURED, _FEWEST_MEASURED = 64, 8
_MULTIPLY_ADDS = 150_000_000  # of the rows measured; forward, unfused, a tenth of a second


def first_look(
    model: Sequential, x: np.ndarray, y: np.ndarray, loss: Loss, optimizer: Optimizer, codes: Collection[str]
) -> list[Finding]:
    """The findings of these codes, causes first; none in a network that has learnt something.

    model : a Sequential; it stays as it is
    x, y : (N, ...) the training rows; NaN where a label is missing
    loss, optimizer : what will train it; they stay as they are
    codes : of findings for which no step needs to be tried

    >>> import nnscratch as nn
    >>> x = np.random.default_rng(0).uniform(0, 255, (64, 4)).astype(np.float32)
    >>> model = nn.Sequential(nn.Dense(4, 8, rng=0), nn.ReLU(), nn.Dense(8, 1, rng=1))
    >>> optimizer = nn.SGD(model, lr=0.01)
    >>> codes = {"input_unscaled", "targets_unscaled"}
    >>> found = first_look(model, x, x[:, :1] / 255, nn.MSELoss(), optimizer, codes)
    >>> [finding.code for finding in found]
    ['input_unscaled']
    """
    # Late: they are as many files as checks, which most trainings do not need.
    from nnscratch.diagnosis.checks import (
        columns_unscaled,
        constant_input,
        dead_units,
        identical_units,
        labels,
        last_layer,
        not_finite,
        saturated_by_bias,
        saturated_units,
        signal_strength,
        unlabelled,
        unscaled,
    )
    from nnscratch.diagnosis.findings import ORDER, without_consequences

    checks = (
        labels, constant_input, columns_unscaled, unscaled, last_layer, identical_units, not_finite, signal_strength,
        saturated_by_bias,
    )  # fmt: skip
    causes = (dead_units, saturated_units)  # of a signal that ends: not certain, but they explain it
    rows = evenly_spaced(len(x), _ROWS)
    x, y = x[rows], y[rows]
    most = affordable_rows(model.layers, x.shape[1:], _MULTIPLY_ADDS, fewest=_FEWEST_MEASURED, most=_MOST_MEASURED)
    few = evenly_spaced(len(x), most)
    with np.errstate(all="ignore"):
        signals = measure(model, x[few], y[few], loss, optimizer)
        case = Case(model, signals, x, y, copy.deepcopy(loss), optimizer)
        found = list(unlabelled.check(case))
        if not found:
            if case.has_learnt:
                return []
            found = without_consequences([finding for check in checks + causes for finding in check.check(case)])
    return sorted((each for each in found if each.code in codes), key=lambda each: ORDER.index(each.code))


def one_line(finding: Finding) -> str:
    """A finding on one line, for a warning: its code, what is wrong, what to change.

    >>> one_line(Finding("unlabelled", None, {}, "No target has a value.", "Look at y."))
    'unlabelled: No target has a value. -> Look at y.'
    """
    place = "" if finding.layer is None else f" (layer {finding.layer})"
    return textwrap.shorten(f"{finding.code}{place}: {finding.message} -> {finding.remedy}", 1000)
