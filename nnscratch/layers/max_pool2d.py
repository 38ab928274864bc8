"""Max pooling: keep the largest number of each small window, forget where exactly it was."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnscratch.kernels.layerwise.pooling import max_pool2d_backward, max_pool2d_forward
from nnscratch.layers.base import check_gradient, check_input
from nnscratch.layers.pool2d import Pool2D


class MaxPool2D(Pool2D):
    """The largest number of each window, channel by channel.

    Arguments
        pool_size : side of the window, or (height, width)
        stride    : step from window to window, or (height, width); None puts windows side by side

    Shapes
        N images, H x W pixels, C channels
        H_out = floor((H - pool_size) / stride) + 1, W_out alike: a window that would stick out is
        dropped
        x, dx : (N, H, W, C)      y, dy : (N, H_out, W_out, C)

    Forward
        y[n,h,w,c] = max over i,j of x[n, h*stride + i, w*stride + j, c]

    Backward, given dy = dL/dy
        Move one x of a window a little: y moves only if that x is the largest, and then just as
        much. So the slope of y is 1 at the winner and 0 at all others, and the winner gets the
        whole dy:
            dx[n,h',w',c] = sum of dy[n,h,w,c] over the windows (h,w) that x[n,h',w',c] wins
        Windows side by side have no x in common: then the sum has one term or none. If several x of
        a window are equally large there is a kink; the first one in reading order takes all.

    Cost: pool_size^2 comparisons per output; keeps the winners' places, one byte each.

    Raises
        ValueError : wrong sizes, an x smaller than the window, a wrong shape or dtype, NaN
        RuntimeError : backward without forward(training=True)

    >>> layer = MaxPool2D(2)
    >>> x = np.array([[1.0, 5.0, 2.0, 0.0],
    ...               [3.0, 4.0, 8.0, 7.0]]).reshape(1, 2, 4, 1)
    >>> layer.forward(x, training=True).ravel()
    array([5., 8.])
    >>> layer.backward(np.array([10.0, 20.0]).reshape(1, 1, 2, 1)).reshape(2, 4)
    array([[ 0., 10.,  0.,  0.],
           [ 0.,  0., 20.,  0.]])

    Source: Riesenhuber & Poggio, "Hierarchical models of object recognition in cortex" (1999); in
    networks trained by backpropagation: Ranzato, Huang, Boureau & LeCun, "Unsupervised learning of
    invariant feature hierarchies" (2007).
    """

    argmax: np.ndarray  # this and the next are kept from forward(training=True) to backward
    like_x: tuple[tuple[int, ...], np.dtype[Any]]  # the shape and dtype of x; then the sizes of that pass
    sizes: tuple[tuple[int, int], tuple[int, int]]

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.check_sizes()
        check_input(self, x, ndim=4)
        self.check_window(x.shape[1:])
        y, argmax = max_pool2d_forward(x, self.pool_size, self.stride)
        if training:
            self.argmax, self.like_x, self.sizes = argmax, (x.shape, x.dtype), (self.pool_size, self.stride)
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        argmax, (shape, dtype), sizes = self.take("argmax"), self.take("like_x"), self.take("sizes")
        check_gradient(self, dy, argmax.shape, dtype)
        return max_pool2d_backward(dy, argmax, shape, *sizes)
