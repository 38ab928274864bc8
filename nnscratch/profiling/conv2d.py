"""Convolution, ReLU and 2x2 max pooling by every method: what `compare conv2d` runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nnscratch.kernels import choice, loops
from nnscratch.layers import Conv2D, MaxPool2D, ReLU
from nnscratch.profiling.comparison import Arrays, Comparison, Method, Operation, compare, rounding
from nnscratch.profiling.roof import roof
from nnscratch.profiling.table import counted, together
from nnscratch.stages import Single, Stage, plan
from nnscratch.stages.channel_vectors import ChannelVectorsStage
from nnscratch.stages.image_vectors import ImageVectorsStage

_PRODUCTS_OF_LOOPS = 150_000  # multiply-adds forward: about a second of Python with its gradients
_NEAR = 1e-4  # two places of a pooling window that differ by less, relative to the largest, count as a tie


@dataclass(frozen=True)
class ConvPool:
    """A convolution with the ReLU and the 2x2 pooling behind it, and the images that it gets.

    images      : N
    height, width, c_in : of an image;  c_out : of the result
    kernel_size, stride, padding : of the convolution, the same along both axes
    """

    images: int
    height: int
    width: int
    c_in: int
    c_out: int
    kernel_size: int
    stride: int = 1
    padding: int = 0

    def layers(self) -> tuple[Conv2D, ReLU, MaxPool2D]:
        """New layers, always with the same first weights."""
        conv = Conv2D(self.c_in, self.c_out, self.kernel_size, stride=self.stride, padding=self.padding, rng=0)
        return conv, ReLU(), MaxPool2D(2)

    @property
    def x_shape(self) -> tuple[int, int, int, int]:
        return self.images, self.height, self.width, self.c_in

    @property
    def z_shape(self) -> tuple[int, ...]:
        """Shape of the convolution's output, before pooling."""
        return self.images, *self.layers()[0].output_shape(self.x_shape[1:])

    @property
    def y_shape(self) -> tuple[int, ...]:
        """Shape of the pooled output.

        Raises
            ValueError : the images are too small
        """
        return self.images, *MaxPool2D(2).output_shape(self.z_shape[1:])

    @property
    def multiply_adds(self) -> int:
        """The convolution's own, forward; each of its two gradients takes as many."""
        return self.images * self.layers()[0].multiply_adds(self.x_shape[1:])


def layer_by_layer(layer: ConvPool) -> list[Stage]:
    return [Single(part) for part in layer.layers()]


def image_vectors(layer: ConvPool) -> list[Stage] | None:
    return [ImageVectorsStage(layer.layers())] if layer.stride == 1 and layer.padding == 0 else None


def direct(layer: ConvPool) -> list[Stage] | None:
    return [ChannelVectorsStage(*layer.layers(), winograd=False)] if layer.stride == 1 else None


def winograd(layer: ConvPool) -> list[Stage] | None:
    fits = layer.stride == 1 and layer.kernel_size in (2, 3)
    return [ChannelVectorsStage(*layer.layers(), winograd=True)] if fits else None


# Name -> the stages that run it so; None where the method does not apply.
METHODS: dict[str, Callable[[ConvPool], list[Stage] | None]] = {
    "im2col": layer_by_layer,
    "direct": direct,
    "image vectors": image_vectors,
    "Winograd": winograd,
}
IDEAS = {
    "loops": "kernels/loops.py: the textbook's nested loops, in Python",
    "im2col": "windows copied into rows, then one matrix product; layer by layer",
    "direct": "a vector = channels of one pixel; pooled in registers, no columns",
    "image vectors": "a vector = one pixel of some images; pooled in registers",
    "Winograd": "as direct, with 16 or 9 products for 36 (9 for 16); backward as direct",
}


def taken(layer: ConvPool) -> dict[str, str]:
    """The method that the library takes, by direction."""
    stages = plan(layer.layers())
    if len(stages) > 1:
        return {"forward": "im2col", "backward": "im2col"}
    if isinstance(stages[0], ImageVectorsStage):
        return {"forward": "image vectors", "backward": "image vectors"}
    weight_shape = layer.layers()[0].params["weight"].shape
    windows = int(np.prod(layer.y_shape[:3]))
    fits = choice.winograd(weight_shape, windows, np.dtype(np.float32))
    return {"forward": "Winograd" if fits else "direct", "backward": "direct"}


