"""Hidden units with the same weights: they compute the same, and get the same gradient."""

from __future__ import annotations

from collections.abc import Iterator

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.treatments import draw

# Share of units: independent weights never agree, so half of a layer in pairs was not drawn at
# random.
TWINS = 0.5


def check(case: Case) -> Iterator[Finding]:
    layer = next(
        (layer for layer in case.signals.layers if not layer.is_last and not layer.frozen and layer.twins >= TWINS),
        None,
    )
    if layer is not None:
        yield Finding(
            "identical_units",
            layer.index,
            {"twins": layer.twins, "weight_rms": layer.weight_rms},
            f"{layer.twins:.0%} of the units of {layer.name} have the same weights as another one. They "
            "compute the same; where the next layer treats them alike too, they get one gradient and stay alike.",
            "Draw the weights at random: glorot_uniform or he_normal; constants are for biases.",
            treatments=(draw("glorot_uniform"), draw("he_normal")),
        )
