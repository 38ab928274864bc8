"""One operation by every method: that all agree, and how fast each is.

python -m nnscratch compare conv2d
python -m nnscratch compare conv2d --shape 64,96,96,1,8,5 --plot roofline.png
python -m nnscratch compare conv2d --shape 16,24,24,32,64,3 --padding 1
python -m nnscratch compare maxpool --shape 32,96,96,8 --pool 3 --stride 2
python -m nnscratch compare dense --shape 1,9216,256 --threads 1
python -m nnscratch compare network --network kfkd --json kfkd.json

conv2d   textbook loops, im2col, direct, image vectors, Winograd; with ReLU and
         2x2 pooling behind, which the fast ones do in registers
maxpool  textbook loops, NumPy, the compiled loop
dense    textbook loops, NumPy's product, our own tiles
network  layer by layer (fuse=False), and in fused stages

All get the same random numbers. A method whose results differ from the right
ones, in float64, by more than rounding explains ends the command with an error.
The loops run on a part of the numbers, and their time is scaled.

ms       median of runs in turn
x        times as fast as the first method below the loops
GFLOP/s  operations of the plain formula per time; 2 per multiply-add
MB       arrays that are written or read as a whole, each time they are
op/B     operations per byte of these: the intensity
roof     the share of what the machine can do at that intensity
"""

from __future__ import annotations

import argparse

import numpy as np

from nnscratch.command_output import add_json, add_quiet, muted, write_json
from nnscratch.commands import Parser, program
from nnscratch.kernels.threads import get_threads, set_threads
from nnscratch.keypoints.networks import NETWORKS
from nnscratch.keypoints.scripts.command_line import tell, whole_number
from nnscratch.keypoints.scripts.outputs import check_outputs, png
from nnscratch.profiling.comparison import Comparison
from nnscratch.profiling.conv2d import ConvPool, compare_conv2d
from nnscratch.profiling.dense import DenseShape, compare_dense
from nnscratch.profiling.machine import description, start_command
from nnscratch.profiling.max_pool2d import Pool, compare_max_pool2d
from nnscratch.profiling.network import compare_network
from nnscratch.profiling.roofline import draw_roofline

_SHAPES = {
    "conv2d": ("N,H,W,C_IN,C_OUT,K", (32, 48, 48, 16, 32, 3)),
    "maxpool": ("N,H,W,C", (32, 96, 96, 8)),
    "dense": ("N,N_IN,N_OUT", (100, 9216, 256)),
}
# Which operations an option belongs to.
_OPTIONS = {
    "shape": ("conv2d", "maxpool", "dense"),
    "stride": ("conv2d", "maxpool"),
    "padding": ("conv2d",),
    "pool": ("maxpool",),
    "network": ("network",),
    "batch": ("network",),
}
_MOST_NUMBERS = 1 << 27  # of an array: half a gigabyte
_MOST_WORK = 2 * 10**10  # multiply-adds forward: some seconds


def main(arguments: list[str]) -> None:
    """Prints a comparison.

    Raises
        ValueError : shapes that do not fit, or a method that differs from the others
        OSError : a file cannot be written
        SystemExit : an argument is wrong
    """
    parser = _parser()
    parsed = parser.parse_args(arguments)
    for name, operations in _OPTIONS.items():
        if getattr(parsed, name) is not None and parsed.operation not in operations:
            parser.error(f"argument --{name}: got it for {parsed.operation}, expected it for {' or '.join(operations)}")
    check_outputs({"--json": parsed.json, "--plot": parsed.plot}, [])
    with muted(parsed):
        start_command()
    before = get_threads()
    try:
        if parsed.threads is not None:
            set_threads(parsed.threads)
        comparison = _compare(parsed)
        facts = {"machine": description(), **comparison.as_dict()}
    finally:
        if parsed.threads is not None:
            set_threads(before)
    with muted(parsed):
        tell(str(comparison))
    if parsed.plot:
        draw_roofline(comparison.rows, comparison.roof, comparison.operation.title, parsed.plot)
    write_json(parsed.json, facts)


