"""What stands behind the last weights: an activation that cannot reach the targets, or dropout."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from nnscratch.diagnosis.activity import can_die
from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.setup import Treatment
from nnscratch.diagnosis.treatments import draw, remove_and_scale, scale_into, without_output_activation
from nnscratch.layers import Dropout, Layer, Sigmoid, Tanh

# Share of the targets' variance that stays unexplained because no answer reaches them.
CLIPPED = 0.03

# Share of the outputs that are 0 for every row.
SILENT = 0.5

# Share of outputs at the flat ends of a Sigmoid or a Tanh: hardly any gradient passes.
FLAT_ENDS = 0.9

# Share explained, from which on a network has learnt its classes all the same.
WELL_LEARNT = 0.5

_REMOVE = Treatment("no activation behind the last layer", without_output_activation)
_REMOVE_AND_SCALE = Treatment("no activation behind the last layer, and y scaled", remove_and_scale)


def check(case: Case) -> Iterator[Finding]:
    yield from _dropout(case)
    activation = case.output_activation
    if activation is not None and not case.signals.not_finite:
        cannot_reach = list(_cannot_reach(case, activation))
        yield from cannot_reach or _silent(case, activation)


def _dropout(case: Case) -> Iterator[Finding]:
    last = case.signals.layers[-1].index if case.signals.layers else 0
    for i, layer in enumerate(case.model.layers):
        if i > last and isinstance(layer, Dropout) and layer.p > 0:
            yield Finding(
                "dropout_output",
                i,
                {"p": layer.p},
                f"{layer!r} stands behind the last layer with weights: in training it sets answers to 0 at random, "
                f"and makes the others {1 / (1 - layer.p):.3g} times as large. No weights answer right with and "
                "without it.",
                "Remove the Dropout behind the output; put it behind a hidden activation.",
                treatments=(Treatment("no Dropout behind the last layer", without_output_activation),),
            )
            return


def _cannot_reach(case: Case, activation: Layer) -> Iterator[Finding]:
    """Targets outside the activation's range, and the loss that stays for that."""
    if case.classes:
        yield from _before_softmax(case, activation)
        return
    low, high = _range(activation)
    floor = case.share_outside(low, high)
    if not floor > CLIPPED:
        return
    name, reach = type(activation).__name__, f"{low:g} to {high:g}" if math.isfinite(high) else f"{low:g} and above"
    yield Finding(
        "relu_output" if can_die(activation) else "silent_output",
        case.signals.layers[-1].index + 1,
        {"loss_floor": floor, "lowest": float(np.nanmin(case.columns)), "highest": float(np.nanmax(case.columns))},
        f"A {name} behind the last layer answers {reach}, and targets lie outside: {floor:.0%} of their variance "
        "can never be explained, and where an answer is cut off no gradient passes.",
        f"Remove the {name} behind the last layer" + ("." if can_die(activation) else f", or scale y into {reach}."),
        treatments=(_REMOVE, *((scale_into(low, high),) if math.isfinite(high) else ()), _REMOVE_AND_SCALE),
    )


def _before_softmax(case: Case, activation: Layer) -> Iterator[Finding]:
    """A ReLU under the softmax: a class that is unlikely needs a number far below 0."""
    if can_die(activation) and not case.skill > WELL_LEARNT:
        yield Finding(
            "relu_output",
            case.signals.layers[-1].index + 1,
            {"explained": case.skill},
            f"A {type(activation).__name__} stands between the last layer and the softmax, which wants numbers below 0 "
            "for classes that are unlikely. A class whose number is cut off gets no gradient.",
            f"Remove the {type(activation).__name__} behind the last layer.",
            treatments=(_REMOVE,),
        )


def _range(activation: Layer) -> tuple[float, float]:
    if can_die(activation):
        return 0.0, math.inf
    if isinstance(activation, Sigmoid):
        return 0.0, 1.0
    return (-1.0, 1.0) if isinstance(activation, Tanh) else (-math.inf, math.inf)


def _silent(case: Case, activation: Layer) -> Iterator[Finding]:
    """Outputs that no longer get a gradient: a ReLU that is always off, flat ends of a curve."""
    last = case.signals.layers[-1]
    dead = last.never_active if can_die(activation) else math.nan
    if not (dead >= SILENT or last.saturated >= FLAT_ENDS) or case.has_learnt:
        return
    name = type(activation).__name__
    share, what = (dead, "0 for every row") if dead >= SILENT else (last.saturated, "at the flat ends of its curve")
    yield Finding(
        "silent_output",
        last.index + 1,
        {"share": share, "gradient_rms": last.gradient_rms},
        f"{share:.0%} of the answers of the {name} behind the last layer are {what}: no gradient passes, and "
        "no step brings them back.",
        f"Remove the {name} behind the last layer, and make the network anew.",
        treatments=(_REMOVE, draw("glorot_uniform")),
    )
