"""Units that are off for every image: a ReLU that is always off passes no gradient."""

from __future__ import annotations

from collections.abc import Iterator

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.saturation import initial_bias
from nnscratch.diagnosis.setup import Treatment
from nnscratch.diagnosis.signals import LayerSignals
from nnscratch.diagnosis.treatments import change_lr, draw, set_dropout


def check(case: Case) -> Iterator[Finding]:
    hidden = [layer for layer in case.signals.layers if not layer.is_last]
    # In a layer that nobody moves, silent units are what its owner wanted, unless nothing passes.
    dead = [layer for layer in hidden if layer.never_active >= (1.0 if layer.frozen else case.dead_share)]
    if not dead or case.signals.not_finite:
        return
    worst = max(dead, key=lambda layer: layer.never_active)
    bias_init = getattr(case.layer(worst), "bias_init", "")
    began = f" Its biases began as {bias_init}." if bias_init not in ("", "constant(0.0)") else ""
    yield Finding(
        "dead_units",
        worst.index,
        {"never_active": worst.never_active, "layers": float(len(dead))},
        f"{worst.never_active:.0%} of the units of {worst.name} are 0 for every image. A ReLU that is always off "
        f"passes no gradient, so these units never come back.{began}{case.dropout_behind(worst)}",
        _remedy(case, worst),
        treatments=_treatments(case),
    )


def _remedy(case: Case, worst: LayerSignals) -> str:
    """Only what this network has is to be changed."""
    large = bool(initial_bias(case.layer(worst)) or (case.trained is False and worst.bias > 0))
    changes = ["hidden biases of 0"] if large else []
    changes += ["a lower learning rate"] if case.trained is not False else []
    changes += [] if changes else ["he_normal weights"]
    less = ", and use less dropout" if case.strongest_dropout > 0 else ""
    return f"Make the network anew with {' and '.join(changes)}{less}."


def _treatments(case: Case) -> tuple[Treatment, ...]:
    slower = (change_lr(0.1, case.largest_lr),) if case.largest_lr > 0 else ()
    less = (set_dropout(0.0),) if case.strongest_dropout > 0 else ()
    return (draw("he_normal"), *slower, *less)
