"""A gradient that fades or explodes on its way back to the first layer."""

from __future__ import annotations

from collections.abc import Iterator

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.fading import fades_by_bias, remedy_for_sigmoids, treatments_of_sigmoids
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.thresholds import EXPLODED_GRADIENT
from nnscratch.diagnosis.treatments import draw

# |dL/dz| of the first layer over that of the last one: 0.05 to 3 in healthy networks.
VANISHED_GRADIENT = 1e-3


def check(case: Case) -> Iterator[Finding]:
    ratio = case.gradient_ratio
    vanishes, explodes = ratio < VANISHED_GRADIENT and not fades_by_bias(case), ratio > EXPLODED_GRADIENT
    if case.signals.not_finite or not (vanishes or explodes):
        return
    first = case.learning_layers[0]
    remedy = "Draw the weights with he_normal or glorot_uniform" + (", or use fewer layers." if vanishes else ".")
    yield Finding(
        "vanishing_gradient" if vanishes else "exploding_gradient",
        first.index,
        {"first_to_last": ratio},
        f"On its way back from the last layer to {first.name} the gradient becomes {ratio:.1g} times as large: "
        + ("the first layers do not learn." if vanishes else "no learning rate is right for both ends."),
        (remedy_for_sigmoids(case) if vanishes else "") or remedy,
        treatments=(*(treatments_of_sigmoids(case) if vanishes else ()), draw("he_normal"), draw("glorot_uniform")),
    )