def _parser() -> Parser:
    parser = Parser(__doc__, program("compare"))
    add = parser.add_argument
    add("operation", choices=[*_SHAPES, "network"], help="what is computed")
    shapes = "; ".join(f"{name}: {form} (default {_text(default)})" for name, (form, default) in _SHAPES.items())
    add("--shape", type=_numbers, metavar="N,...", help=f"sizes. {shapes}")
    add("--stride", type=whole_number, metavar="S", help="of conv2d (default 1) or maxpool (default: the window)")
    add("--padding", type=_from_0, metavar="P", help="of conv2d: zeros around each image (default 0)")
    add("--pool", type=whole_number, metavar="K", help="of maxpool: side of the window (default 2)")
    add("--network", choices=list(NETWORKS), help="of network (default report)")
    add("--batch", type=whole_number, metavar="N", help="of network: pictures (default 100)")
    add("--threads", type=whole_number, metavar="N", help="threads to use (default: all cores)")
    add("--plot", type=png, metavar="FILE", help="also draw the roofline there, a PNG")
    add_json(parser)
    add_quiet(parser)
    return parser


def _compare(parsed: argparse.Namespace) -> Comparison:
    if parsed.operation == "network":
        name, batch = parsed.network or "report", parsed.batch or 100
        _check_size("--batch", batch * 96 * 96, 0)
        x = np.random.default_rng(0).random((batch, 96, 96, 1), dtype=np.float32)
        return compare_network(NETWORKS[name](rng=0), x, name)
    form, default = _SHAPES[parsed.operation]
    shape = parsed.shape or default
    if len(shape) != len(default):
        raise ValueError(
            f"compare: got --shape {_text(shape)}, expected {form} for {parsed.operation}; such as {_text(default)}"
        )
    if parsed.operation == "conv2d":
        images, height, width, c_in, c_out, kernel_size = shape
        stride, padding = parsed.stride or 1, parsed.padding or 0
        layer = ConvPool(images, height, width, c_in, c_out, kernel_size, stride, padding)
        taps = layer.kernel_size**2 * layer.c_in
        side = 2 * layer.padding
        pixels = layer.images * (layer.height + side) * (layer.width + side)
        _check_size("--shape", max(pixels * max(layer.c_in, layer.c_out), taps * layer.c_out), 0)
        _check_size("--shape", 0, layer.multiply_adds)
        return compare_conv2d(layer)
    if parsed.operation == "maxpool":
        images, height, width, channels = shape
        size = parsed.pool or 2
        pool = Pool(images, height, width, channels, size, parsed.stride or size)
        _check_size("--shape", int(np.prod(shape, dtype=object)), 0)
        _check_size("--shape", pool.comparisons // 4, pool.comparisons)
        return compare_max_pool2d(pool)
    n, n_in, n_out = shape
    _check_size("--shape", max(n * n_in, n * n_out, n_in * n_out), 0)
    _check_size("--shape", 0, n * n_in * n_out)
    return compare_dense(DenseShape(n, n_in, n_out))


def _check_size(option: str, numbers: int, work: int) -> None:
    if numbers > _MOST_NUMBERS or work > _MOST_WORK:
        raise ValueError(
            f"compare: got a {option} with {max(numbers, work):.2g} {'numbers' if numbers else 'multiply-adds'}, "
            f"expected at most {_MOST_NUMBERS if numbers else _MOST_WORK:.2g}; make it smaller"
        )


def _numbers(text: str) -> tuple[int, ...]:
    """Whole numbers from 1 up, between commas; ArgumentTypeError for anything else."""
    parts = text.split(",")
    if any(not (part.isascii() and part.isdigit()) or len(part) > 9 or int(part) < 1 for part in parts):
        raise argparse.ArgumentTypeError(f"got {text[:40]!r}, expected whole numbers from 1 up, as in 32,48,48,16,32,3")
    return tuple(map(int, parts))


def _from_0(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"got {text[:40]!r}, expected a whole number from 0 up")
    return int(text)


def _text(shape: tuple[int, ...]) -> str:
    return ",".join(map(str, shape))