def run_forward(stages: list[Stage], x: np.ndarray) -> np.ndarray:
    for stage in stages:
        x = stage.forward(x, training=True)
    return x


def run_backward(stages: list[Stage], dy: np.ndarray, input_gradient: bool = True) -> np.ndarray | None:
    gradient: np.ndarray | None = dy
    for stage in reversed(stages):
        assert gradient is not None
        gradient = stage.backward(gradient, input_gradient or stage is not stages[0])
    return gradient


def compare_conv2d(layer: ConvPool) -> Comparison:
    """All methods that apply, forward and backward, with the gradient of x.

    Raises
        ValueError : images smaller than a window, or a method that differs from the others
    """
    y_shape = layer.y_shape
    rng = np.random.default_rng(0)
    x = rng.standard_normal(layer.x_shape, dtype=np.float32)
    dy = rng.standard_normal(y_shape, dtype=np.float32)
    dy[_ties(layer, x)] = 0
    operation = _operation(layer, x, dy)
    methods = [_loops(layer, x, dy)]
    chosen = taken(layer)
    for name, make in METHODS.items():
        stages = make(layer)
        if stages is not None:
            choices = chosen["forward"] == name, chosen["backward"] == name
            works = _works(stages, x, dy)
            methods.append(Method(name, IDEAS[name], *works, _moved(name, layer), choices))
    return compare(operation, methods, roof())


def _operation(layer: ConvPool, x: np.ndarray, dy: np.ndarray) -> Operation:
    c_in, c_out, k = layer.c_in, layer.c_out, layer.kernel_size
    title = (
        f"{counted(layer.images, 'image')} of {layer.height} x {layer.width}, {c_in} to {c_out} channels, {k} x {k}, "
        f"stride {layer.stride}, padding {layer.padding}; with ReLU and 2x2 max pooling"
    )
    products = 2 * layer.multiply_adds
    z = layer.z_shape
    terms = k * k * max(c_in, c_out), max(k * k * c_out, z[0] * z[1] * z[2])
    stage = plan(layer.layers())[0]
    kernels = stage.kernels(layer.x_shape, np.dtype(np.float32), input_gradient=True)
    notes = (
        f"* what Sequential takes. {type(stage).__name__}: {stage.because}",
        *together(kernels),
        "Winograd takes fewer products than are counted, and the fast backward passes skip the zeros that pooling "
        "leaves: these may pass 100 % of the roof.",
    )
    bounds = rounding(terms[0], np.float32), rounding(terms[1], np.float32)
    return Operation(title, (products, 2 * products), _right(layer, x, dy), bounds, notes)


def _works(stages: list[Stage], x: np.ndarray, dy: np.ndarray) -> tuple[Callable[[], Arrays], Callable[[], Arrays]]:
    conv = stages[0].layers[0]

    def forward() -> Arrays:
        return {"y": run_forward(stages, x)}

    def backward() -> Arrays:
        dx = run_backward(stages, dy)
        assert dx is not None
        return {"dx": dx, "dweight": conv.grads["weight"], "dbias": conv.grads["bias"]}

    return forward, backward


def _right(layer: ConvPool, x: np.ndarray, dy: np.ndarray) -> tuple[Arrays, Arrays]:
    """The results in float64, layer by layer."""
    stages: list[Stage] = [Single(part.astype(np.float64)) for part in layer.layers()]
    forward, backward = _works(stages, x.astype(np.float64), dy.astype(np.float64))
    return forward(), backward()


def _ties(layer: ConvPool, x: np.ndarray) -> np.ndarray:
    """Where rounding could decide which place of a pooling window wins: those gradients are 0 here.

    Two places equally large, or the largest just at ReLU's 0, are a kink: there is no derivative,
    and methods that add in another order may choose another place.

    Returns a mask in the shape of y.
    """
    z = layer.layers()[0].astype(np.float64).forward(x.astype(np.float64))
    images, height, width, channels = layer.y_shape
    windows = z[:, : 2 * height, : 2 * width].reshape(images, height, 2, width, 2, channels)
    places = np.sort(windows.transpose(0, 1, 3, 5, 2, 4).reshape(*layer.y_shape, 4), axis=-1)
    near = _NEAR * np.abs(z).max()
    ties: np.ndarray = (places[..., 3] - places[..., 2] <= near) | (np.abs(places[..., 3]) <= near)
    return ties


