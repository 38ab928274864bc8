"""Kernel by kernel, what each brought: the tables of `python benchmarks/kernels.py --ladder`.

A ladder has the plain version at its foot, and each rung computes the same numbers faster. All
rungs of a layer are timed in turn in one run, forward and backward, on one thread. "x" is how many
times as fast as the layerwise rung, the median of the ratios pair by pair; bold is the rung that
the library takes.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from machine import in_turn, milliseconds, ratio

import nnscratch as nn
from nnscratch.kernels import choice, loops
from nnscratch.kernels.products.matmul import matmul
from nnscratch.kernels.threads import single_threaded_blas
from nnscratch.stages import Single, Stage, plan
from nnscratch.stages.channel_vectors import ChannelVectorsStage
from nnscratch.stages.image_vectors import ImageVectorsStage

IMAGES = 96


@dataclass(frozen=True)
class ConvLayer:
    """A convolution of a network, with the ReLU and the 2x2 pooling behind it."""

    name: str
    side: int  # pixels of its square input
    c_in: int
    c_out: int
    kernel_size: int
    padding: int = 0

    def layers(self) -> tuple[nn.Conv2D, nn.ReLU, nn.MaxPool2D]:
        conv = nn.Conv2D(self.c_in, self.c_out, self.kernel_size, padding=self.padding, rng=0)
        return conv, nn.ReLU(), nn.MaxPool2D(2)

    @property
    def is_first(self) -> bool:
        """Whether it is a network's first layer, whose backward pass needs no dx."""
        return self.c_in == 1

    @property
    def size(self) -> int:
        """Pixels of the convolution's output, along one side."""
        return self.side + 2 * self.padding - self.kernel_size + 1

    @property
    def label(self) -> str:
        return (
            f"{self.name}: {self.side}x{self.side}, {self.c_in} to {self.c_out}, {self.kernel_size}x{self.kernel_size}"
        )


LAYERS = [
    ConvLayer("report CNN 1", 96, 1, 2, 5),
    ConvLayer("report CNN 2", 46, 2, 4, 5),
    ConvLayer("report CNN 3", 21, 4, 8, 4),
    ConvLayer("report CNN 4", 9, 8, 16, 4),
    ConvLayer("report large CNN 1", 96, 1, 8, 3),
    ConvLayer("report large CNN 2", 47, 8, 16, 2),
    ConvLayer("report large CNN 3", 23, 16, 32, 2),
    ConvLayer("report large CNN 4", 11, 32, 64, 2),
    ConvLayer("report large CNN 5", 5, 64, 128, 2),
    ConvLayer("kfkd net2 1", 96, 1, 32, 3),
    ConvLayer("kfkd net2 2", 47, 32, 64, 2),
    ConvLayer("kfkd net2 3", 23, 64, 128, 2),
    ConvLayer("deep 1", 96, 1, 16, 3, padding=1),  # the network "deep" of examples/train_cnn.py
    ConvLayer("deep 2", 48, 16, 32, 3, padding=1),
    ConvLayer("deep 3", 24, 32, 64, 3, padding=1),
    ConvLayer("deep 4", 12, 64, 128, 3, padding=1),
]
# (name, n_in, n_out): the dense layers in which most of their networks' weights are
PRODUCTS = [
    ("report MLP 1", 9216, 256),
    ("report large CNN, hidden", 512, 512),
    ("kfkd net2, first dense", 15488, 500),
    ("deep, first dense", 4608, 256),
]

Rung = Callable[[ConvLayer], list[Stage] | None]  # None: the rung does not compute this layer


def _layerwise(layer: ConvLayer) -> list[Stage] | None:
    return [Single(part) for part in layer.layers()]


def _channel_vectors(layer: ConvLayer) -> list[Stage] | None:
    return [ChannelVectorsStage(*layer.layers(), winograd=False)]


def _image_vectors(layer: ConvLayer) -> list[Stage] | None:
    return None if layer.padding else [ImageVectorsStage(layer.layers())]


