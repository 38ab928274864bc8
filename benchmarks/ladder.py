"""Kernel by kernel, what each brought: the tables of `python benchmarks/kernels.py --ladder`.

A ladder has the plain version at its foot, and each rung computes the same numbers faster. All
rungs of a layer are timed in turn in one run, forward and backward, on one thread. "x" is how many
times as fast as the im2col rung, the median of the ratios pair by pair; bold is the rung that
the library takes.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import numpy as np

from nnscratch.kernels import loops
from nnscratch.kernels.cores import available_cores
from nnscratch.kernels.products.choice import dense_kernel
from nnscratch.kernels.products.matmul import matmul
from nnscratch.kernels.threads import get_threads, set_threads, single_threaded_blas
from nnscratch.profiling.clock import Work, in_turn, milliseconds, ratio
from nnscratch.profiling.conv2d import METHODS, ConvPool, run_backward, run_forward, taken
from nnscratch.stages import Stage

IMAGES = 96
_PAUSE = 0.2  # seconds, after which the threads of a BLAS sleep


def _layer(side: int, c_in: int, c_out: int, kernel_size: int, padding: int = 0) -> ConvPool:
    """A convolution of a network, with the ReLU and the 2x2 pooling behind it."""
    return ConvPool(IMAGES, side, side, c_in, c_out, kernel_size, padding=padding)


LAYERS = {
    "report CNN 1": _layer(96, 1, 2, 5),
    "report CNN 2": _layer(46, 2, 4, 5),
    "report CNN 3": _layer(21, 4, 8, 4),
    "report CNN 4": _layer(9, 8, 16, 4),
    "report large CNN 1": _layer(96, 1, 8, 3),
    "report large CNN 2": _layer(47, 8, 16, 2),
    "report large CNN 3": _layer(23, 16, 32, 2),
    "report large CNN 4": _layer(11, 32, 64, 2),
    "report large CNN 5": _layer(5, 64, 128, 2),
    "kfkd net2 1": _layer(96, 1, 32, 3),
    "kfkd net2 2": _layer(47, 32, 64, 2),
    "kfkd net2 3": _layer(23, 64, 128, 2),
    "deep 1": _layer(96, 1, 16, 3, padding=1),  # the network "deep" of examples/train_cnn.py
    "deep 2": _layer(48, 16, 32, 3, padding=1),
    "deep 3": _layer(24, 32, 64, 3, padding=1),
    "deep 4": _layer(12, 64, 128, 3, padding=1),
}
# (name, n_in, n_out): the dense layers in which most of their networks' weights are
PRODUCTS = [
    ("report MLP 1", 9216, 256),
    ("report large CNN, hidden", 512, 512),
    ("kfkd net2, first dense", 15488, 500),
    ("deep, first dense", 4608, 256),
]


def is_first(layer: ConvPool) -> bool:
    """Whether it is a network's first layer, whose backward pass needs no dx."""
    return layer.c_in == 1


def rungs(layer: ConvPool) -> dict[str, list[Stage]]:
    """The methods that apply; Winograd's algorithm where the library takes it."""
    made = {name: stages for name, make in METHODS.items() if (stages := make(layer)) is not None}
    if taken(layer)["forward"] != "Winograd":
        made.pop("Winograd", None)
    return made


def times_of(rungs: dict[str, list[Stage]], layer: ConvPool, repeats: int) -> dict[tuple[str, str], list[float]]:
    """Milliseconds of each (rung, direction), round by round, all in turn.

    A network's first layer computes no dx, except in the loops.
    """
    rng = np.random.default_rng(0)
    x = rng.random(layer.x_shape, dtype=np.float32)
    dy = rng.standard_normal(layer.y_shape, dtype=np.float32)
    works: dict[tuple[str, str], Work] = {}
    for name, stages in rungs.items():
        works[name, "forward"] = lambda stages=stages: run_forward(stages, x)  # type: ignore[misc]
        works[name, "backward"] = lambda stages=stages: run_backward(stages, dy, not is_first(layer))  # type: ignore[misc]
    return dict(zip(works, in_turn(list(works.values()), repeats), strict=True))