def _loops(layer: ConvPool, x: np.ndarray, dy: np.ndarray) -> Method:
    """The textbook loops, on as large a corner of the first image as takes about a second."""
    taps = layer.kernel_size**2 * layer.c_in * layer.c_out
    windows = max(1, _PRODUCTS_OF_LOOPS // (4 * taps))
    pooled_h = min(layer.y_shape[1], max(1, int(windows**0.5)))
    pooled_w = min(layer.y_shape[2], max(1, windows // pooled_h))
    height, width = (
        min(size, max(1, (2 * pooled - 1) * layer.stride + layer.kernel_size - 2 * layer.padding))
        for size, pooled in ((layer.height, pooled_h), (layer.width, pooled_w))
    )
    part = ConvPool(1, height, width, layer.c_in, layer.c_out, layer.kernel_size, layer.stride, layer.padding)
    some_x = np.ascontiguousarray(x[:1, :height, :width])
    _, pooled_h, pooled_w, _ = part.y_shape
    some_dy = np.ascontiguousarray(dy[:1, :pooled_h, :pooled_w])
    some_dy[_ties(part, some_x)] = 0
    conv = part.layers()[0]
    weight, bias = conv.params["weight"], conv.params["bias"]
    stride, padding, pool = conv.stride, conv.padding, (2, 2)
    kept: dict[str, np.ndarray] = {}

    def forward() -> Arrays:
        kept["z"] = loops.conv2d_forward(some_x, weight, bias, stride, padding)
        kept["a"] = loops.relu_forward(kept["z"])
        return {"y": loops.max_pool2d_forward(kept["a"], pool, pool)}

    def backward() -> Arrays:
        dz = loops.relu_backward(kept["z"], loops.max_pool2d_backward(kept["a"], some_dy, pool, pool))
        dx, dweight, dbias = loops.conv2d_backward(some_x, weight, dz, stride, padding)
        return {"dx": dx, "dweight": dweight, "dbias": dbias}

    share = part.multiply_adds / layer.multiply_adds
    idea = IDEAS["loops"] + (f"; run on {height} x {width} pixels of one image, scaled" if share < 1 else "")
    moved = _moved("loops", layer)
    return Method("loops", idea, forward, backward, moved, part=share, expected=_right(part, some_x, some_dy))


def _moved(name: str, layer: ConvPool) -> tuple[float, float]:
    """Bytes of the arrays that a method writes and reads as a whole, each time that it does so.

    float32; argmax has one byte, ReLU's mask as well. What stays in a tile or in a thread's
    block is not counted.
    """
    x, z, y = (int(np.prod(shape)) for shape in (layer.x_shape, layer.z_shape, layer.y_shape))
    weight = layer.kernel_size**2 * layer.c_in * layer.c_out
    if name in ("direct", "Winograd"):  # x, weight, y, argmax; dy, argmax, x, weight, dweight, dx
        return 4 * (x + weight + y) + y, 4 * (y + x + 2 * weight + x) + y
    if name == "image vectors":  # packed and unpacked besides
        return 4 * (3 * x + weight + 3 * y) + y, 4 * (3 * y + x + 2 * weight + 3 * x) + y
    # x, weight -> z -> ReLU -> pooling;  dy, argmax -> dz -> ReLU's mask -> dz -> dweight and dx
    forward = 4 * (x + weight + z + 2 * z + z + y) + z + y
    backward = 4 * (y + z + 2 * z + 2 * z + x + 2 * weight + x) + y + z
    if name == "im2col":  # the columns written and read, once forward and twice backward
        columns = z // layer.c_out * layer.kernel_size**2 * layer.c_in
        return forward + 8 * columns, backward + 16 * columns
    return forward, backward
