"""The sigmoid: any number becomes one between 0 and 1, and a step becomes a slope."""

from __future__ import annotations

import numpy as np

from nnscratch.layers.base import Layer, check_gradient, check_input


class Sigmoid(Layer):
    """Squeezes every number into 0..1: large ones to 1, 0 to 1/2, very negative ones to 0.

    Shapes
        x, y, dx, dy : any shape with a leading N

    Forward
        y = 1 / (1 + exp(-x)), each number by itself
        For x < 0 that is computed as exp(x) / (1 + exp(x)), the same number: exp never gets an
        argument above 0, and so never overflows.

    Backward, given dy = dL/dy
        Each x feeds exactly one y, so the chain rule has one term, dx = dy * (slope of y at x).
        With u = 1 + exp(-x), y = 1/u and du/dx = -exp(-x) = 1 - u:
            slope = dy/du * du/dx = -1/u^2 * (1 - u) = (u - 1) / u^2 = (1 - 1/u) * 1/u = (1 - y) * y
        So
            dx = dy * y * (1 - y)
        The slope is 1/4 at x = 0, its largest, and goes to 0 on both sides: a unit whose |x| is
        large is saturated, and hardly any gradient comes through. Each layer takes three quarters
        of the gradient away at least; this is why deep networks left the sigmoid for ReLU.

    Cost: one exp per number; keeps the slopes.

    Raises
        ValueError : an x or dy of a wrong shape or dtype, NaN
        RuntimeError : backward without forward(training=True)

    >>> layer = Sigmoid()
    >>> layer.forward(np.array([[0.0, np.log(3), -np.log(3), 1000.0]]), training=True)
    array([[0.5 , 0.75, 0.25, 1.  ]])
    >>> layer.backward(np.array([[16.0, 16.0, 16.0, 16.0]]))   # 16 * y * (1 - y)
    array([[4., 3., 3., 0.]])

    Source: Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors"
    (1986), equation 2; Verhulst (1845) for the curve.
    """

    slope: np.ndarray  # y * (1 - y), kept from forward(training=True) to backward

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        check_input(self, x)
        with np.errstate(under="ignore"):  # far out exp is 0, and that is right
            power = np.exp(-np.abs(x))  # in 0..1
            y: np.ndarray = np.where(x >= 0, 1, power) / (1 + power)
            if training:
                self.slope = y * (1 - y)
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        slope = self.take("slope")
        check_gradient(self, dy, slope.shape, slope.dtype)
        return dy * slope

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape
