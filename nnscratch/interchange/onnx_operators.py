"""ONNX operators as layers, one by one: which layer it is, and whether it computes the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnscratch.initializers import nothing_drawn
from nnscratch.interchange.onnx_chain import NORMALIZATION, Operator
from nnscratch.layers import (
    AveragePool2D,
    ContrastNormalization,
    Conv2D,
    Dense,
    Dropout,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Sigmoid,
    Tanh,
)

_FLOATS = np.dtype(np.float32), np.dtype(np.float64)


def layer_of(operator: Operator, flattened: int = 1) -> Layer:
    """The layer that computes what the operator does.

    operator  : of a kind in `PRODUCTS` or `LAYERS`
    flattened : C, if a product takes the numbers of a picture channel by channel; else 1

    Raises
        ValueError : no layer does, because of its attributes or its other inputs
    """
    if operator.kind in PRODUCTS:
        return _dense(operator, flattened)
    return LAYERS[operator.kind](operator)


def add_bias(operator: Operator, layer: Dense | Conv2D, bias: np.ndarray, axis: int = -1) -> None:
    """Gives the layer a bias, or adds to the one that it has.

    bias : as the file has it;  axis : which of the product's axes are the layer's outputs

    Raises
        ValueError : it is no number for each output
    """
    weight = layer.params["weight"]
    n_out, axes = weight.shape[-1], 4 if isinstance(layer, Conv2D) else 2
    aligned = bias.reshape((1,) * (axes - bias.ndim) + bias.shape) if bias.ndim <= axes else bias
    fits = aligned.ndim == axes and bias.size == n_out == aligned.shape[axis]
    if (not fits and bias.size != 1) or bias.dtype != weight.dtype:
        raise operator.refusal(
            f"a constant of {bias.dtype} {bias.shape}",
            f"a bias of {weight.dtype}, one number for each of {n_out} outputs",
        )
    before = layer.params.get("bias", weight.dtype.type(0))
    layer.bias, layer.params["bias"] = True, np.broadcast_to(bias.reshape(-1), n_out) + before


def _made(operator: Operator, kind: Callable[..., Layer], *arguments: Any, **options: Any) -> Any:
    """A layer without first values for its parameters; ValueError if it does not take the sizes."""
    try:
        with nothing_drawn():
            return kind(*arguments, **options)
    except ValueError as error:
        came, _, expected = str(error).partition(", expected ")
        raise operator.refusal(came.partition(": got ")[2], expected.partition(";")[0]) from None


def _weight(operator: Operator, axes: int) -> np.ndarray:
    """The constant behind x, of so many axes."""
    weight = operator.constant(1)
    if weight is None or operator.x_place != 0:
        raise operator.refusal("x as its second input", "x as the first, and a constant as the second")
    if weight.ndim != axes or weight.dtype not in _FLOATS:
        raise operator.refusal(
            f"weights of {weight.dtype} {weight.shape}", f"float32 or float64 of {axes} axes", "convert the network"
        )
    return weight


def _dense(operator: Operator, flattened: int) -> Dense:
    if len(operator.x) != 2:
        raise operator.refusal(f"x of sizes {operator.x}", "rows, (N, n)")
    weight, attributes = _weight(operator, 2), operator.attributes
    if attributes.get("transA", 0):
        raise operator.refusal("transA=1", "transA=0")
    weight = weight.T if attributes.get("transB", 0) else weight
    n_in, n_out = weight.shape
    if n_in % flattened:
        raise operator.refusal(f"{n_in} inputs behind {flattened} channels", "a multiple of these")
    layer: Dense = _made(operator, Dense, n_in, n_out, bias=False, dtype=weight.dtype)
    # Number c*H*W + h*W + w of a flattened picture there is number (h*W + w)*C + c here.
    weight = weight.reshape(flattened, -1, n_out).swapaxes(0, 1).reshape(n_in, n_out)
    layer.params["weight"] = np.array(weight * weight.dtype.type(attributes.get("alpha", 1)), order="C")
    bias = operator.constant(2)
    if bias is not None:
        add_bias(operator, layer, np.asarray(bias * bias.dtype.type(attributes.get("beta", 1))))
    return layer


def _conv2d(operator: Operator) -> Conv2D:
    weight = _weight(operator, 4)
    c_out, c_in, *kernel = weight.shape
    if operator.attributes.get("group", 1) != 1:
        raise operator.refusal(f"group={operator.attributes['group']}", "group=1")
    stride, padding = _window(operator, kernel)
    layer: Conv2D = _made(
        operator, Conv2D, c_in, c_out, tuple(kernel), stride=stride, padding=padding, bias=False, dtype=weight.dtype
    )
    layer.params["weight"] = np.array(weight.transpose(2, 3, 1, 0), order="C")  # out in kh kw -> kh kw in out
    bias = operator.constant(2)
    if bias is not None:
        add_bias(operator, layer, bias)
    return layer


def _pool2d(kind: type[MaxPool2D | AveragePool2D]) -> Callable[[Operator], Layer]:
    def pool(operator: Operator) -> Layer:
        kernel = list(operator.attributes.get("kernel_shape", []))
        stride, padding = _window(operator, kernel)
        if operator.attributes.get("ceil_mode", 0) or any(padding):
            came = f"pads={padding}" if any(padding) else "ceil_mode=1"
            raise operator.refusal(came, "no padding, and windows that stick out left out")
        return _made(operator, kind, tuple(kernel), tuple(stride))

    return pool


def _window(operator: Operator, kernel: list[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Stride and padding, each (height, width)."""
    attributes = operator.attributes
    stride = tuple(attributes.get("strides", (1,) * len(kernel)))
    stated = list(attributes.get("kernel_shape", kernel))
    if len(kernel) != 2 or stated != list(kernel):
        raise operator.refusal(f"kernel_shape={stated}", "a window of pictures, (height, width), as its weights have")
    if any(each != 1 for each in attributes.get("dilations", ())):
        raise operator.refusal(f"dilations={attributes['dilations']}", "1 for both axes")
    how = attributes.get("auto_pad", b"NOTSET").decode("latin-1")
    pads = list(attributes.get("pads", [0] * 4)) if how == "NOTSET" else [0] * 4
    if how.startswith("SAME"):
        if stride != (1, 1) or any(size % 2 == 0 for size in kernel):
            raise operator.refusal(f"auto_pad={how}", "as much padding on both sides, written as pads")
        pads = [size // 2 for size in kernel] * 2
    if len(pads) != 4 or pads[:2] != pads[2:]:
        raise operator.refusal(f"pads={pads}", "as much padding on both sides")
    return stride, tuple(pads[:2])


def _leaky_relu(operator: Operator) -> Layer:
    return _made(operator, LeakyReLU, _short(operator.attributes.get("alpha", 0.01)))


def _dropout(operator: Operator) -> Layer:
    ratio, training = operator.constant(1), operator.constant(2)
    if training is not None and training.any():
        raise operator.refusal("training_mode=True", "a network as it is after training")
    p = operator.attributes.get("ratio", 0.5) if ratio is None else ratio.reshape(-1)[0]
    return _made(operator, Dropout, _short(p))


def _contrast_normalization(operator: Operator) -> Layer:
    return _made(operator, ContrastNormalization, **operator.attributes)


def _short(value: float) -> float:
    """0.2 for the float32 number 0.20000000298: computing in float32 makes that of it again."""
    return float(str(np.float32(value)))


PRODUCTS = ("Gemm", "MatMul")
WINDOWS = ("Conv", "MaxPool", "AveragePool")  # those that need to know where the channels are
LAYERS: dict[str, Callable[[Operator], Layer]] = {
    "Conv": _conv2d,
    "MaxPool": _pool2d(MaxPool2D),
    "AveragePool": _pool2d(AveragePool2D),
    "Relu": lambda operator: ReLU(),
    "LeakyRelu": _leaky_relu,
    "Sigmoid": lambda operator: Sigmoid(),
    "Tanh": lambda operator: Tanh(),
    "Dropout": _dropout,
    NORMALIZATION: _contrast_normalization,
}