def loops_seconds(layer: ConvPool) -> dict[str, float]:
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

    scale = layer.z_shape[0] * layer.z_shape[1] * layer.z_shape[2] / 16 / 1e3
    return {"forward": scale * milliseconds(run_forward), "backward": scale * milliseconds(run_backward)}


def conv_table(direction: str, repeats: int) -> Iterator[str]:
    """Lines of Markdown: milliseconds for IMAGES images, a row per layer, a column per rung."""
    names = [name for name in METHODS if name != "Winograd" or direction == "forward"]
    yield f"| {direction}, {IMAGES} images | loops | " + " | ".join(names) + " |"
    yield "|---" * (2 + len(names)) + "|"
    for title, layer in LAYERS.items():
        made = rungs(layer)
        times = times_of(made, layer, repeats)
        cells = [f"{loops_seconds(layer)[direction]:.0f} s"]
        for name in names:
            if name not in made:
                cells.append("")
                continue
            own = times[name, direction]
            cell = f"{statistics.median(own):.2f} ms"
            if name != "im2col":
                cell += f", {ratio(times['im2col', direction], own):.1f} x"
            cells.append(f"**{cell}**" if name == taken(layer)[direction] else cell)
        k = layer.kernel_size
        size = f"{layer.height}x{layer.width}, {layer.c_in} to {layer.c_out}, {k}x{k}"
        yield f"| {title}: {size} | " + " | ".join(cells) + " |"


def dense_table(repeats: int) -> Iterator[str]:
    """Lines of Markdown: NumPy's product beside ours, for the three products of a dense layer.

    On one thread, and on all of them, as many as NumPy's BLAS takes.
    """
    most = available_cores()
    yield "| dense layer, rows | product | kernel | NumPy, 1 thread | ours | " + _all_threads(most) + "|"
    yield "|---" * (6 if most == 1 else 9) + "|"
    rng = np.random.default_rng(0)
    for name, n_in, n_out in PRODUCTS:
        for rows in (100, 1):
            x, dy = (rng.random((rows, n), dtype=np.float32) for n in (n_in, n_out))
            weight = rng.random((n_in, n_out), dtype=np.float32)
            for product, a, b in (("y = x W", x, weight), ("dW = x.T dy", x.T, dy), ("dx = dy W.T", dy, weight.T)):
                kernel = dense_kernel(len(a), a.shape[1], b.shape[1])
                cells = [cell for count in sorted({1, most}) for cell in _product(a, b, count, repeats)]
                yield f"| {name}: {n_in} to {n_out}, {rows} | {product} | {kernel} | " + " | ".join(cells) + " |"


def _all_threads(most: int) -> str:
    return "" if most == 1 else f"| NumPy, {most} threads | ours | "


def _product(a: np.ndarray, b: np.ndarray, threads: int, repeats: int) -> list[str]:
    """Three cells: NumPy's time of a @ b on so many threads, ours, how many times as fast.

    On several threads one after the other, not in turn: those of OpenBLAS go on spinning for a
    while behind a product, and would take the cores that ours begins on.
    """
    out, before = np.empty((len(a), b.shape[1]), np.float32), get_threads()
    works = [lambda: np.matmul(a, b, out=out), lambda: matmul(a, b, out=out)]
    set_threads(threads)
    try:
        if threads == 1:
            with single_threaded_blas():
                numpy, ours = in_turn(works, repeats)
        else:
            numpy, ours = (_behind_a_pause(work, repeats) for work in works)
    finally:
        set_threads(before)
    return [f"{statistics.median(numpy):.3f} ms", f"{statistics.median(ours):.3f} ms", f"{ratio(numpy, ours):.2f} x"]


def _behind_a_pause(work: Work, repeats: int) -> list[float]:
    time.sleep(_PAUSE)
    return in_turn([work], repeats)[0]


def print_ladder(repeats: int) -> None:
    for table in (conv_table("forward", repeats), conv_table("backward", repeats), dense_table(repeats)):
        for line in table:
            print(line, flush=True)
        print()
