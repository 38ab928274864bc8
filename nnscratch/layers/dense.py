"""The fully connected layer: every output is a weighted sum of all inputs. Read this file first."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnscratch import initializers
from nnscratch.checks import flag, floating, whole_number
from nnscratch.initializers import Initializer
from nnscratch.kernels.products.matmul import matmul
from nnscratch.layers.base import Layer, check_gradient, check_input
from nnscratch.layers.first_parameters import FirstParameters
from nnscratch.layers.parameters import checked_parameters


class Dense(Layer):
    """y = x weight + bias, for each row of x.

    Arguments
        n_in, n_out : how many numbers go in and come out
        weight_init, bias_init : an initializer or its name (`nnscratch.initializers`)
        bias        : False leaves the bias out
        rng         : NumPy Generator, or a seed, that the first weights are drawn from. Equal seeds
            give layers of one size equal weights: pass one Generator to all, or leave rng out and
            seed the network, Sequential(..., rng=0)
        dtype       : of the parameters, and so of everything that the layer computes

    Shapes
        N rows
        x, dx : (N, n_in)      y, dy : (N, n_out)
        weight, dweight : (n_in, n_out)      bias, dbias : (n_out,)

    Forward
        y[n,o] = sum over i of x[n,i] * weight[i,o]  +  bias[o]

    Backward, given dy = dL/dy
        x[n,i] changes L only through the outputs that it feeds: all y[n,o] of the same row. L has
        the slope dy[n,o] at y[n,o], and y[n,o] the slope weight[i,o] at x[n,i]. The chain rule adds
        up the products:
            dx[n,i] = sum over o of dy[n,o] * weight[i,o]            dx = dy weightᵀ
        weight[i,o] feeds y[n,o] of every row n, with slope x[n,i]:
            dweight[i,o] = sum over n of x[n,i] * dy[n,o]            dweight = xᵀ dy
        bias[o] feeds y[n,o] of every row n, with slope 1:
            dbias[o] = sum over n of dy[n,o]
        To remember them: each is the only product of its two arrays whose shapes fit.

    Cost: N * n_in * n_out multiply-adds forward, twice that backward; keeps x.

    Raises
        ValueError : wrong sizes, an x or dy of a wrong shape or dtype, NaN
        RuntimeError : backward without forward(training=True)

    >>> layer = Dense(2, 1, dtype=np.float64)
    >>> layer.params["weight"][:] = [[3.0], [-1.0]]
    >>> layer.params["bias"][:] = 0.5
    >>> x = np.array([[1.0, 2.0], [10.0, 0.0]])
    >>> layer.forward(x, training=True)          # 1*3 + 2*(-1) + 0.5,  10*3 + 0*(-1) + 0.5
    array([[ 1.5],
           [30.5]])
    >>> layer.backward(np.array([[1.0], [2.0]]))  # row by row: dy * [3, -1]
    array([[ 3., -1.],
           [ 6., -2.]])
    >>> layer.grads["weight"]                    # 1*1 + 10*2,  2*1 + 0*2
    array([[21.],
           [ 2.]])
    >>> layer.grads["bias"]                      # 1 + 2
    array([3.])

    Source: Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors"
    (1986).
    """

    n_in: int
    n_out: int
    weight_init: str
    bias_init: str
    bias: bool
    x: np.ndarray  # kept from forward(training=True) to backward

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        weight_init: Initializer | str = "glorot_uniform()",
        bias_init: Initializer | str = "constant(0.0)",
        bias: bool = True,
        rng: np.random.Generator | int | None = None,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__()
        self.n_in, self.n_out = n_in, n_out
        self.check_sizes()
        self.weight_init, self.bias_init = repr(initializers.get(weight_init)), repr(initializers.get(bias_init))
        self.bias = flag("Dense", "bias", bias)
        self._first = FirstParameters(
            "Dense", (self.n_in, self.n_out), weight_init, bias_init if self.bias else None, rng
        )
        self.params.update(self._first.draw(floating("Dense", dtype)))

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.check_sizes()
        check_input(self, x, ndim=2, channels=self.n_in)
        weight, bias = checked_parameters(self, (self.n_in, self.n_out), x.dtype)
        if training:
            self.x = x[...]  # backward needs it: dweight sums x * dy
        y = matmul(x, weight)
        if bias is not None:
            y += bias
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.backward_parameters(dy)
        weight, _ = checked_parameters(self, (self.n_in, self.n_out), dy.dtype)
        return matmul(dy, weight.T)

    def backward_parameters(self, dy: np.ndarray) -> None:
        x = self.take("x")
        check_gradient(self, dy, (len(x), self.n_out), x.dtype)
        _, bias = checked_parameters(self, (x.shape[1], self.n_out), x.dtype)
        self.grads["weight"] = matmul(x.T, dy)
        if bias is not None:
            self.grads["bias"] = dy.sum(axis=0)

    def draw_anew(self, rng: np.random.Generator) -> None:
        self._first.draw_anew(self.params, rng)

    def check_sizes(self) -> None:
        self.n_in = whole_number("Dense", "n_in", self.n_in)
        self.n_out = whole_number("Dense", "n_out", self.n_out)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if input_shape != (self.n_in,):
            raise ValueError(f"{self!r}: got input {input_shape}, expected ({self.n_in},); is a Flatten() missing?")
        return (self.n_out,)

    def multiply_adds(self, input_shape: tuple[int, ...]) -> int:
        return self.n_in * self.n_out
