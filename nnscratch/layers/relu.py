"""The rectifier: with it, a stack of weighted sums is more than one big weighted sum."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnscratch.layers.base import Layer, check_gradient, check_input


class ReLU(Layer):
    """Passes positive numbers, turns negative ones into 0.

    Shapes
        x, y, dx, dy : any shape with a leading N

    Forward
        y = max(x, 0), each number by itself

    Backward, given dy = dL/dy
        Each x feeds exactly one y, so the chain rule has one term, dx = dy * (slope of y at x):
            x > 0: y = x, the slope is 1;    x < 0: y = 0, the slope is 0
        At x = 0 there is a kink: any slope from 0 to 1 would do, and 0 is customary. So
            dx = dy where y > 0, otherwise 0
        A unit whose x is negative for every row gets no gradient at all, and so never learns: it is
        dead.

    Cost: one comparison per number; keeps for each whether it was positive, one byte.

    Raises
        ValueError : an x or dy of a wrong shape or dtype, NaN
        RuntimeError : backward without forward(training=True)

    >>> layer = ReLU()
    >>> layer.forward(np.array([[-2.0, 0.0, 3.0]]), training=True)
    array([[0., 0., 3.]])
    >>> layer.backward(np.array([[10.0, 10.0, 10.0]]))
    array([[ 0.,  0., 10.]])

    Source: Nair & Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines" (2010).
    """

    positive: np.ndarray  # y > 0; this and the next are kept from forward(training=True) to backward
    dtype: np.dtype[Any]

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        check_input(self, x)
        y = np.maximum(x, 0)
        if training:
            self.positive, self.dtype = y > 0, y.dtype
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        positive, dtype = self.take("positive"), self.take("dtype")
        check_gradient(self, dy, positive.shape, dtype)
        return dy * positive

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape
