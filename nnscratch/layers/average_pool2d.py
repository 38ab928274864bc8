"""Average pooling: the mean of each small window; every number of it counts alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnscratch.kernels.layerwise.pooling import average_pool2d_backward, average_pool2d_forward
from nnscratch.layers.base import check_gradient, check_input
from nnscratch.layers.pool2d import Pool2D


class AveragePool2D(Pool2D):
    """The mean of each window, channel by channel.

    Arguments
        pool_size : side of the window, or (height, width)
        stride    : step from window to window, or (height, width); None puts windows side by side

    Shapes
        N images, H x W pixels, C channels; windows of K = pool_height * pool_width places
        H_out = floor((H - pool_size) / stride) + 1, W_out alike: a window that would stick out is
        dropped
        x, dx : (N, H, W, C)      y, dy : (N, H_out, W_out, C)

    Forward
        y[n,h,w,c] = 1/K * sum over i,j of x[n, h*stride + i, w*stride + j, c]

    Backward, given dy = dL/dy
        Move one x of a window a little: y moves 1/K as much, wherever in the window x lies. So each
        window hands its dy out in K equal parts, and an x adds up what it gets from every window
        that it lies in:
            dx[n,h',w',c] = 1/K * sum of dy[n,h,w,c] over the windows (h,w) that contain (h',w')
        Windows side by side have no x in common: then the sum has one term or none. There is no
        kink and no winner, so that every x in a window learns; the price is that a strong answer in
        one place is watered down by the weak ones around it.

    It is a convolution of each channel by itself, whose weights are all 1/K and do not learn.

    Cost: K additions per output; keeps nothing but x's shape.

    Raises
        ValueError : wrong sizes, an x smaller than the window, a wrong shape or dtype, NaN
        RuntimeError : backward without forward(training=True)

    >>> layer = AveragePool2D(2)
    >>> x = np.array([[1.0, 5.0, 2.0, 0.0],
    ...               [2.0, 4.0, 7.0, 7.0]]).reshape(1, 2, 4, 1)
    >>> layer.forward(x, training=True).ravel()
    array([3., 4.])
    >>> layer.backward(np.array([8.0, 20.0]).reshape(1, 1, 2, 1)).reshape(2, 4)
    array([[2., 2., 5., 5.],
           [2., 2., 5., 5.]])

    Source: LeCun, Boser, Denker, Henderson, Howard, Hubbard & Jackel, "Handwritten digit
    recognition with a back-propagation network" (1990), layers H2 and H4.
    """

    x_shape: tuple[int, ...]  # this and the next are kept from forward(training=True) to backward
    like_y: tuple[tuple[int, ...], np.dtype[Any]]  # the shape and dtype of y; then the sizes of that pass
    sizes: tuple[tuple[int, int], tuple[int, int]]

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.check_sizes()
        check_input(self, x, ndim=4)
        self.check_window(x.shape[1:])
        y = average_pool2d_forward(x, self.pool_size, self.stride)
        if training:
            self.x_shape, self.like_y, self.sizes = x.shape, (y.shape, y.dtype), (self.pool_size, self.stride)
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        x_shape, like_y, sizes = self.take("x_shape"), self.take("like_y"), self.take("sizes")
        check_gradient(self, dy, *like_y)
        return average_pool2d_backward(dy, x_shape, *sizes)
