"""A chain of layers as ONNX operators.

What differs between the two:

    pictures          (N, H, W, C) here, (N, C, H, W) there. They are turned where the first
                      convolution or pooling needs them, and back at the end, if they are pictures
                      still. With one channel both are the same numbers in the same order
    Conv2D, weight    (k_h, k_w, c_in, c_out) here, (c_out, c_in, k_h, k_w) there
    Flatten           gives the numbers of a turned picture channel by channel. Instead of these,
                      the rows of the next Dense layer's weight change their order
    Dropout           does nothing outside of training, and is left out
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnscratch.checks import check_finite
from nnscratch.interchange.onnx_graph import Graph
from nnscratch.interchange.onnx_normalization import add_normalization
from nnscratch.layers import (
    AveragePool2D,
    ContrastNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Sigmoid,
    Tanh,
)
from nnscratch.layers.parameters import checked_parameters

_FLOAT32 = np.dtype(np.float32)


def add_layers(graph: Graph, layers: Sequence[Layer], x: str, input_shape: tuple[int, ...]) -> str:
    """Adds what the layers compute outside of training; returns the name of the output.

    layers      : from input to output, of float32
    x           : the name of a float32 value of the graph, (N, *input_shape); pictures as here,
        (N, H, W, C), and so is the output
    input_shape : of one x without N, such as (96, 96, 1)

    Raises
        ValueError     : a layer of one's own, or of float64; the layers do not fit each other or
            input_shape
        NotFiniteError : a weight is NaN or infinite

    >>> import nnscratch as nn
    >>> graph = Graph("example")
    >>> layers = [nn.Conv2D(1, 8, 3, rng=0), nn.ReLU(), nn.Flatten(), nn.Dense(128, 5, rng=0)]
    >>> add_layers(graph, layers, "x", (6, 6, 1))
    'gemm_4'
    >>> [node.op_type for node in graph.nodes]
    ['Reshape', 'Conv', 'Relu', 'Flatten', 'Gemm']
    """
    check_known(graph.where, layers)
    value = _Value(graph, x, tuple(input_shape))
    for i, layer in enumerate(layers):
        layer.check_sizes()
        shape = layer.output_shape(value.shape)
        if isinstance(layer, Flatten) and not any(isinstance(later, Dense) for later in layers[i + 1 :]):
            value.turn_back()  # no weight behind it could take the other order
        _OPERATORS[type(layer)](value, layer)
        value.shape = shape
    value.turn_back()
    return value.name


def check_known(where: str, layers: Sequence[Layer]) -> None:
    """Stops a layer of one's own, also a subclass: nobody knows what it computes; ValueError."""
    for layer in layers:
        if type(layer) not in _OPERATORS:
            raise ValueError(
                f"{where}: got {layer!r}, a layer of your own, expected one of "
                f"{', '.join(each.__name__ for each in _OPERATORS)}; leave it out, and compute it around the graph"
            )


@dataclass
class _Value:
    """What flows through the layers, and how its numbers lie.

    name           : in the graph
    shape          : (H, W, C) or another, as the layers see it, without N
    channels_first : it lies as (N, C, H, W)
    flattened      : C of the picture whose numbers it holds channel by channel; else 1
    """

    graph: Graph
    name: str
    shape: tuple[int, ...]
    channels_first: bool = False
    flattened: int = 1

    def add(self, operator: str, *others: str, **attributes: Any) -> None:
        self.name = self.graph.add(operator, self.name, *others, **attributes)

    def turn(self) -> None:
        """(N, H, W, C) -> (N, C, H, W), unless it lies so already."""
        height, width, channels = self.shape
        if not self.channels_first:
            self._move((channels, height, width), (0, 3, 1, 2))
        self.channels_first = True

    def turn_back(self) -> None:
        """(N, C, H, W) -> (N, H, W, C), if it is turned."""
        if self.channels_first:
            self._move(self.shape, (0, 2, 3, 1))
        self.channels_first = False

    def _move(self, to: tuple[int, ...], axes: tuple[int, ...]) -> None:
        """Moves the channels; with one of them, or one pixel, that moves no number."""
        height, width, channels = self.shape
        if channels == 1 or height * width == 1:
            self.add("Reshape", self.graph.constant([0, *to]))  # 0: N stays
        else:
            self.add("Transpose", perm=axes)


def _weights(value: _Value, layer: Dense | Conv2D, shape: tuple[int, ...]) -> tuple[np.ndarray, list[str]]:
    """The weight, and the name of the bias if there is one."""
    dtype = getattr(layer.params.get("weight"), "dtype", _FLOAT32)
    weight, bias = checked_parameters(layer, shape, dtype)
    if dtype != _FLOAT32:
        raise ValueError(
            f"{value.graph.where}: got {layer!r} of {dtype}, expected float32, which every engine computes; use "
            "model.astype(np.float32)"
        )
    for name, array in layer.params.items():
        check_finite(layer, name, array)
    return weight, [] if bias is None else [value.graph.constant(bias)]


def _add_dense(value: _Value, layer: Dense) -> None:
    weight, bias = _weights(value, layer, (layer.n_in, layer.n_out))
    # Number (h*W + w)*C + c of a flattened picture here is number c*H*W + h*W + w there.
    weight = weight.reshape(-1, value.flattened, layer.n_out).swapaxes(0, 1).reshape(weight.shape)
    value.flattened = 1
    value.add("Gemm", value.graph.constant(weight), *bias)


def _add_conv2d(value: _Value, layer: Conv2D) -> None:
    weight, bias = _weights(value, layer, (*layer.kernel_size, layer.c_in, layer.c_out))
    value.turn()
    turned = value.graph.constant(weight.transpose(3, 2, 0, 1))  # kh kw in out -> out in kh kw
    value.add(
        "Conv",
        turned,
        *bias,
        kernel_shape=layer.kernel_size,
        strides=layer.stride,
        pads=(*layer.padding, *layer.padding),
    )


def _add_pool2d(operator: str) -> Callable[[_Value, MaxPool2D | AveragePool2D], None]:
    def add(value: _Value, layer: MaxPool2D | AveragePool2D) -> None:
        value.turn()
        value.add(operator, kernel_shape=layer.pool_size, strides=layer.stride)

    return add


def _add_flatten(value: _Value, layer: Flatten) -> None:
    if value.channels_first:
        value.flattened, value.channels_first = value.shape[2], False
    value.add("Flatten")


def _add_contrast_normalization(value: _Value, layer: ContrastNormalization) -> None:
    value.name = add_normalization(value.graph, layer, value.name, axes=len(value.shape) + 1)


def _add_simple(operator: str) -> Callable[[_Value, Layer], None]:
    """For an operator without attributes, each number by itself."""
    return lambda value, layer: value.add(operator)


_OPERATORS: dict[type[Layer], Callable[[_Value, Any], None]] = {
    Dense: _add_dense,
    Conv2D: _add_conv2d,
    MaxPool2D: _add_pool2d("MaxPool"),
    AveragePool2D: _add_pool2d("AveragePool"),
    Flatten: _add_flatten,
    ReLU: _add_simple("Relu"),
    LeakyReLU: lambda value, layer: value.add("LeakyRelu", alpha=layer.negative_slope),
    Sigmoid: _add_simple("Sigmoid"),
    Tanh: _add_simple("Tanh"),
    Dropout: lambda value, layer: None,
    ContrastNormalization: _add_contrast_normalization,
}
