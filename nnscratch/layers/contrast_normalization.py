"""Contrast normalization: every picture in the same light, whatever lamp and camera took it."""

from __future__ import annotations

import math

import numpy as np

from nnscratch.checks import check_finite, positive
from nnscratch.kernels.normalization import normalize_backward, normalize_forward
from nnscratch.layers.base import Layer, check_gradient, check_shape


class ContrastNormalization(Layer):
    """Subtracts each picture's mean, divides by its standard deviation, multiplies by `spread`.

    Arguments
        spread : the standard deviation of each y, > 0. The default is near that of plain pixels /
            256 (drawn faces have 0.1 to 0.35), so that a learning rate that suits those stays about
            right.
        floor  : the least divisor, > 0, in units of x: 0.02 is 5 grey levels of 256. A picture with
            less contrast than that is an empty wall, and without a floor its noise would be blown
            up to the size of a face. With it, such a picture stays fainter than the others, in
            proportion. If x is in other units than 0..1, scale `floor` with it: floor=5.0 for
            pixels 0..255.

    Shapes
        N pictures of M numbers each: all pixels of all channels
        x, y, dx, dy : (N, ...), any shape with a leading N;  m, std, s : one per picture

    Forward, picture by picture (sums over all its numbers k)
        m = sum of x[k] / M,  std = sqrt(sum of (x[k] - m)^2 / M),  s = max(std, floor)
        y[i] = spread * z[i],  z[i] = (x[i] - m) / s
        A picture with more light or contrast, a * x + b with a > 0, gives the same y as x does,
        unless one of the two is below the floor.

    Backward, given dy = dL/dy
        One x[j] moves every y of its picture: y[j] directly, and all of them through m and s. How m
        and s move with x[j]:
            dm/dx[j] = 1/M
            std >= floor: 2 s ds/dx[j] = d(s^2)/dx[j] = 2 (x[j] - m) / M,  so  ds/dx[j] = z[j] / M
                (m moves too, but that adds a multiple of the sum of (x[k] - m), which is 0)
            std < floor:  s is a constant, ds/dx[j] = 0
        The quotient rule, with [i=j] = 1 for i = j, otherwise 0:
            slope of y[i] at x[j] = spread * (([i=j] - 1/M) / s - (x[i] - m) / s^2 * ds/dx[j])
        The chain rule sums that over i, times dy[i]; mean() is over the picture:
            std >= floor: dx[j] = spread / s * (dy[j] - mean(dy) - z[j] * mean(dy * z))
            std < floor:  dx[j] = spread / floor * (dy[j] - mean(dy))
        In words: two parts of dy are taken away, the one that would only make the picture brighter
        and the one that would only give it more contrast, because y depends on neither. Below the
        floor y does depend on the contrast, and that part stays. At std = floor there is a kink;
        there the first formula is used.

    Cost: two multiply-adds per number forward, in three passes over a picture in the cache, summed
    in float64; keeps x.

    Raises
        ValueError : spread or floor not > 0, an x or dy of a wrong shape or dtype, NaN
        RuntimeError : backward without forward(training=True)

    >>> layer = ContrastNormalization()
    >>> x = np.array([[0.0, 0.0, 2.0, 2.0], [0.5, 0.5, 0.6, 0.6], [0.50, 0.50, 0.51, 0.51]])
    >>> layer.forward(x)
    array([[-0.25  , -0.25  ,  0.25  ,  0.25  ],
           [-0.25  , -0.25  ,  0.25  ,  0.25  ],
           [-0.0625, -0.0625,  0.0625,  0.0625]])
    >>> y = layer.forward(np.array([[0.0, 0.0, 2.0, 2.0]]), training=True)
    >>> layer.backward(np.array([[4.0, 0.0, 0.0, 0.0]]))     # 0.25 * (dy - 1 - z * -1)
    array([[ 0.5, -0.5,  0. ,  0. ]])

    Sources: Jarrett, Kavukcuoglu, Ranzato & LeCun, "What is the Best Multi-Stage Architecture for
    Object Recognition?" (2009), section 2, for the division by max(floor, std), there in a window
    around each pixel; Ulyanov, Vedaldi & Lempitsky, "Instance Normalization" (2016), for the
    statistics of one picture instead of a batch, there channel by channel; Ba, Kiros & Hinton,
    "Layer Normalization" (2016), section 3, for statistics over all numbers of an example with the
    gradient through both, there with a gain and a bias.
    """

    spread: float
    floor: float
    x: np.ndarray  # this and the next are kept from forward(training=True) to backward
    moments: np.ndarray  # (N, 2), float64: m and std of each picture
    divisors: tuple[float, float]  # spread and floor of that pass

    def __init__(self, spread: float = 0.25, floor: float = 0.02) -> None:
        super().__init__()
        self.spread, self.floor = spread, floor
        self.check_sizes()

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.check_sizes()
        self.check(x)
        y, moments = np.empty(x.shape, x.dtype), np.empty((len(x), 2))
        self.normalize(x, y, moments)
        if training:
            self.x, self.moments, self.divisors = x[...], moments, (self.spread, self.floor)
        return y

    def check(self, x: np.ndarray) -> None:
        """Stops an x of a wrong dtype or shape. (`normalize` finds NaN.)"""
        check_shape(self, x)
        self._check_not_empty(x.shape[1:])

    def normalize(self, x: np.ndarray, y: np.ndarray, moments: np.ndarray) -> None:
        """Fills y, like x, and moments (N, 2), float64: m and std of each picture."""
        normalize_forward(x, self.spread, self.floor, y, moments)
        # Every number of a picture is a term of its std, and there are far fewer moments to check.
        if not np.isfinite(moments).all():
            check_finite(self, "x", x)
            raise ValueError(
                f"{self!r}: got x with numbers up to {np.abs(x).max():.0e}, expected numbers whose squares can be "
                "summed in float64; scale x"
            )

    def backward(self, dy: np.ndarray) -> np.ndarray:
        x, moments, (spread, floor) = self.take("x"), self.take("moments"), self.take("divisors")
        check_gradient(self, dy, x.shape, x.dtype)
        dx = np.empty(x.shape, x.dtype)
        normalize_backward(x, dy, moments, spread, floor, dx)
        return dx

    def check_sizes(self) -> None:
        self.spread = positive("ContrastNormalization", "spread", self.spread, fix="the default, 0.25, will do")
        self.floor = positive("ContrastNormalization", "floor", self.floor, fix="the default, 0.02, will do")

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        self._check_not_empty(input_shape)
        return input_shape

    def _check_not_empty(self, input_shape: tuple[int, ...]) -> None:
        if math.prod(input_shape) == 0 or not input_shape:
            raise ValueError(
                f"{self!r}: got pictures of shape {input_shape}, expected at least one axis and one number; x is "
                "(N, ...), and a single picture x[np.newaxis]"
            )
