"""Biases that drown the image: how many times larger they are than what differs between images.

What the biases are now is measured and, after a training, also what they began as, because training
spoils the measure: behind dead units nothing spreads, behind large weights everything does.
"""

from __future__ import annotations

from nnscratch.diagnosis.signals import LayerSignals
from nnscratch.layers import Layer

# Bias over spread. From ten on, the bias alone decides whether its unit is on: ReLU then is a line,
# or nothing.
SATURATED = 10.0

# A bias below this is not large, however little the images differ.
LARGE_BIAS = 0.3

# Share of the input's spread. What is below it is rounding in float32: nothing spreads there,
# whatever the biases are.
ROUNDING = 1e-6

# Standard deviation of the biases over their size. A training moves each unit its own way: biases
# that are the same in all units, to a quarter, are not its work.
COMMON = 0.25


def bias_to_spread(layer: Layer, signals: LayerSignals, x_spread: float, trained: bool) -> float:
    """How many times the spread over images the layer's bias is.

    layer, signals : a layer that feeds a ReLU, and its numbers
    x_spread : the spread of the network's input
    trained : whether the network was trained: then the bias that it had at the start counts too,
        over the input's spread, which good weights would have kept
    """
    spread = max(x_spread, 1e-30)
    now = signals.bias_ratio if signals.bias > LARGE_BIAS and signals.z_spread > ROUNDING * spread else 0.0
    if not trained:
        return now
    at_the_start = max(signals.bias if is_common(signals) else 0.0, initial_bias(layer))
    return max(now, at_the_start / spread)


def is_by_training(layer: Layer, signals: LayerSignals, x_spread: float) -> bool:
    """Whether the training made the bias large: it was not drawn so, and differs between units."""
    drawn_large = initial_bias(layer) > SATURATED * max(x_spread, 1e-30)
    return not (drawn_large or is_common(signals))


def is_common(signals: LayerSignals) -> bool:
    """Whether all units have about the same bias."""
    return signals.bias_range < COMMON * signals.bias


def initial_bias(layer: Layer) -> float:
    """The size of the constant that the layer's biases began as; 0 if they were no constant.

    >>> import nnscratch as nn
    >>> initial_bias(nn.Dense(2, 3, bias_init="constant(-5)", rng=0))
    5.0
    """
    name, _, value = str(getattr(layer, "bias_init", "")).partition("(")
    try:
        return abs(float(value.rstrip(")"))) if name == "constant" else 0.0
    except ValueError:
        return 0.0
