"""The hyperbolic tangent: a sigmoid that has its middle at 0."""

from __future__ import annotations

import numpy as np

from nnscratch.layers.base import Layer, check_gradient, check_input


class Tanh(Layer):
    """Squeezes every number into -1..1, and leaves small ones almost as they are.

    Shapes
        x, y, dx, dy : any shape with a leading N

    Forward
        y = tanh(x) = (exp(x) - exp(-x)) / (exp(x) + exp(-x)), each number by itself
        It is a sigmoid, stretched and shifted: tanh(x) = 2 * sigmoid(2x) - 1.

    Backward, given dy = dL/dy
        Each x feeds exactly one y, so the chain rule has one term, dx = dy * (slope of y at x).
        With a = exp(x) - exp(-x) and b = exp(x) + exp(-x), y = a/b, da/dx = b and db/dx = a. The
        quotient rule:
            slope = (b * b - a * a) / b^2 = 1 - (a/b)^2 = 1 - y^2
        So
            dx = dy * (1 - y^2)
        The slope is 1 at x = 0 and goes to 0 on both sides: a unit whose |x| is large is saturated,
        and hardly any gradient comes through. Small signals pass unchanged and y has no common part
        of 1/2, which makes it the better of the two sigmoids inside a network.

    Cost: one tanh per number; keeps the slopes.

    Raises
        ValueError : an x or dy of a wrong shape or dtype, NaN
        RuntimeError : backward without forward(training=True)

    >>> layer = Tanh()
    >>> layer.forward(np.array([[0.0, np.log(3), -np.log(3), 1000.0]]), training=True)
    array([[ 0. ,  0.8, -0.8,  1. ]])
    >>> layer.backward(np.array([[100.0, 100.0, 100.0, 100.0]])).round(6)   # 100 * (1 - y^2)
    array([[100.,  36.,  36.,   0.]])

    Source: LeCun, Bottou, Orr & Müller, "Efficient BackProp" (1998), section 4.4.
    """

    slope: np.ndarray  # 1 - y^2, kept from forward(training=True) to backward

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        check_input(self, x)
        y: np.ndarray = np.tanh(x)
        if training:
            with np.errstate(under="ignore"):  # the square of a tiny y is 0, and the slope 1
                self.slope = 1 - np.square(y)
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        slope = self.take("slope")
        check_gradient(self, dy, slope.shape, slope.dtype)
        return dy * slope

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape
