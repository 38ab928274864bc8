"""A network from a file, checked to be one for pictures of one size and to so many points."""

from __future__ import annotations

import math
from pathlib import Path

from nnscratch import checkpoints
from nnscratch.files.stored_files import DamagedError
from nnscratch.layers import MaxPool2D
from nnscratch.model import Sequential

# A file of a kilobyte can describe a network of any size: a padding of a million, for example.
_MOST_NUMBERS = 1 << 21  # between two layers, per picture; Nouri's net2 has 282,752
_MOST_WORK = 10**10  # multiply-adds and comparisons per picture; Nouri's net2 has 48 million


def load_network(path: Path, side: int, points: int, *, allow_not_finite: bool = False) -> Sequential:
    """The network that `checkpoints.save` wrote to `path`, float32.

    It must take pictures (N, side, side, 1) and give (N, 2 points).

    allow_not_finite : as for `nnscratch.load`

    Raises
        OSError : there is no such file, or it cannot be opened
        ValueError : it is damaged, is for something else, or takes more than 2 million numbers
            between two layers or 10 billion multiply-adds per picture
    """
    network = checkpoints.load(path, allow_not_finite=allow_not_finite)
    try:
        shape = _output_shape(network, (side, side, 1))
        came = f"outputs {shape}"
    except (ValueError, ArithmeticError) as error:
        shape, came = (), str(error)
    if shape == (2 * points,):
        dtypes = {str(value.dtype) for value in network.parameters()}
        if dtypes <= {"float32"}:
            return network
        came = "weights in float64: save its astype(np.float32)"
    raise DamagedError.at(
        path,
        came,
        came="a network for something else",
        expected=f"a network from {side} x {side} pictures to {points} points",
        fix="give another folder",
    )


def _output_shape(network: Sequential, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of one y; raises ValueError for layers that do not fit, and for too much work."""
    work = 0
    for layer in network.layers:
        output = layer.output_shape(shape)
        work += layer.multiply_adds(shape)
        if isinstance(layer, MaxPool2D):
            work += math.prod(output) * math.prod(layer.pool_size)
        if math.prod(output) > _MOST_NUMBERS or work > _MOST_WORK:
            raise ValueError(f"{type(layer).__name__} with outputs {output}: too much for a picture")
        shape = output
    return shape
