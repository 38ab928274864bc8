"""From a map to a row: the same numbers in the same order, read as one list."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnscratch.layers.base import Layer, check_gradient, check_input


class Flatten(Layer):
    """Turns each example's array into one row, so that a Dense layer can read it.

    Shapes
        x, dx : (N, ...)      y, dy : (N, product of the rest)

    Forward
        y[n, (h*W + w)*C + c] = x[n,h,w,c]

    Backward, given dy = dL/dy
        Each x is exactly one y, with slope 1: dx is dy in x's shape.

    Cost: one copy of x, none in a network in front of a Dense layer; keeps nothing but x's shape.

    Raises
        ValueError : an x or dy of a wrong shape or dtype, NaN
        RuntimeError : backward without forward(training=True)

    >>> layer = Flatten()
    >>> layer.forward(np.array([[[1.0, 2.0], [3.0, 4.0]]]), training=True)
    array([[1., 2., 3., 4.]])
    >>> layer.backward(np.array([[5.0, 6.0, 7.0, 8.0]]))
    array([[[5., 6.],
            [7., 8.]]])
    """

    like_x: tuple[tuple[int, ...], np.dtype[Any]]  # shape and dtype, kept from forward(training=True) to backward

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        check_input(self, x)
        if training:
            self.like_x = x.shape, x.dtype  # backward needs no more
        return x.copy().reshape(len(x), math.prod(x.shape[1:]))

    def backward(self, dy: np.ndarray) -> np.ndarray:
        shape, dtype = self.take("like_x")
        check_gradient(self, dy, (shape[0], math.prod(shape[1:])), dtype)
        return dy.copy().reshape(shape)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (math.prod(input_shape),)
