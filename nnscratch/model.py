"""Sequential: layers one after the other, and the chain rule from the last back to the first."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np

from nnscratch.layers import Layer
from nnscratch.summary import summary


class Sequential:
    """A network that is a chain of layers.

    Arguments
        layers : the layers, from input to output

    Shapes
        x (N, ...) as the first layer takes it;  y, dy (N, ...) as the last layer gives it

    Forward
        y = f_last(... f_2(f_1(x)))

    Backward, given dy = dL/dy
        The chain rule, from the outside in: each layer turns the gradient of its output into the gradient of its
        input, which is the output of the layer before:
            dy -> backward of f_last -> ... -> backward of f_2 -> backward of f_1 -> dx

    Raises
        ValueError : no layer, something that is no layer, the same layer object twice, or an x that does not fit
        RuntimeError : backward without forward(training=True)

    >>> import nnscratch as nn
    >>> model = Sequential(nn.Dense(3, 4, rng=0), nn.ReLU(), nn.Dense(4, 2, rng=1))
    >>> x = np.ones((5, 3), np.float32)
    >>> model.forward(x, training=True).shape
    (5, 2)
    >>> model.backward(np.ones((5, 2), np.float32), input_gradient=True).shape
    (5, 3)
    >>> model.layers[0].grads["weight"].shape
    (3, 4)
    """

    layers: list[Layer]

    def __init__(self, *layers: Layer) -> None:
        for layer in layers:
            if not isinstance(layer, Layer):
                raise ValueError(f"Sequential: got {layer!r}, expected layers; pass them as Sequential(*layers)")
        if not layers or len({id(layer) for layer in layers}) < len(layers):
            raise ValueError("Sequential: got no layer, or one layer object twice, expected distinct layers")
        self.layers = list(layers)
        self._seen_shape: tuple[int, ...] | None = None

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """y, (N, ...), in the dtype of the parameters; keeps what `backward` needs if `training`."""
        y = x
        for layer in self.layers:
            y = layer.forward(y, training)
        self._seen_shape = x.shape[1:]
        return y

    def backward(self, dy: np.ndarray, input_gradient: bool = False) -> np.ndarray | None:
        """Sets the `grads` of every layer from dy = dL/dy; returns dx only if `input_gradient`, else None.

        Nobody reads the gradient of the input while training, and for a convolution on large images it is the most
        expensive of all.
        """
        first = 0 if input_gradient else next((i for i, layer in enumerate(self.layers) if layer.params), 0)
        for layer in reversed(self.layers[first + 1 :]):
            dy = layer.backward(dy)
        if input_gradient:
            return self.layers[0].backward(dy)
        self.layers[first].backward_parameters(dy)
        return None

    def predict(self, x: np.ndarray, batch_size: int = 256) -> np.ndarray:
        """y for as many x as there are, `batch_size` at a time so that memory stays bounded; dropout is off.

        Raises
            ValueError : batch_size below 1, or an x that does not fit
        """
        if batch_size < 1:
            raise ValueError(f"predict: got batch_size={batch_size}, expected a whole number from 1 up")
        starts = range(0, max(1, len(x)), batch_size)  # an empty x still goes through once, for its shape
        return np.concatenate([self.forward(x[start : start + batch_size]) for start in starts])

    def astype(self, dtype: Any) -> Self:
        """A copy of the network that computes in `dtype`: float32 to train, float64 to check."""
        model = copy.deepcopy(self)
        model.layers = [layer.astype(dtype) for layer in self.layers]
        return model

    def summary(self, input_shape: tuple[int, ...] | None = None) -> str:
        """A table for print(): layer, output shape, parameters, multiply-adds, bytes kept, receptive field.

        input_shape : shape of one x without N, such as (96, 96, 1). None: that of the last forward pass; before
            any, what the first Dense layer says, which for images means the smallest square ones that fit.

        Raises
            ValueError : the layers do not fit input_shape, or none was given and none can be told
        """
        return summary(self.layers, input_shape or self._seen_shape)

    def __repr__(self) -> str:
        lines = "".join(f"    {layer!r},\n" for layer in self.layers)
        return f"Sequential(\n{lines})"
