"""Every way to compute convolution + ReLU + pooling, against the machine's roof.

  python benchmarks/kernels.py [--json FILE] [--picture FILE]
  python benchmarks/kernels.py --ladder

For the layers of the report's networks, of kfkd net2 and of the best recipe's CNN:
im2col layer by layer, channel vectors (direct, Winograd) and image vectors,
forward and backward, on one thread; and the textbook loops on a small layer. The
roof is measured first: multiply-adds in registers alone, and copying memory.
Measure on a quiet machine, or the roof comes out too low. Work is counted as in the dense formula,
2 operations per multiply-add. Kernels that do less can pass the roof: Winograd's
algorithm takes 16 or 9 products for 36, and the backward pass skips the zeros which
pooling and ReLU leave. Intensity is that work over the bytes of the arrays that
go in and out. --ladder prints the tables of nnscratch/kernels/README.md instead.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from ladder import IMAGES, LAYERS, is_first, print_ladder, rungs, times_of
from machine import beside_the_roof, description, print_description

import nnscratch as nn
from nnscratch.command_output import write_json
from nnscratch.kernels import loops
from nnscratch.keypoints.scripts.outputs import png, writable
from nnscratch.profiling.clock import in_turn
from nnscratch.profiling.conv2d import ConvPool
from nnscratch.profiling.machine import start
from nnscratch.profiling.roof import Roof, roof
from nnscratch.profiling.roofline import draw_roofline

REPEATS = 9


@dataclass
class Row:
    """One layer by one kernel in one direction; intensity is in operations per byte."""

    layer: str
    method: str
    direction: str
    milliseconds: float
    gflops: float
    gigabytes_per_second: float
    intensity: float
    share_of_roof: float


def measure(name: str, layer: ConvPool, roof: Roof) -> list[Row]:
    """Both directions of one layer by every method, in turn."""
    made = rungs(layer)
    times = times_of(made, layer, REPEATS)
    weights = layer.kernel_size**2 * layer.c_in * layer.c_out
    x, y = (int(np.prod(shape)) for shape in (layer.x_shape, layer.y_shape))
    # x in, y and the places of its maxima out, 4 bytes and 1; backward as much, twice with dx.
    work, moved = 2 * layer.multiply_adds, 4 * x + 5 * y + 4 * weights
    rows = []
    for method in made:
        for factor, direction in ((1, "forward"), (1 if is_first(layer) else 2, "backward")):
            if (method, direction) != ("Winograd", "backward"):  # the same as direct's
                median = statistics.median(times[method, direction])
                rows.append(_row(name, method, direction, median, factor * work, factor * moved, roof))
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


def _row(layer: str, method: str, direction: str, milliseconds: float, work: int, moved: int, roof: Roof) -> Row:
    gflops, intensity = work / milliseconds / 1e6, work / moved
    share = gflops / roof.at(intensity)
    return Row(layer, method, direction, milliseconds, gflops, moved / milliseconds / 1e6, intensity, share)


def print_rows(rows: list[Row]) -> None:
    print("layer              direction method               ms  GFLOP/s   GB/s  op/byte of roof")
    for row in rows:
        print(
            f"{row.layer:19s}{row.direction:9s} {row.method:15s}{row.milliseconds:8.2f}{row.gflops:9.1f}"
            f"{row.gigabytes_per_second:7.2f}{row.intensity:9.1f}{row.share_of_roof:8.0%}"
        )


def main() -> None:
    start()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ladder", action="store_true", help="print what each kernel brought, as Markdown tables")
    parser.add_argument("--json", metavar="FILE", type=writable, help="also write the figures there")
    parser.add_argument("--picture", metavar="FILE", type=png, help="also draw the roofline there, a PNG")
    arguments = parser.parse_args()
    all_threads = roof()
    nn.set_threads(1)
    one = roof()
    facts = description() | {"repeats": REPEATS, "images": IMAGES}
    print_description(facts)
    print(f"roof: {one}; {all_threads}")
    print(f"{beside_the_roof(one)}\n{beside_the_roof(all_threads)}\n")
    if arguments.ladder:
        print_ladder(REPEATS)
        return
    rows = [measure_loops(one)]
    for name, layer in LAYERS.items():
        rows += measure(name, layer, one)
    print_rows(rows)
    results: dict[str, Any] = {"machine": facts, "roof": asdict(one), "rows": [asdict(row) for row in rows]}
    write_json(arguments.json, results)
    if arguments.picture:
        draw_roofline(rows, one, "Convolution + ReLU + pooling: every layer of the networks", arguments.picture)


if __name__ == "__main__":
    main()
