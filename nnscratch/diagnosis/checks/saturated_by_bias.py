"""Biases that drown the image: found by what they are now, and by what they began as."""

from __future__ import annotations

from collections.abc import Iterator

from nnscratch.diagnosis.case import Case, Finding
from nnscratch.diagnosis.signals import LayerSignals
from nnscratch.diagnosis.thresholds import COMMON, LARGE_BIAS, NOISE, SATURATED
from nnscratch.layers import Dropout, ReLU


def saturated(case: Case) -> list[LayerSignals]:
    """The hidden layers whose bias is many times what differs between the images."""
    return [layer for layer in case.signals.layers if ratio(case, layer) > SATURATED]


def ratio(case: Case, layer: LayerSignals) -> float:
    """How many times the spread over images the bias is; 0 if that does not matter."""
    if layer.is_last or not isinstance(case.layers[layer.index + 1], ReLU):
        return 0.0
    spread = max(case.signals.x_spread, 1e-30)
    # Behind dead units nothing spreads at all: that says nothing about the biases there.
    measured = layer.bias_ratio if layer.bias > LARGE_BIAS and layer.z_spread > NOISE * spread else 0.0
    # A training spoils the measure: behind dead units nothing spreads, behind large weights everything. But good
    # weights would keep the input's spread, and a bias that is the same in all units was there from the start.
    same = layer.bias if layer.bias_range < COMMON * layer.bias else 0.0
    return max(measured, max(same, _began_as(case, layer.index)) / spread if case.trained else 0.0)


def is_from_the_start(case: Case, layer: LayerSignals) -> bool:
    """Whether the bias is no work of the training: all units have about the same, or it was drawn as large."""
    drawn = _began_as(case, layer.index) > SATURATED * max(case.signals.x_spread, 1e-30)
    return drawn or layer.bias_range < COMMON * layer.bias


def _began_as(case: Case, index: int) -> float:
    name, _, value = str(getattr(case.layers[index], "bias_init", "")).partition("(")
    try:
        return abs(float(value.rstrip(")"))) if name == "constant" else 0.0
    except ValueError:
        return 0.0


def saturation(case: Case) -> Iterator[Finding]:
    layers = saturated(case)
    if not layers:
        return
    worst = max(layers, key=lambda layer: ratio(case, layer))
    times = min(ratio(case, worst), 1e9)
    many = "far more than" if times > 1e4 else f"{times:.0f} times"
    yield Finding(
        "saturated_by_bias",
        worst.index,
        {
            "bias": worst.bias,
            "bias_to_spread": times,
            "layers": float(len(layers)),
            "from_the_start": float(any(is_from_the_start(case, layer) for layer in layers)),
        },
        f"In {worst.name} the bias is {many} what differs between the images: it alone decides whether a unit "
        "is on, the ReLU is a straight line or nothing, and the image counts for little." + dropout(case, worst.index),
        "Start the hidden biases at 0 (bias_init='constant(0)').",
    )


def dropout(case: Case, index: int) -> str:
    """What a dropout behind the layer adds to it, as a sentence."""
    behind = case.layers[index + 1 : index + 3]
    p = next((layer.p for layer in behind if isinstance(layer, Dropout)), 0.0)
    return f" Dropout of {p:g} behind it turns the large common part into noise, which the training flees." if p else ""
