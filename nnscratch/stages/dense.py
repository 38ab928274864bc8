"""Flatten, Dense, ReLU and dropout as one stage: the product goes where it stays, and one pass does all the rest."""

from __future__ import annotations

import math

import numpy as np

from nnscratch.checks import check_finite
from nnscratch.kernels.finite import all_finite
from nnscratch.kernels.memory import Buffers
from nnscratch.kernels.pointwise import bias_relu_mask, relu_mask_backward
from nnscratch.kernels.products.matmul import matmul
from nnscratch.layers import Dense, Dropout, Flatten, Layer, ReLU
from nnscratch.layers.base import check_gradient, check_shape, take
from nnscratch.stages.base import Stage


class DenseStage(Stage):
    """y = dropout(relu(x W + b)), with x as rows; flattening, ReLU and dropout are optional.

    Shapes
        x, dx : (N, n_in), or with Flatten (N, ...)      y, dy : (N, n_out)
    """

    checks_finite = True

    def __init__(
        self, dense: Dense, relu: ReLU | None = None, dropout: Dropout | None = None, flatten: Flatten | None = None
    ) -> None:
        self.dense, self.dropout, self.flatten = dense, dropout, flatten
        self.rectified = relu is not None
        self.layers: list[Layer] = [layer for layer in (flatten, dense, relu, dropout) if layer is not None]
        self.buffers = Buffers()

    def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
        dense, x_shape = self.dense, np.shape(x)
        if self.flatten is not None:
            check_shape(self.flatten, x)
            x = x.reshape(len(x), math.prod(x_shape[1:]))
        check_shape(dense, x, ndim=2, channels=dense.n_in)
        use = "training" if training else "inference"  # a look at other rows must not disturb a step under way
        y = self.buffers.get(f"{use} y", (len(x), dense.n_out), x.dtype)
        matmul(x, dense.params["weight"], out=y)
        # Every x is a term of some y: a NaN or an infinity in x is one in y, which is smaller to look through.
        if not all_finite(y):
            check_finite(self.layers[0], "x", x)
        mask = None
        if training and self.dropout is not None:
            mask = self.dropout.draw_mask(y)
        bias_relu_mask(y, dense.params.get("bias"), self.rectified, mask)
        if training:
            self.kept = x, x_shape, y, mask
        return y

    def backward(self, dy: np.ndarray, input_gradient: bool) -> np.ndarray | None:
        dense = self.dense
        x, x_shape, y, mask = take(self, "kept", dense)
        check_gradient(self.layers[-1], dy, y.shape, y.dtype)
        if self.rectified or mask is not None:
            dz = self.buffers.get("dz", y.shape, y.dtype)
            relu_mask_backward(dy, y, self.rectified, mask, dz)
        else:
            dz = dy
        weight = dense.params["weight"]
        dense.grads["weight"] = matmul(x.T, dz, out=self.buffers.get("dweight", weight.shape, weight.dtype))
        if dense.bias:
            dense.grads["bias"] = dz.sum(axis=0)
        if not input_gradient:
            return None
        dx = x if self.may_overwrite_x else self.buffers.get("dx", x.shape, x.dtype)
        return matmul(dz, weight.T, out=dx).reshape(x_shape)
