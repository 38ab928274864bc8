"""A signal profile: how much of what differs between images each initializer lets through."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnscratch.diagnosis.activity import has_units
from nnscratch.diagnosis.signals import measure
from nnscratch.initializers import Initializer, get
from nnscratch.pictures import PALETTE, new_figure, save

if TYPE_CHECKING:
    from nnscratch.model import Sequential

_USUAL = ("normal(0.01)", "glorot_uniform", "he_normal")


@dataclass(frozen=True)
class SignalProfile:
    """Spread over images behind each layer with weights, by initializer: print it or draw it.

    layers : reprs of the layers with weights, input to output
    spreads : initializer -> the spread of z of each of these layers
    x_spread : the spread of the input, for comparison
    """

    layers: list[str]
    spreads: dict[str, list[float]]
    x_spread: float

    def __str__(self) -> str:
        names = list(self.spreads)
        lines = [f"{'z spread over images':24s}" + "".join(f"{name[:17]:>18s}" for name in names)]
        lines.append(f"{'input':24s}" + f"{self.x_spread:18.2g}" * len(names))
        for i, layer in enumerate(self.layers):
            short = layer if len(layer) <= 23 else layer[:19] + "...)"
            lines.append(f"{short:24s}" + "".join(f"{self.spreads[name][i]:18.2g}" for name in names))
        return "\n".join(lines)

    def save_picture(self, path: str | os.PathLike[str]) -> None:
        """Draws the spreads as a PNG, one line per initializer; whole or not at all.

        Raises
            ValueError : `path` does not end in .png
            OSError : the folder is missing or cannot be written
        """
        figure = new_figure(8, 5)
        axes = figure.subplots()
        places = range(len(self.layers) + 1)
        for i, (name, spreads) in enumerate(self.spreads.items()):
            values = [value if value > 0 else math.nan for value in (self.x_spread, *spreads)]
            colour, marker, line = PALETTE[i % len(PALETTE)], "osD^vx"[i % 6], ("-", "--", ":")[i % 3]
            axes.plot(places, values, label=name, color=colour, marker=marker, linestyle=line)
        axes.set_yscale("log")
        labels = ["input", *(f"{number}: {layer.partition('(')[0]}" for number, layer in enumerate(self.layers, 1))]
        axes.set_xticks(list(places), labels, rotation=30, ha="right")
        axes.set_xlabel("layer with weights")
        axes.set_ylabel("spread over images of its output (its own units)")
        axes.set_title("What is left of the differences between the images, before training")
        axes.legend()
        axes.grid(alpha=0.3)
        save(figure, path)


def signal_profile(
    model: Sequential, x: np.ndarray, initializers: Sequence[Initializer | str] = _USUAL, *, seed: int = 0
) -> SignalProfile:
    """How much of what differs between images reaches each layer, by initializer of the weights.

    Measured in copies of the model, which are not trained; biases stay as they are in the model.

    x : (N, ...) inputs, of which 128 are used
    initializers : their names, such as "normal(0.01)", or the initializers
    seed : of the weights

    Raises
        ValueError : no initializer, one that does not exist, or an x that does not fit

    >>> import nnscratch as nn
    >>> model = nn.Sequential(nn.Dense(100, 100, rng=0), nn.ReLU(), nn.Dense(100, 10, rng=1))
    >>> x = np.random.default_rng(0).standard_normal((64, 100)).astype(np.float32)
    >>> print(signal_profile(model, x, ["normal(0.01)", "he_normal"]))
    z spread over images          normal(0.01)         he_normal
    input                                 0.99              0.99
    Dense(100, 100)                      0.097               1.4
    Dense(100, 10)                      0.0056               1.1
    """
    if not initializers:
        raise ValueError("signal_profile: got no initializer, expected at least one; leave the argument out for three")
    spreads: dict[str, list[float]] = {}
    for initializer in initializers:
        drawn = get(initializer)
        fresh, rng = copy.deepcopy(model), np.random.default_rng(seed)
        for layer in fresh.layers:
            if has_units(layer):
                layer.params["weight"][:] = drawn(layer.params["weight"].shape, rng)
        target = fresh.forward(x[:1])
        signals = measure(fresh, x, np.full((len(x), *target.shape[1:]), np.nan, target.dtype))
        spreads[initializer if isinstance(initializer, str) else repr(initializer)] = [
            layer.z_spread for layer in signals.layers
        ]
    return SignalProfile([layer.name for layer in signals.layers], spreads, signals.x_spread)
