"""Every way to compute convolution + ReLU + pooling, against the machine's roof.

  python benchmarks/kernels.py [--json FILE] [--picture FILE]

For the layers of the report's networks and of kfkd net2: the textbook loops, im2col
layer by layer, im2col fused with ReLU and pooling, and the direct kernel; forward and
backward, on one thread. Work is counted as the dense formula has it, 2 operations a
multiply-add; so a backward pass that skips the zeros which pooling leaves can pass
the roof. Intensity is that work over the bytes of the arrays that go in and out.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from machine import copy_gigabytes_a_second, description, gemm_gflops, in_turn, print_description

import nnscratch as nn
from nnscratch.kernels import loops
from nnscratch.stages.base import Stage
from nnscratch.stages.channel_vectors import ConvPoolStage
from nnscratch.stages.image_vectors import DirectChain
from nnscratch.stages.single import Single

REPEATS = 9
IMAGES = 96
# name: side and channels of the image, kernel size, maps
LAYERS = {
    "report CNN 1": (96, 1, 5, 2),
    "report CNN 2": (46, 2, 5, 4),
    "report CNN 3": (21, 4, 4, 8),
    "report CNN 4": (9, 8, 4, 16),
    "report large CNN 1": (96, 1, 3, 8),
    "report large CNN 2": (47, 8, 2, 16),
    "report large CNN 3": (23, 16, 2, 32),
    "report large CNN 4": (11, 32, 2, 64),
    "report large CNN 5": (5, 64, 2, 128),
    "kfkd net2 1": (96, 1, 3, 32),
    "kfkd net2 2": (47, 32, 2, 64),
    "kfkd net2 3": (23, 64, 2, 128),
}
# Who computes: stages from the three layers, and the colour and marker in the picture (Okabe & Ito's).
KERNELS: dict[str, tuple[Callable[..., list[Stage]], str, str]] = {
    "im2col": (lambda *layers: [Single(layer) for layer in layers], "#E69F00", "s"),
    "fused": (lambda *layers: [ConvPoolStage(*layers)], "#0072B2", "o"),
    "direct": (lambda *layers: [DirectChain(layers)], "#009E73", "^"),
}


@dataclass
class Row:
    layer: str
    kernel: str
    direction: str
    milliseconds: float
    gflops: float
    gigabytes_a_second: float
    intensity: float
    share_of_roof: float


def measure(name: str, gemm: float, copy: float) -> list[Row]:
    """Both directions of one layer by every kernel, in turn."""
    side, c_in, k, c_out = LAYERS[name]
    rng = np.random.default_rng(0)
    x = rng.random((IMAGES, side, side, c_in), dtype=np.float32)
    passes: dict[tuple[str, str], Callable[[], object]] = {}
    for kernel, (make, _, _) in KERNELS.items():
        stages = make(nn.Conv2D(c_in, c_out, k, rng=0), nn.ReLU(), nn.MaxPool2D(2))
        y = _forward(stages, x)
        dy = rng.standard_normal(y.shape).astype(np.float32)
        # A backward pass belongs to a forward pass: it is timed as the difference of both and the forward pass alone.
        passes[kernel, "forward"] = lambda stages=stages: _forward(stages, x)  # type: ignore[misc]
        passes[kernel, "both"] = lambda stages=stages, dy=dy: _both(stages, x, dy)  # type: ignore[misc]
    medians = dict(zip(passes, map(statistics.median, in_turn(list(passes.values()), REPEATS)), strict=True))
    work = 2 * IMAGES * (side - k + 1) ** 2 * c_out * k * k * c_in
    moved = x.nbytes + y.nbytes + y.size  # x in, y and the places of its maxima out; backward as much again and dx
    moved += k * k * c_in * c_out * 4
    rows = []
    for kernel in KERNELS:
        forward = medians[kernel, "forward"]
        rows.append(_row(name, kernel, "forward", forward, work, moved, gemm, copy))
        backward = max(1e-3, medians[kernel, "both"] - forward)
        rows.append(_row(name, kernel, "backward", backward, 2 * work, 2 * moved, gemm, copy))
    return rows


def measure_loops(gemm: float, copy: float) -> Row:
    """The textbook loops, on one small layer: they would take minutes on the others."""
    x, weight = np.random.default_rng(0).random((1, 12, 12, 2)), np.ones((3, 3, 2, 2))

    def run() -> None:
        y = loops.relu_forward(loops.conv2d_forward(x, weight, None, (1, 1), (0, 0)))
        loops.max_pool2d_forward(y, (2, 2), (2, 2))

    milliseconds = statistics.median(in_turn([run], 3)[0])
    return _row("12 x 12 x 2 to 2", "loops", "forward", milliseconds, 2 * 100 * 2 * 18, x.nbytes, gemm, copy)


def _row(
    layer: str, kernel: str, direction: str, milliseconds: float, work: int, moved: int, gemm: float, copy: float
) -> Row:
    gflops, intensity = work / milliseconds / 1e6, work / moved
    roof = min(gemm, copy * intensity)
    return Row(layer, kernel, direction, milliseconds, gflops, moved / milliseconds / 1e6, intensity, gflops / roof)


def _forward(stages: list[Stage], x: np.ndarray) -> np.ndarray:
    for stage in stages:
        x = stage.forward(x, training=True)
    return x


def _both(stages: list[Stage], x: np.ndarray, dy: np.ndarray) -> None:
    _forward(stages, x)
    gradient: np.ndarray | None = dy
    for stage in reversed(stages):
        assert gradient is not None
        gradient = stage.backward(gradient, input_gradient=True)


def print_rows(rows: list[Row]) -> None:
    print("layer              direction kernel       ms  GFLOP/s   GB/s  op/byte of roof")
    for row in rows:
        print(
            f"{row.layer:19s}{row.direction:9s} {row.kernel:7s}{row.milliseconds:8.2f}{row.gflops:9.1f}"
            f"{row.gigabytes_a_second:7.2f}{row.intensity:9.1f}{row.share_of_roof:8.0%}"
        )


def draw_roofline(rows: list[Row], gemm: float, copy: float, path: Path) -> None:
    """GFLOP/s over operations a byte, under the roof that memory (slope) and arithmetic (flat) make."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5.5), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    intensity = np.geomspace(0.5, 2000, 200)
    for axis, direction in zip(axes, ("forward", "backward"), strict=True):
        axis.plot(intensity, np.minimum(gemm, copy * intensity), color="black", label="roof: memory, then sgemm")
        for kernel, (_, colour, marker) in KERNELS.items():
            points = [row for row in rows if row.kernel == kernel and row.direction == direction]
            axis.scatter([row.intensity for row in points], [row.gflops for row in points], color=colour,
                         marker=marker, edgecolors="black", linewidths=0.5, label=kernel, zorder=3)  # fmt: skip
        axis.set(xscale="log", yscale="log", title=direction, xlabel="operations a byte of input and output")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("GFLOP/s on one thread (dense count)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.suptitle("Convolution + ReLU + pooling: every layer of the networks, by kernel")
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the figures there")
    parser.add_argument("--picture", metavar="FILE", type=Path, help="also draw the roofline there, a PNG")
    arguments = parser.parse_args()
    nn.set_threads(1)
    gemm, copy = gemm_gflops(), copy_gigabytes_a_second()
    facts = description() | {
        "repeats": REPEATS,
        "images": IMAGES,
        "sgemm GFLOP/s": round(gemm),
        "copy GB/s": round(copy),
    }
    print_description(facts)
    rows = [measure_loops(gemm, copy)]
    for name in LAYERS:
        rows += measure(name, gemm, copy)
    print_rows(rows)
    if arguments.json:
        results: dict[str, Any] = {"machine": facts, "rows": [asdict(row) for row in rows]}
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")
    if arguments.picture:
        draw_roofline(rows, gemm, copy, arguments.picture)


if __name__ == "__main__":
    main()
