"""How operations and bytes are counted, and what bounds a time.

Operations: two per multiply-add, as the plain formula has them (`Layer.multiply_adds`): forward
once, backward once for the gradients of the parameters and once for dx. A kernel that does fewer
(Winograd's algorithm; a backward pass that skips the zeros that pooling leaves) is counted as if it
did them all: its share of the roof may pass 100 %. So may a dense layer's backward pass of few
rows, which leaves the weight's gradient to the update (kernels/products/deferred.py).

Bytes: the arrays that go into a stage and come out of it, each once.
    forward    x and the parameters read, y written
    backward   dy, x and, for dx, the parameters read; gradients and dx written
What stays inside a stage, and what is read a second time, is not counted. Where arrays are still in
a cache, a stage may pass the roof of memory.

Bound: the roof gives two least times, one for the operations and one for the bytes; the larger one
is what bounds, "compute" or "memory". Where it explains less than a tenth of the time, neither
does: "overhead" is calls, packing, branches, and threads that wait.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from nnscratch.layers import Layer
from nnscratch.optimizers.base import Optimizer
from nnscratch.profiling.roof import Roof
from nnscratch.stages import Stage

LEAST_EXPLAINED = 0.1  # share of the time that the roof must explain; otherwise it is overhead


class Count(NamedTuple):
    """Operations, and bytes moved, of one pass."""

    operations: int
    moved: int


class StageCount(NamedTuple):
    """What one stage has to do in a training step.

    x_shape : of the stage's x, with N
    input_gradient : whether its backward pass computes dx; None: there is no backward pass
    """

    x_shape: tuple[int, ...]
    forward: Count
    backward: Count
    input_gradient: bool | None


def count_stages(stages: Sequence[Stage], x_shape: tuple[int, ...], itemsize: int) -> list[StageCount]:
    """The counts of all stages of a network, in order.

    x_shape : (N, ...), of the network's x;  itemsize : bytes of a number
    """
    counts = []
    learns = False  # a stage before
    for stage in stages:
        counts.append(_count_stage(stage, x_shape, itemsize, learns))
        learns = learns or _learns(stage)
        x_shape = (x_shape[0], *_output_shape(stage.layers, x_shape[1:]))
    return counts


def _learns(stage: Stage) -> bool:
    return any(layer.params and not layer.frozen for layer in stage.layers)


def _count_stage(stage: Stage, x_shape: tuple[int, ...], itemsize: int, input_gradient: bool) -> StageCount:
    images, shape = x_shape[0], x_shape[1:]
    forward = backward = 0
    wants_dx = input_gradient
    for layer in stage.layers:
        products = 2 * images * layer.multiply_adds(shape)
        forward += products
        backward += products * (bool(layer.params) + wants_dx)
        wants_dx = wants_dx or bool(layer.params)
        shape = layer.output_shape(shape)
    x, y = (itemsize * images * math.prod(each) for each in (x_shape[1:], shape))
    parameters = sum(w.nbytes for layer in stage.layers for w in layer.params.values())
    if not input_gradient and not _learns(stage):  # up to here nothing learns, and nothing goes backward
        return StageCount(x_shape, Count(forward, x + parameters + y), Count(0, 0), None)
    moved = y + x + parameters + (parameters + x if input_gradient else 0)
    return StageCount(x_shape, Count(forward, x + parameters + y), Count(backward, moved), input_gradient)


def _output_shape(layers: Sequence[Layer], shape: tuple[int, ...]) -> tuple[int, ...]:
    for layer in layers:
        shape = layer.output_shape(shape)
    return shape


def count_update(optimizer: Optimizer) -> Count:
    """A step of an optimizer: parameters and running means read and written, gradients read.

    Its handful of operations per number is not counted: the time is that of moving the numbers.
    Layers that are frozen, or not the optimizer's, are left alone.
    """
    moved = total = 0
    for layer in filter(optimizer.holds, optimizer.model.layers):
        parameters = sum(w.nbytes for w in layer.params.values())
        total += parameters
        moved += parameters if optimizer.moves(layer) else 0
    means = sum(mean.nbytes for mean in optimizer.state()["means"])
    return Count(0, 3 * moved + 2 * means * moved // max(1, total))


def bound(count: Count, milliseconds: float, roof: Roof) -> tuple[float, str]:
    """The share of the roof that a time reached, and what bounds it: see the top of this file.

    >>> roof = Roof(gflops=100, gigabytes_per_second=10, threads=1)
    >>> count = Count(operations=50_000_000, moved=1_000_000)  # 0.5 ms of products, 0.1 of bytes
    >>> bound(count, 1.0, roof)
    (0.5, 'compute')
    """
    compute, memory = roof.milliseconds(*count)
    share = max(compute, memory) / milliseconds
    if share < LEAST_EXPLAINED:
        return share, "overhead"
    return share, "compute" if compute >= memory else "memory"
