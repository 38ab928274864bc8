"""Contrast normalization by the layer's own arithmetic, in buffers that stay."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnscratch.kernels.choice import Chosen
from nnscratch.kernels.normalization import normalize_backward
from nnscratch.layers import ContrastNormalization
from nnscratch.layers.base import check_gradient_shape, take
from nnscratch.stages.base import Stage


class ContrastNormalizationStage(Stage):
    """y = spread * (x - mean) / max(std, floor), picture by picture.

    Shapes
        x, y, dx, dy : (N, ...)
    """

    needs_y = False  # backward reads x and the moments of each picture: the next stage may put its dx where y was

    def __init__(self, layer: ContrastNormalization) -> None:
        super().__init__([layer])
        self.layer = layer

    def sizes(self) -> tuple[object, ...]:
        return self.layer.spread, self.layer.floor

    def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
        self.layer.check(x)
        y = self.result("y", training, x.shape, x.dtype)
        moments = self.result("moments", training, (len(x), 2), np.float64)
        self.layer.normalize(x, y, moments)
        if training:
            self.kept = x[...], moments
        return y

    def backward(self, dy: np.ndarray, input_gradient: bool) -> np.ndarray | None:
        layer = self.layer
        x, moments = take(self, "kept", layer)
        check_gradient_shape(layer, dy, x.shape, x.dtype)
        if not input_gradient:
            return None
        dx = self.buffers.get("dx", x.shape, x.dtype)
        normalize_backward(x, dy, moments, layer.spread, layer.floor, dx)
        return dx

    def kernels(self, x_shape: tuple[int, ...], dtype: np.dtype[Any], input_gradient: bool) -> list[Chosen]:
        works = ["forward", *(["dx"] if input_gradient else [])]
        return [Chosen(work, "normalization.py", "picture by picture, in buffers that stay") for work in works]
