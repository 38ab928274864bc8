"""The leaky rectifier: a ReLU that lets a little through when it is closed, and so cannot die."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnscratch.checks import not_negative
from nnscratch.layers.base import Layer, check_gradient, check_input


class LeakyReLU(Layer):
    """Passes positive numbers, makes negative ones smaller.

    Arguments
        negative_slope : what negative numbers are multiplied by, >= 0 (default 0.01); 0 makes it a
            ReLU

    Shapes
        x, y, dx, dy : any shape with a leading N

    Forward
        y = x where x > 0, otherwise negative_slope * x; each number by itself

    Backward, given dy = dL/dy
        Each x feeds exactly one y, so the chain rule has one term, dx = dy * (slope of y at x):
            x > 0: y = x, the slope is 1;    x < 0: y = negative_slope * x, that is the slope
        At x = 0 there is a kink: any slope between the two would do, and the left one is customary.
        So
            dx = dy where x > 0, otherwise negative_slope * dy
        A unit whose x is negative for every row still gets a gradient, a hundredth by default. It
        can come back, where that of a ReLU is dead.

    Cost: one comparison and one product per number; keeps for each whether it was positive, one
    byte.

    Raises
        ValueError : a negative_slope below 0, an x or dy of a wrong shape or dtype, NaN
        RuntimeError : backward without forward(training=True)

    >>> layer = LeakyReLU(0.25)
    >>> layer.forward(np.array([[-2.0, 0.0, 3.0]]), training=True)
    array([[-0.5,  0. ,  3. ]])
    >>> layer.backward(np.array([[10.0, 10.0, 10.0]]))
    array([[ 2.5,  2.5, 10. ]])

    Source: Maas, Hannun & Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models"
    (2013).
    """

    negative_slope: float
    positive: np.ndarray  # x > 0; this and the next are kept from forward(training=True) to backward
    of_pass: tuple[float, np.dtype[Any]]  # the negative_slope and the dtype of that pass

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.check_sizes()

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.check_sizes()
        check_input(self, x)
        positive = x > 0
        if training:
            self.positive, self.of_pass = positive, (self.negative_slope, x.dtype)
        return _leaky(x, positive, self.negative_slope)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        positive, (negative_slope, dtype) = self.take("positive"), self.take("of_pass")
        check_gradient(self, dy, positive.shape, dtype)
        return _leaky(dy, positive, negative_slope)

    def check_sizes(self) -> None:
        self.negative_slope = not_negative(
            "LeakyReLU", "negative_slope", self.negative_slope, fix="the default, 0.01, will do"
        )

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape


def _leaky(values: np.ndarray, positive: np.ndarray, negative_slope: float) -> np.ndarray:
    """The values, multiplied by the slope of their x: 1 where it was positive."""
    return values * np.where(positive, values.dtype.type(1), values.dtype.type(negative_slope))
