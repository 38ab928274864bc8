"""Mistakes in the backward passes of convolution and pooling, each beside the right line."""

from __future__ import annotations

import numpy as np

from nnscratch.kernels.layerwise.im2col import conv2d_backward_input
from nnscratch.layers import Conv2D, MaxPool2D


class ShiftedBorder(Conv2D):
    """The padded dx is cut at its corner, not in its middle."""

    def backward(self, dy: np.ndarray) -> np.ndarray:
        n, height, width, c = self.x.shape
        p_h, p_w = self.padding
        self.backward_parameters(dy)
        padded = (n, height + 2 * p_h, width + 2 * p_w, c)
        weight = self.params["weight"]
        dx = conv2d_backward_input(dy, weight, padded, self.stride, (0, 0))
        # right: dx[:, p_h : p_h + height, p_w : p_w + width]
        return dx[:, :height, :width]


class BiasOverTooFewAxes(Conv2D):
    """dbias is summed over images and rows; the first column is taken.

    Without [0] the shape would be (W_out, c_out), which the check refuses.
    Somebody has made the shape fit.
    """

    def backward(self, dy: np.ndarray) -> np.ndarray:
        dx = super().backward(dy)
        self.grads["bias"] = dy.sum(axis=(0, 1))[0]  # right: (0, 1, 2)
        return dx

    def backward_parameters(self, dy: np.ndarray) -> None:
        self.backward(dy)


class EveryTie(MaxPool2D):
    """dy goes to every x of a window that is as large as the largest.

    For windows side by side: stride = pool_size.
    """

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        y = super().forward(x, training)
        if training:
            self.x, self.y = x, y
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        x, y = self.take("x"), self.take("y")
        dx = np.zeros_like(x)
        (p_h, p_w), (_, h_out, w_out, _) = self.pool_size, y.shape
        for i, j in np.ndindex(p_h, p_w):  # a place in each window
            place = np.s_[:, i : p_h * h_out : p_h, j : p_w * w_out : p_w]
            wins = x[place] == y  # right: argmax == i * p_w + j
            dx[place] = dy * wins
        return dx
