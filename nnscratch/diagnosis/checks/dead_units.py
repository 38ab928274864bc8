"""Units that are off for every image: a ReLU that is always off passes no gradient."""

from __future__ import annotations

from collections.abc import Iterator

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding


def check(case: Case) -> Iterator[Finding]:
    hidden = [layer for layer in case.signals.layers if not layer.is_last]
    dead = [layer for layer in hidden if layer.never_active >= case.dead_share]
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
        "Make the network anew with hidden biases of 0 and a lower learning rate, and use less dropout.",
    )
