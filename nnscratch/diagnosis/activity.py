"""Which units of an activation let a gradient through: those of a ReLU that are on, for example.

A ReLU that is 0 for every image never gets a gradient. A Sigmoid or a Tanh is saturated where its
curve is flat, at either end; a LeakyReLU lets something through on both sides of its kink.
"""

from __future__ import annotations

import numpy as np

from nnscratch.layers import Layer, LeakyReLU, ReLU, Sigmoid, Tanh

ACTIVATIONS = ReLU, LeakyReLU, Sigmoid, Tanh

# Share of the largest slope that a curve has in its middle: below it, a value counts as saturated.
# That is |x| > 6 for a Sigmoid and |x| > 3 for a Tanh.
FLAT = 0.01


def has_units(layer: Layer) -> bool:
    """Whether the layer's weight mixes numbers into units: (..., n_in, n_out).

    A weight per feature, such as the scale of a normalization, does not.

    >>> from nnscratch.layers import Dense
    >>> has_units(Dense(3, 2)), has_units(ReLU())
    (True, False)
    """
    return np.ndim(layer.params.get("weight", 0.0)) >= 2


def can_die(layer: Layer) -> bool:
    """Whether a unit of this layer may let no gradient through at all: a ReLU's.

    >>> can_die(ReLU()), can_die(LeakyReLU()), can_die(LeakyReLU(0)), can_die(Tanh())
    (True, False, True, False)
    """
    return isinstance(layer, ReLU) or (isinstance(layer, LeakyReLU) and layer.negative_slope == 0)


def can_saturate(layer: Layer | None) -> bool:
    """Whether the layer squeezes all numbers into a range, and is flat at its ends."""
    return isinstance(layer, Sigmoid | Tanh)


def active_units(h: np.ndarray) -> np.ndarray:
    """(units,) bool: whether a unit is above 0 for at least one image.

    h : (N, units), or (N, H, W, channels), where a channel is one unit: it is active if any of its
        positions is. To take each position for a unit of its own, give h.reshape(N, -1).

    >>> active_units(np.array([[0.0, 2.0, 0.0], [0.0, 0.0, 1.0]]))
    array([False,  True,  True])
    """
    return np.any(h > 0, axis=tuple(range(h.ndim - 1)))


def silent_share(h: np.ndarray) -> float:
    """Share of units, 0..1, that are 0 (or below) for every image.

    h : as in `active_units`

    >>> silent_share(np.array([[0.0, 2.0], [0.0, 0.0]]))
    0.5
    """
    return float(1 - active_units(h).mean())


def saturated_values(layer: Layer, h: np.ndarray) -> int:
    """How many of the outputs h of a Sigmoid or a Tanh lie where its curve is flat.

    h : any shape

    >>> saturated_values(Sigmoid(), np.array([[0.001, 0.5, 0.999]]))
    2
    >>> saturated_values(Tanh(), np.array([[0.001, 0.5, 0.999]]))
    1
    """
    slope = 4 * h * (1 - h) if isinstance(layer, Sigmoid) else 1 - np.square(h)
    return int(np.count_nonzero(slope < FLAT))