def _winograd(layer: ConvLayer) -> list[Stage] | None:
    conv = layer.layers()[0]
    windows = IMAGES * (layer.size // 2) ** 2
    pays = choice.winograd(conv.params["weight"].shape, windows, np.dtype(np.float32))
    return [ChannelVectorsStage(*layer.layers(), winograd=True)] if pays else None


RUNGS: dict[str, Rung] = {
    "layerwise": _layerwise,
    "channel_vectors": _channel_vectors,
    "image_vectors": _image_vectors,
    "winograd": _winograd,
}


def taken(layer: ConvLayer) -> dict[str, str]:
    """The rung that the library takes, by direction."""
    (stage,) = plan(layer.layers())
    if isinstance(stage, ImageVectorsStage):
        return {"forward": "image_vectors", "backward": "image_vectors"}
    return {"forward": "winograd" if _winograd(layer) else "channel_vectors", "backward": "channel_vectors"}


def forward(stages: list[Stage], x: np.ndarray) -> np.ndarray:
    for stage in stages:
        x = stage.forward(x, training=True)
    return x


def forward_and_backward(stages: list[Stage], x: np.ndarray, dy: np.ndarray, input_gradient: bool) -> None:
    forward(stages, x)
    gradient: np.ndarray | None = dy
    for stage in reversed(stages):
        assert gradient is not None
        gradient = stage.backward(gradient, input_gradient or stage is not stages[0])


def times_of(rungs: dict[str, list[Stage]], layer: ConvLayer, repeats: int) -> dict[tuple[str, str], list[float]]:
    """Milliseconds of each (rung, direction), round by round, all in turn.

    A backward pass needs its forward pass: its time is that of both less that of the forward pass
    in the same round. A network's first layer computes no dx, except in the loops.
    """
    rng = np.random.default_rng(0)
    x = rng.random((IMAGES, layer.side, layer.side, layer.c_in), dtype=np.float32)
    works: dict[tuple[str, str], Callable[[], object]] = {}
    for name, stages in rungs.items():
        dy = rng.standard_normal(forward(stages, x).shape).astype(np.float32)
        works[name, "forward"] = lambda stages=stages: forward(stages, x)  # type: ignore[misc]
        works[name, "both"] = lambda stages=stages, dy=dy: forward_and_backward(stages, x, dy, not layer.is_first)  # type: ignore[misc]
    columns = dict(zip(works, in_turn(list(works.values()), repeats), strict=True))
    times = {key: column for key, column in columns.items() if key[1] == "forward"}
    for name in rungs:
        pairs = zip(columns[name, "both"], columns[name, "forward"], strict=True)
        times[name, "backward"] = [max(1e-3, both - alone) for both, alone in pairs]
    return times


def loops_seconds(layer: ConvLayer) -> dict[str, float]:
    """Seconds of the textbook loops for IMAGES images, by direction.

    They are scaled up from 4x4 outputs of one image.
    """
    rng = np.random.default_rng(0)
    side, k = 3 + layer.kernel_size, layer.kernel_size
    x = rng.random((1, side, side, layer.c_in), dtype=np.float32)
    weight = rng.random((k, k, layer.c_in, layer.c_out), dtype=np.float32)
    dy = np.ones((1, 2, 2, layer.c_out), np.float32)
    stride, pool = (1, 1), (2, 2)
    z = loops.conv2d_forward(x, weight, None, stride, (0, 0))

    def run_forward() -> None:
        y = loops.relu_forward(loops.conv2d_forward(x, weight, None, stride, (0, 0)))
        loops.max_pool2d_forward(y, pool, pool)

    def run_backward() -> None:
        dz = loops.relu_backward(z, loops.max_pool2d_backward(z, dy, pool, pool))
        loops.conv2d_backward(x, weight, dz, stride, (0, 0))

    scale = IMAGES * (layer.size / 4) ** 2 / 1e3
    return {"forward": scale * milliseconds(run_forward), "backward": scale * milliseconds(run_backward)}


def conv_table(direction: str, repeats: int) -> Iterator[str]:
    """Lines of Markdown: milliseconds for IMAGES images, a row per layer, a column per rung."""
    names = [name for name in RUNGS if name != "winograd" or direction == "forward"]
    yield f"| {direction}, {IMAGES} images | loops | " + " | ".join(names) + " |"
    yield "|---" * (2 + len(names)) + "|"
    for layer in LAYERS:
        rungs = {name: stages for name in names if (stages := RUNGS[name](layer)) is not None}
        times = times_of(rungs, layer, repeats)
        cells = [f"{loops_seconds(layer)[direction]:.0f} s"]
        for name in names:
            if name not in rungs:
                cells.append("")
                continue
            own = times[name, direction]
            cell = f"{statistics.median(own):.2f} ms"
            if name != "layerwise":
                cell += f", {ratio(times['layerwise', direction], own):.1f} x"
            cells.append(f"**{cell}**" if name == taken(layer)[direction] else cell)
        yield f"| {layer.label} | " + " | ".join(cells) + " |"


def dense_table(repeats: int) -> Iterator[str]:
    """Lines of Markdown: NumPy's product beside ours, for the three products of a dense layer."""
    yield "| dense layer, rows | product | kernel | NumPy | ours | |"
    yield "|---" * 6 + "|"
    rng = np.random.default_rng(0)
    for name, n_in, n_out in PRODUCTS:
        for rows in (100, 1):
            x, dy = (rng.random((rows, n), dtype=np.float32) for n in (n_in, n_out))
            weight = rng.random((n_in, n_out), dtype=np.float32)
            for product, a, b in (("y = x W", x, weight), ("dW = x.T dy", x.T, dy), ("dx = dy W.T", dy, weight.T)):
                out = np.empty((len(a), b.shape[1]), np.float32)
                works = [lambda a=a, b=b, out=out: np.matmul(a, b, out=out),
                         lambda a=a, b=b, out=out: matmul(a, b, out=out)]  # type: ignore[misc]  # fmt: skip
                with single_threaded_blas():
                    numpy, ours = in_turn(works, repeats)
                kernel = choice.dense_kernel(len(a), a.shape[1], b.shape[1])
                yield (
                    f"| {name}: {n_in} to {n_out}, {rows} | {product} | {kernel} | {statistics.median(numpy):.3f} ms "
                    f"| {statistics.median(ours):.3f} ms | {ratio(numpy, ours):.2f} x |"
                )


def print_ladder(repeats: int) -> None:
    for table in (conv_table("forward", repeats), conv_table("backward", repeats), dense_table(repeats)):
        for line in table:
            print(line, flush=True)
        print()
