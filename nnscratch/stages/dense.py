"""Flatten, Dense, ReLU and dropout as one stage: a matrix product, and the rest in place."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnscratch.checks import check_finite
from nnscratch.kernels import bias_relu
from nnscratch.kernels.choice import Chosen
from nnscratch.kernels.finite import all_finite
from nnscratch.kernels.products.choice import DEFERS_BECAUSE, defers, product
from nnscratch.kernels.products.deferred import DeferredProduct
from nnscratch.kernels.products.matmul import matmul
from nnscratch.kernels.products.packed_factors import copy_factors
from nnscratch.layers import Dense, Dropout, Flatten, ReLU
from nnscratch.layers.base import check_gradient_shape, check_shape, take
from nnscratch.layers.gradients import Gradients
from nnscratch.layers.parameters import Parameters
from nnscratch.stages.base import Stage

_NO_BIAS = np.empty(0)


class DenseStage(Stage):
    """y = dropout(relu(x W + b)), with x as rows; flattening, ReLU and dropout are optional.

    Shapes
        x, dx : (N, n_in), or with Flatten (N, ...)
        y, dy : (N, n_out)
    """

    def __init__(
        self, dense: Dense, relu: ReLU | None = None, dropout: Dropout | None = None, flatten: Flatten | None = None
    ) -> None:
        super().__init__([layer for layer in (flatten, dense, relu, dropout) if layer is not None])
        self.dense, self.dropout, self.flatten = dense, dropout, flatten
        self.has_relu = relu is not None
        self.parameters = Parameters(dense, (dense.n_in, dense.n_out))
        self.weight_gradient: DeferredProduct | None = None  # the last one that was not computed at once

    def sizes(self) -> tuple[object, ...]:
        return self.dense.n_in, self.dense.n_out, self.dense.bias

    def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
        dense, x_shape = self.dense, np.shape(x)
        if self.flatten is not None:
            check_shape(self.flatten, x)
            x = x.reshape(len(x), math.prod(x_shape[1:]))
        check_shape(dense, x, ndim=2, channels=dense.n_in)
        weight, bias = self.parameters.get(x.dtype)
        y = self.result("y", training, (len(x), dense.n_out), x.dtype)
        matmul(x, weight, out=y, moves=training)
        # Every x is a term of some y: NaN or infinity in x shows in y, which has fewer numbers to
        # check.
        if self.is_first and not all_finite(y):
            check_finite(self.layers[0], "x", x)
        mask = None
        if training and self.dropout is not None:
            mask = self.dropout.draw_mask(y)
        add_bias_relu_dropout(y, bias, self.has_relu, mask)
        if training:
            self.kept = x[...], x_shape, y, mask
        return y

    def backward(self, dy: np.ndarray, input_gradient: bool) -> np.ndarray | None:
        dense = self.dense
        x, x_shape, y, mask = take(self, "kept", dense)
        check_gradient_shape(self.layers[-1], dy, y.shape, y.dtype)
        weight, bias = self.parameters.get(x.dtype)
        dbias, dz = self.buffers.get("dbias", weight.shape[1:], weight.dtype), dy
        if self.has_relu or mask is not None:
            dz = self.buffers.get("dz", y.shape, y.dtype)
        dropout_relu_bias_backward(dy, y, self.has_relu, mask, dz, dbias)
        self._set_weight_gradient(x, dz, weight)
        if bias is not None:
            dense.grads["bias"] = dbias
        if not input_gradient:
            return None
        dx = x if self.may_overwrite_x else self.buffers.get("dx", x.shape, x.dtype)
        return matmul(dz, weight.T, out=dx).reshape(x_shape)

    def _set_weight_gradient(self, x: np.ndarray, dz: np.ndarray, weight: np.ndarray) -> None:
        """dweight = x.T dz, left to whoever looks at it or moves the weight, if rows are few."""
        gradients, buffers = self.dense.grads, self.buffers
        waits = defers(len(x), *weight.shape) and x.flags.c_contiguous and dz.flags.c_contiguous
        if not waits or not isinstance(gradients, Gradients):
            gradients["weight"] = matmul(x.T, dz, out=buffers.get("dweight", weight.shape, weight.dtype))
            return
        shape, dtype = weight.shape, weight.dtype
        # Copies, because x is the caller's again, and dz may be the next stage's.
        kept = copy_factors(x, dz, lambda name, shape: buffers.get(f"kept {name}", shape, dtype))
        product = self.weight_gradient
        if product is None or product.shape != shape or not product.keeps(*kept):
            product = DeferredProduct(*kept, lambda: buffers.get("dweight", shape, dtype))
            self.weight_gradient = product
        product.renew()
        gradients.defer("weight", product)

    def kernels(self, x_shape: tuple[int, ...], dtype: np.dtype[Any], input_gradient: bool) -> list[Chosen]:
        n, n_in, n_out = x_shape[0], self.dense.n_in, self.dense.n_out
        products = {
            "forward": product(n, n_in, n_out, moves=True),
            "dweight": product(n_in, n, n_out, transposed=True),
        }
        if defers(n, n_in, n_out):
            products["dweight"] = "products/deferred.py", DEFERS_BECAUSE
        if input_gradient:
            products["dx"] = product(n, n_out, n_in, transposed=True)
        return [Chosen(work, *chosen) for work, chosen in products.items()]


def add_bias_relu_dropout(y: np.ndarray, bias: np.ndarray | None, relu: bool, mask: np.ndarray | None) -> None:
    """y <- mask * max(y + bias, 0), in place; each of the three is optional.

    y    : (N, n_out), the product x W, contiguous
    bias : (n_out,)
    mask : (N, n_out), dropout's: 0 or 1 / (1 - p)
    """
    if bias is not None or relu:
        bias_relu.add_bias_relu(y, _NO_BIAS.astype(y.dtype) if bias is None else bias, relu)
    if mask is not None:
        y *= mask


def dropout_relu_bias_backward(
    dy: np.ndarray, y: np.ndarray, relu: bool, mask: np.ndarray | None, dz: np.ndarray, dbias: np.ndarray
) -> None:
    """dz <- dy * mask where y > 0, otherwise 0;  dbias <- sum over rows of dz

    dy, mask, dz : (N, n_out); dz is overwritten, unless it is dy: without ReLU and mask
    y            : (N, n_out), as forward left it: 0 where ReLU is closed or the mask is 0
    dbias        : (n_out,), overwritten
    """
    if mask is not None:
        dy = np.multiply(dy, mask, out=dz)
    if relu:
        bias_relu.relu_backward(np.ascontiguousarray(dy), y, dz, dbias)
    else:
        dz.sum(axis=0, out=dbias)
