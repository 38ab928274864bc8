"""The convolution layer: one small set of weights, slid over the whole image."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnscratch import initializers
from nnscratch.checks import flag, floating, pair, short_pair, whole_number
from nnscratch.initializers import Initializer
from nnscratch.kernels.layerwise.im2col import (
    conv2d_backward_input,
    conv2d_backward_weight,
    conv2d_forward,
    output_size,
)
from nnscratch.layers.base import Layer, check_gradient, check_input, check_window
from nnscratch.layers.first_parameters import FirstParameters
from nnscratch.layers.parameters import checked_parameters


class Conv2D(Layer):
    """A Dense layer that reads every window of the image, with the same weights for all windows.

    Arguments
        c_in, c_out : channels in and out
        kernel_size : side of the window, or (height, width)
        stride      : step from window to window, or (height, width)
        padding     : rows and columns of zeros around the image on each side, or (height, width)
        weight_init, bias_init : an initializer or its name (`nnscratch.initializers`)
        bias        : False leaves the bias out
        rng         : NumPy Generator, or a seed, that the first weights are drawn from. Equal seeds
            give layers of one size equal weights: pass one Generator to all, or leave rng out and
            seed the network, Sequential(..., rng=0)
        dtype       : of the parameters, and so of everything that the layer computes

    Shapes
        N images, H x W pixels, windows of k x k
        H_out = floor((H + 2*padding - k) / stride) + 1, W_out alike
        x, dx : (N, H, W, c_in)      y, dy : (N, H_out, W_out, c_out)
        weight, dweight : (k, k, c_in, c_out)      bias, dbias : (c_out,)

    Forward, with h' = h*stride + i - padding, w' = w*stride + j - padding; x = 0 outside the image
        y[n,h,w,o] = bias[o] + sum over i,j,c of x[n,h',w',c] * weight[i,j,c,o]

    Backward, given dy = dL/dy
        The forward sum is made of products x[n,h',w',c] * weight[i,j,c,o]. By the chain rule each
        product sends dy[n,h,w,o] * weight to its x, and dy[n,h,w,o] * x to its weight. Each x and
        each weight adds up what it receives:
            dweight[i,j,c,o] = sum over n,h,w of x[n,h',w',c] * dy[n,h,w,o]
            dx[n,h',w',c]    = sum over all i,j,h,w that meet at h',w', and over o,
                               of dy[n,h,w,o] * weight[i,j,c,o]
            dbias[o]         = sum over n,h,w of dy[n,h,w,o]
        dweight is Dense's xᵀ dy with every window as a row of x: that is how the kernel computes it
        (`kernels/layerwise/im2col.py`).

    Cost: N * H_out * W_out * k*k*c_in * c_out multiply-adds forward, twice that backward; keeps x.

    Raises
        ValueError : wrong sizes, an x smaller than the window, a wrong shape or dtype, NaN
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

    Source: LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document
    recognition" (1998).
    """

    c_in: int
    c_out: int
    kernel_size: tuple[int, int]  # this and the next two are (height, width)
    stride: tuple[int, int]
    padding: tuple[int, int]
    weight_init: str
    bias_init: str
    bias: bool
    x: np.ndarray  # this and the next are kept from forward(training=True) to backward
    sizes: tuple[tuple[int, ...], tuple[int, int], tuple[int, int]]  # the weight's shape, stride, padding

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
        self.c_in, self.c_out, self.kernel_size = c_in, c_out, kernel_size  # type: ignore[assignment]
        self.stride, self.padding = stride, padding  # type: ignore[assignment]
        self.check_sizes()
        self.weight_init, self.bias_init = repr(initializers.get(weight_init)), repr(initializers.get(bias_init))
        self.bias = flag("Conv2D", "bias", bias)
        self._first = FirstParameters(
            "Conv2D", (*self.kernel_size, self.c_in, self.c_out), weight_init, bias_init if self.bias else None, rng
        )
        self.params.update(self._first.draw(floating("Conv2D", dtype)))

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.check_sizes()
        check_input(self, x, ndim=4, channels=self.c_in)
        self._check_window(x.shape[1:])
        weight, bias = checked_parameters(self, (*self.kernel_size, self.c_in, self.c_out), x.dtype)
        if training:
            self.x = x[...]  # backward needs it: dweight sums x * dy
            self.sizes = weight.shape, self.stride, self.padding
        return conv2d_forward(x, weight, bias, self.stride, self.padding)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        x, (shape, stride, padding) = self.take("x"), self.take("sizes")
        weight = self._set_gradients(x, dy, shape, stride, padding)
        return conv2d_backward_input(dy, weight, x.shape, stride, padding)

    def backward_parameters(self, dy: np.ndarray) -> None:
        self._set_gradients(self.take("x"), dy, *self.take("sizes"))

    def _set_gradients(
        self, x: np.ndarray, dy: np.ndarray, shape: tuple[int, ...], stride: tuple[int, int], padding: tuple[int, int]
    ) -> np.ndarray:
        """Sets `grads`, by the sizes of the forward pass; returns the weight, which dx needs."""
        check_gradient(self, dy, (len(x), *_output_size(x.shape[1:], shape[:2], stride, padding), shape[3]), x.dtype)
        weight, bias = checked_parameters(self, shape, x.dtype)
        dweight, dbias = conv2d_backward_weight(x, dy, (shape[0], shape[1]), stride, padding)
        self.grads["weight"] = dweight
        if bias is not None:
            self.grads["bias"] = dbias
        return weight

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        self._check_window(input_shape)
        if input_shape[2] != self.c_in:
            raise ValueError(f"{self!r}: got images of {input_shape}, expected {self.c_in} channels; change c_in")
        return *_output_size(input_shape, self.kernel_size, self.stride, self.padding), self.c_out

    def draw_anew(self, rng: np.random.Generator) -> None:
        self._first.draw_anew(self.params, rng)

    def check_sizes(self) -> None:
        self.c_in, self.c_out = whole_number("Conv2D", "c_in", self.c_in), whole_number("Conv2D", "c_out", self.c_out)
        self.kernel_size, self.stride = (
            pair("Conv2D", "kernel_size", self.kernel_size),
            pair("Conv2D", "stride", self.stride),
        )
        self.padding = pair("Conv2D", "padding", self.padding, least=0)

    def _check_window(self, input_shape: tuple[int, ...]) -> None:
        (k_h, k_w), (p_h, p_w) = self.kernel_size, self.padding
        least = k_h - 2 * p_h, k_w - 2 * p_w
        fix = "use larger images, padding or a smaller kernel"
        check_window(self, input_shape, least, channels=self.c_in, fix=fix)

    def multiply_adds(self, input_shape: tuple[int, ...]) -> int:
        h_out, w_out, c_out = self.output_shape(input_shape)
        return h_out * w_out * c_out * self.params["weight"][..., 0].size

    @property
    def window(self) -> tuple[int, int]:
        return self.kernel_size[0], self.stride[0]

    def config(self) -> dict[str, Any]:
        sizes = {name: short_pair(getattr(self, name)) for name in ("kernel_size", "stride", "padding")}
        return super().config() | sizes


def _output_size(
    input_shape: tuple[int, ...], kernel_size: tuple[int, ...], stride: tuple[int, int], padding: tuple[int, int]
) -> tuple[int, int]:
    """(H_out, W_out) for images of (H, W, C)."""
    (height, width, _), (k_h, k_w), (s_h, s_w), (p_h, p_w) = input_shape, kernel_size, stride, padding
    return output_size(height, k_h, s_h, p_h), output_size(width, k_w, s_w, p_w)
