"""Biases that drown the image; how that is measured is in `saturation.py`."""

from __future__ import annotations

from collections.abc import Iterator

from nnscratch.diagnosis.activity import can_die
from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.saturation import is_by_training
from nnscratch.diagnosis.setup import Treatment
from nnscratch.diagnosis.treatments import zero_biases
from nnscratch.layers import Layer, LeakyReLU


def check(case: Case) -> Iterator[Finding]:
    layers, x_spread = case.saturated_layers, case.signals.x_spread
    if not layers:
        return
    worst = max(layers, key=case.bias_to_spread)
    times = min(case.bias_to_spread(worst), 1e9)
    many = "far more than" if times > 1e4 else f"{times:.0f} times"
    yield Finding(
        "saturated_by_bias",
        worst.index,
        {"bias": worst.bias, "bias_to_spread": times, "layers": float(len(layers))},
        f"In {worst.name} the bias is {many} what differs between the images: it alone decides "
        f"{_what_it_decides(case.activation_behind(worst))}, and the image counts for little."
        + case.dropout_behind(worst),
        "Start the hidden biases at 0 (bias_init='constant(0)').",
        treatments=(Treatment("bias_init='constant(0)'", zero_biases),),
        by_training=all(is_by_training(case.layer(layer), layer, x_spread) for layer in layers),
    )


def _what_it_decides(activation: Layer | None) -> str:
    if activation is None or can_die(activation):
        return "whether a unit is on, the ReLU is a straight line or nothing"
    if isinstance(activation, LeakyReLU):
        return "on which side of its kink a unit is, the LeakyReLU is a straight line"
    return f"where on its curve a unit is, the {type(activation).__name__} is a straight line or flat"
