"""Units at the flat ends of a Sigmoid or a Tanh: hardly any gradient gets through."""

from __future__ import annotations

from collections.abc import Iterator

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.treatments import change_lr, draw

# Share of values where the slope is below a hundredth of the largest. Fresh networks of Glorot's
# weights have none.
SATURATED_VALUES = 0.7


def check(case: Case) -> Iterator[Finding]:
    flat = [layer for layer in case.signals.layers if layer.saturated >= SATURATED_VALUES]
    if not flat or case.signals.not_finite:
        return
    worst = max(flat, key=lambda layer: layer.saturated)
    name = type(case.activation_behind(worst)).__name__
    yield Finding(
        "saturated_units",
        worst.index,
        {"saturated": worst.saturated, "z_rms": worst.z_rms, "layers": float(len(flat))},
        f"{worst.saturated:.0%} of what comes out of the {name} behind {worst.name} lies at its flat ends: it gets "
        f"numbers of about {worst.z_rms:.2g}, where its slope is less than a hundredth of that in the middle, and "
        "hardly any gradient passes.",
        "Make the network anew with smaller weights (glorot_uniform), hidden biases of 0 and a lower learning rate; "
        "or use ReLU.",
        treatments=(draw("glorot_uniform"), *((change_lr(0.1, case.largest_lr),) if case.largest_lr > 0 else ())),
    )
