"""Every way to compute convolution + ReLU + pooling, against the machine's roof.

  python benchmarks/kernels.py [--json FILE] [--picture FILE]
  python benchmarks/kernels.py --ladder

For the layers of the report's networks, of kfkd net2 and of the best recipe's CNN:
im2col layer by layer, channel vectors and image vectors, forward and backward, on
one thread; and the textbook loops on a small layer. The roof is measured first:
multiply-adds in registers alone, and copying memory. Measure on a quiet machine,
or the roof comes out too low. Work is counted as in the dense formula,
2 operations per multiply-add. Kernels that do less can pass the roof: Winograd's
algorithm takes 16 products for 36, and the backward pass skips the zeros which
pooling and ReLU leave. Intensity is that work over the bytes of the arrays that
go in and out. --ladder prints the tables of nnscratch/kernels/README.md instead.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ladder import IMAGES, LAYERS, RUNGS, ConvLayer, print_ladder, times_of
from machine import (
    arithmetic_gflops,
    copy_gigabytes_per_second,
    description,
    gemm_gflops,
    in_turn,
    print_description,
    start,
)

import nnscratch as nn
from nnscratch.kernels import loops

REPEATS = 9
# Who computes, and the colour and marker in the picture (Okabe & Ito's).
KERNELS = {
    "layerwise": ("#E69F00", "s"),
    "channel_vectors": ("#0072B2", "o"),
    "image_vectors": ("#009E73", "^"),
    "winograd": ("#CC79A7", "D"),
}


@dataclass
class Roof:
    """What the machine can do at most: of arithmetic in registers, and of moving memory."""

    gflops: float
    gigabytes_per_second: float

    def at(self, intensity: float | np.ndarray) -> Any:
        """GFLOP/s at so many operations per byte."""
        return np.minimum(self.gflops, self.gigabytes_per_second * intensity)


@dataclass
class Row:
    """One layer by one kernel in one direction; intensity is in operations per byte."""

    layer: str
    kernel: str
    direction: str
    milliseconds: float
    gflops: float
    gigabytes_per_second: float
    intensity: float
    share_of_roof: float


def measure(layer: ConvLayer, roof: Roof) -> list[Row]:
    """Both directions of one layer by every kernel, in turn."""
    rungs = {name: stages for name in KERNELS if (stages := RUNGS[name](layer)) is not None}
    times = times_of(rungs, layer, REPEATS)
    weights = layer.kernel_size**2 * layer.c_in * layer.c_out
    work = 2 * IMAGES * layer.size**2 * weights
    # x in, y and the places of its maxima out, 4 bytes and 1; backward as much, twice with dx.
    moved = 4 * IMAGES * layer.side**2 * layer.c_in + 5 * IMAGES * (layer.size // 2) ** 2 * layer.c_out + 4 * weights
    rows = []
    for kernel in rungs:
        for factor, direction in ((1, "forward"), (1 if layer.is_first else 2, "backward")):
            if (kernel, direction) != ("winograd", "backward"):  # the same as channel_vectors'
                median = statistics.median(times[kernel, direction])
                rows.append(_row(layer.name, kernel, direction, median, factor * work, factor * moved, roof))
    return rows


def measure_loops(roof: Roof) -> Row:
    """The textbook loops, on one small layer: they would take minutes on the others."""
    x, weight = np.random.default_rng(0).random((1, 12, 12, 2)), np.ones((3, 3, 2, 2))

    def run() -> None:
        y = loops.relu_forward(loops.conv2d_forward(x, weight, None, (1, 1), (0, 0)))
        loops.max_pool2d_forward(y, (2, 2), (2, 2))

    return _row(
        "12 x 12 x 2 to 2",
        "loops",
        "forward",
        statistics.median(in_turn([run], 3)[0]),
        2 * 100 * 2 * 18,
        x.nbytes,
        roof,
    )


def _row(layer: str, kernel: str, direction: str, milliseconds: float, work: int, moved: int, roof: Roof) -> Row:
    gflops, intensity = work / milliseconds / 1e6, work / moved
    share = gflops / float(roof.at(intensity))
    return Row(layer, kernel, direction, milliseconds, gflops, moved / milliseconds / 1e6, intensity, share)


def print_rows(rows: list[Row]) -> None:
    print("layer              direction kernel               ms  GFLOP/s   GB/s  op/byte of roof")
    for row in rows:
        print(
            f"{row.layer:19s}{row.direction:9s} {row.kernel:15s}{row.milliseconds:8.2f}{row.gflops:9.1f}"
            f"{row.gigabytes_per_second:7.2f}{row.intensity:9.1f}{row.share_of_roof:8.0%}"
        )


def draw_roofline(rows: list[Row], roof: Roof, path: Path) -> None:
    """GFLOP/s over operations per byte, under the roof of memory (slope) and arithmetic (flat)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5.5), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    intensity = np.geomspace(0.5, 2000, 200)
    for axis, direction in zip(axes, ("forward", "backward"), strict=True):
        axis.plot(intensity, roof.at(intensity), color="black", label="roof: memory, then multiply-adds")
        for kernel, (colour, marker) in KERNELS.items():
            points = [row for row in rows if row.kernel == kernel and row.direction == direction]
            axis.scatter([row.intensity for row in points], [row.gflops for row in points], color=colour,
                         marker=marker, edgecolors="black", linewidths=0.5, label=kernel, zorder=3)  # fmt: skip
        axis.set(xscale="log", yscale="log", title=direction, xlabel="operations per byte of input and output")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("GFLOP/s on one thread (dense count)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    figure.suptitle("Convolution + ReLU + pooling: every layer of the networks, by kernel")
    figure.savefig(path, dpi=110)


def main() -> None:
    start()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ladder", action="store_true", help="print what each kernel brought, as Markdown tables")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the figures there")
    parser.add_argument("--picture", metavar="FILE", type=Path, help="also draw the roofline there, a PNG")
    arguments = parser.parse_args()
    all_threads = arithmetic_gflops()
    nn.set_threads(1)
    roof = Roof(arithmetic_gflops(), copy_gigabytes_per_second())
    facts = description() | {"repeats": REPEATS, "images": IMAGES}
    print_description(facts)
    print(f"roof: {roof.gflops:.0f} GFLOP/s in registers, {roof.gigabytes_per_second:.0f} GB/s copied, one thread")
    print(f"      {all_threads:.0f} GFLOP/s in registers on all threads")
    print(f"beside it, NumPy's product of 2048 x 2048: {gemm_gflops():.0f} GFLOP/s, one thread\n")
    if arguments.ladder:
        print_ladder(REPEATS)
        return
    rows = [measure_loops(roof)]
    for layer in LAYERS:
        rows += measure(layer, roof)
    print_rows(rows)
    if arguments.json:
        results: dict[str, Any] = {"machine": facts, "roof": asdict(roof), "rows": [asdict(row) for row in rows]}
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")
    if arguments.picture:
        draw_roofline(rows, roof, arguments.picture)


if __name__ == "__main__":
    main()
