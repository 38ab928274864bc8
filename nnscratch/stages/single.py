"""A stage of one layer, run by its own methods: for everything that no faster stage stands for."""

from __future__ import annotations

import numpy as np

from nnscratch.layers import Layer
from nnscratch.stages.base import Stage


class Single(Stage):
    """The layer itself."""

    checks_finite = True

    def __init__(self, layer: Layer) -> None:
        self.layers = [layer]

    def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
        return self.layers[0].forward(x, training)

    def backward(self, dy: np.ndarray, input_gradient: bool) -> np.ndarray | None:
        if input_gradient:
            return self.layers[0].backward(dy)
        self.layers[0].backward_parameters(dy)
        return None
