"""The convolution layer: one small set of weights, slid over the whole image."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnscratch import initializers
from nnscratch.checks import both, pair, size
from nnscratch.initializers import Initializer
from nnscratch.kernels.layerwise.im2col import (
    conv2d_backward_input,
    conv2d_backward_weight,
    conv2d_forward,
    output_size,
)
from nnscratch.layers.base import Layer, check_gradient, check_input


class Conv2D(Layer):
    """A Dense layer for every window of the image, all windows sharing the same weights.

    Arguments
        c_in, c_out : channels in and out
        kernel_size : side of the window, or (height, width)
        stride      : step from window to window, or (height, width)
        padding     : rows and columns of zeros put around the image on each side, or (height, width)
        weight_init, bias_init : an initialiser or its name (`nnscratch.initializers`)
        bias        : False leaves the bias out
        rng         : numpy Generator or seed that the first weights are drawn from
        dtype       : of the parameters, and so of everything that the layer computes

    Shapes
        N images, H x W pixels, windows of k x k;  H_out = floor((H + 2*padding - k) / stride) + 1, W_out alike
        x, dx : (N, H, W, c_in)      y, dy : (N, H_out, W_out, c_out)
        weight, dweight : (k, k, c_in, c_out)      bias, dbias : (c_out,)

    Forward (with h' = h*stride + i - padding, w' = w*stride + j - padding, and x = 0 outside the image)
        y[n,h,w,o] = bias[o] + sum over i,j,c of x[n,h',w',c] * weight[i,j,c,o]

    Backward, given dy = dL/dy
        The forward sum is made of products x[n,h',w',c] * weight[i,j,c,o]. The chain rule, product by product: each
        sends dy[n,h,w,o] * weight to its x, and dy[n,h,w,o] * x to its weight. Gathered by receiver:
            dweight[i,j,c,o] = sum over n,h,w of x[n,h',w',c] * dy[n,h,w,o]
            dx[n,h',w',c]    = sum over all i,j,h,w that meet at h',w', and over o, of dy[n,h,w,o] * weight[i,j,c,o]
            dbias[o]         = sum over n,h,w of dy[n,h,w,o]
        dweight is Dense's xᵀ dy with every window a row: so does the kernel (`kernels/layerwise/im2col.py`).

    Cost: N * H_out * W_out * k*k*c_in * c_out multiply-adds forward, twice that backward; keeps x.

    Raises
        ValueError : wrong sizes, an x smaller than the window, or an x or dy of a wrong shape or dtype, or with NaN
        RuntimeError : backward without forward(training=True)

    >>> layer = Conv2D(1, 1, (1, 2), dtype=np.float64)     # a window of one row, two columns
    >>> layer.params["weight"][:] = np.reshape([-1.0, 1.0], (1, 2, 1, 1))
    >>> x = np.array([[1.0, 1.0, 5.0, 5.0]]).reshape(1, 1, 4, 1)
    >>> layer.forward(x, training=True).ravel()            # right minus left: finds the edge
    array([0., 4., 0.])
    >>> layer.backward(np.array([1.0, 2.0, 3.0]).reshape(1, 1, 3, 1)).ravel()
    array([-1., -1., -1.,  3.])
    >>> layer.grads["weight"].ravel()                      # 1*1 + 1*2 + 5*3,  1*1 + 5*2 + 5*3
    array([18., 26.])
    >>> layer.grads["bias"]
    array([6.])

    Source: LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition" (1998).
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel_size: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        weight_init: Initializer | str = "glorot_uniform()",
        bias_init: Initializer | str = "constant(0.0)",
        bias: bool = True,
        rng: np.random.Generator | int | None = None,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__()
        self.c_in, self.c_out = size("Conv2D", "c_in", c_in), size("Conv2D", "c_out", c_out)
        self.kernel_size = pair("Conv2D", "kernel_size", kernel_size)
        self.stride, self.padding = pair("Conv2D", "stride", stride), pair("Conv2D", "padding", padding, least=0)
        self.weight_init, self.bias_init = repr(initializers.get(weight_init)), repr(initializers.get(bias_init))
        self.bias = bool(bias)
        self.draw_parameters((*both(self.kernel_size), c_in, c_out), rng, dtype)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        check_input(self, x, ndim=4, channels=self.c_in)
        self.output_shape(x.shape[1:])
        if training:
            self.x = x  # backward needs it: dweight sums x * dy
        return conv2d_forward(x, self.params["weight"], self.params.get("bias"), both(self.stride), both(self.padding))

    def backward(self, dy: np.ndarray) -> np.ndarray:
        input_shape = self.x.shape if "x" in self.__dict__ else ()
        self.backward_parameters(dy)
        return conv2d_backward_input(dy, self.params["weight"], input_shape, both(self.stride), both(self.padding))

    def backward_parameters(self, dy: np.ndarray) -> None:
        x = self.take("x")
        check_gradient(self, dy, (len(x), *self.output_shape(x.shape[1:])), x.dtype)
        dweight, dbias = conv2d_backward_weight(x, dy, both(self.kernel_size), both(self.stride), both(self.padding))
        self.grads["weight"] = dweight
        if self.bias:
            self.grads["bias"] = dbias

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        (k_h, k_w), (s_h, s_w), (p_h, p_w) = both(self.kernel_size), both(self.stride), both(self.padding)
        if len(input_shape) != 3 or input_shape[0] + 2 * p_h < k_h or input_shape[1] + 2 * p_w < k_w:
            raise ValueError(
                f"{self!r}: got images of {input_shape}, expected (H, W, {self.c_in}) of at least "
                f"{k_h - 2 * p_h} x {k_w - 2 * p_w} pixels; use larger images, padding or a smaller kernel"
            )
        return output_size(input_shape[0], k_h, s_h, p_h), output_size(input_shape[1], k_w, s_w, p_w), self.c_out

    def multiply_adds(self, input_shape: tuple[int, ...]) -> int:
        h_out, w_out, c_out = self.output_shape(input_shape)
        return h_out * w_out * c_out * self.params["weight"][..., 0].size

    @property
    def window(self) -> tuple[int, int]:
        return both(self.kernel_size)[0], both(self.stride)[0]
