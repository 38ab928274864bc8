"""Convolution, ReLU and 2x2 max pooling as one stage: a vector = 16 channels of one pixel."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnscratch.checks import check_finite
from nnscratch.kernels import choice
from nnscratch.kernels.channel_vectors.backward import backward
from nnscratch.kernels.channel_vectors.forward import forward
from nnscratch.kernels.choice import Chosen
from nnscratch.kernels.memory import Scratch
from nnscratch.layers import Conv2D, MaxPool2D, ReLU
from nnscratch.layers.base import check_gradient_shape, check_shape, take
from nnscratch.layers.parameters import Parameters
from nnscratch.stages.base import Stage, triple_sizes


class ChannelVectorsStage(Stage):
    """y = max over 2x2 of relu(conv(x)): only what the pooling keeps is ever written.

    Shapes
        x, dx : (N, H, W, c_in)
        y, dy : (N, H_p, W_p, c_out), half the convolution's height and width

    winograd : whether forward takes Winograd's algorithm; None leaves it to kernels/choice.py
    """

    needs_y = False

    def __init__(self, conv: Conv2D, relu: ReLU, pool: MaxPool2D, winograd: bool | None = None) -> None:
        super().__init__([conv, relu, pool])
        self.conv, self.pool, self.winograd = conv, pool, winograd
        self.parameters = Parameters(conv, (*conv.kernel_size, conv.c_in, conv.c_out))
        self.scratch = Scratch()

    def sizes(self) -> tuple[object, ...]:
        return triple_sizes(self.conv, self.pool)

    def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
        conv = self.conv
        check_shape(conv, x, ndim=4, channels=conv.c_in)
        shape = (len(x), *self.pool.output_shape(conv.output_shape(x.shape[1:])))
        weight, bias = self.parameters.get(x.dtype)
        if self.is_first:
            check_finite(conv, "x", x)
        y = self.result("y", training, shape, x.dtype)
        argmax = self.buffers.get("argmax", shape, np.uint8) if training else None
        winograd = self._takes_winograd(weight.shape, y.size // conv.c_out, x.dtype, kept=not training)
        large = winograd and choice.large_patches(weight.shape, shape, x.dtype)
        forward(x, weight, bias, conv.padding, y, argmax, self.scratch, winograd, large)
        if training:
            self.kept = x[...], argmax
        return y

    def backward(self, dy: np.ndarray, input_gradient: bool) -> np.ndarray | None:
        conv = self.conv
        x, argmax = take(self, "kept", conv)
        check_gradient_shape(self.pool, dy, argmax.shape, x.dtype)
        weight, bias = self.parameters.get(x.dtype)
        dweight = self.buffers.get("dweight", weight.shape, weight.dtype)
        dbias = self.buffers.get("dbias", weight.shape[3:], weight.dtype)
        dx = None
        if input_gradient:
            dx = x if self.may_overwrite_x else self.buffers.get("dx", x.shape, x.dtype)
        backward(x, weight, dy, argmax, conv.padding, dweight, dbias, dx, self.scratch)
        conv.grads["weight"] = dweight
        if bias is not None:
            conv.grads["bias"] = dbias
        return dx

    def kernels(self, x_shape: tuple[int, ...], dtype: np.dtype[Any], input_gradient: bool) -> list[Chosen]:
        weight_shape = *self.conv.kernel_size, self.conv.c_in, self.conv.c_out
        height, width, _ = self.pool.output_shape(self.conv.output_shape(x_shape[1:]))
        windows = x_shape[0] * height * width
        winograd = self._takes_winograd(weight_shape, windows, dtype)
        why = choice.because(choice.winograd_conditions(weight_shape, windows, dtype))
        why = why if self.winograd is None else "as it was told"
        way = "winograd.py" if winograd else "direct.py"
        y_shape = x_shape[0], height, width, self.conv.c_out
        if winograd and choice.large_patches(weight_shape, y_shape, dtype):
            way += ", large patches"
            why += "; " + choice.because(choice.large_patches_conditions(weight_shape, y_shape, dtype))
        chosen = [Chosen("forward", f"channel_vectors/{way}", why)]
        by_channel = choice.weight_gradient_by_channel(weight_shape, dtype)
        why = choice.because(choice.weight_gradient_by_channel_conditions(weight_shape, dtype))
        way = "by channel" if by_channel else "by run"
        chosen.append(Chosen("dweight", f"channel_vectors/backward.py, {way}", why))
        if input_gradient:
            by_patch = choice.input_gradient_by_patch(weight_shape, dtype)
            why = choice.because(choice.input_gradient_by_patch_conditions(weight_shape, dtype))
            way = "by patch" if by_patch else "place by place"
            chosen.append(Chosen("dx", f"channel_vectors/input_gradient.py, {way}", why))
        return chosen

    def _takes_winograd(
        self, weight_shape: tuple[int, ...], windows: int, dtype: np.dtype[Any], kept: bool = False
    ) -> bool:
        return choice.winograd(weight_shape, windows, dtype, kept) if self.winograd is None else self.winograd
