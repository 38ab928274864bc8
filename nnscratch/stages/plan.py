"""Which layers are executed together, and by which kernel: the one place where that is decided."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from nnscratch.layers import ContrastNormalization, Conv2D, Dense, Dropout, Flatten, Layer, MaxPool2D, ReLU
from nnscratch.stages.base import Stage
from nnscratch.stages.channel_vectors import ConvPoolStage
from nnscratch.stages.contrast_normalization import ContrastNormalizationStage
from nnscratch.stages.dense import DenseStage
from nnscratch.stages.image_vectors import DirectChain
from nnscratch.stages.single import Single

# Up to so many output channels a vector of channels is not filled, and vectors of images are faster, forward and
# backward: benchmarks/kernels.py shows where they cross. With many input channels a block of images leaves the cache.
DIRECT_CHANNELS_IN = 16
DIRECT_CHANNELS_OUT = 16


def plan(layers: Sequence[Layer]) -> list[Stage]:
    """The stages for a network's layers, in order; each layer is in exactly one.

    Only the very classes are recognised: a subclass may compute something else, and runs as it is.

    >>> import nnscratch as nn
    >>> def conv(c_in, c_out):
    ...     return nn.Conv2D(c_in, c_out, 3), nn.ReLU(), nn.MaxPool2D(2)
    >>> for stage in plan([*conv(1, 8), *conv(8, 16), *conv(16, 64), nn.Flatten(), nn.Dense(4, 3), nn.ReLU()]):
    ...     print(type(stage).__name__, len(stage.layers))
    DirectChain 6
    ConvPoolStage 3
    DenseStage 3
    """
    rest = list(layers)
    stages: list[Stage] = []
    while rest:
        stages.append(_first_stage(rest))
        rest = rest[len(stages[-1].layers) :]
    for before, stage in pairwise(stages):
        stage.may_overwrite_x = not before.needs_y
    return stages


def _first_stage(layers: list[Layer]) -> Stage:
    chain: list[tuple[Conv2D, ReLU, MaxPool2D]] = []
    while (triple := _conv_relu_pool(layers[3 * len(chain) :])) and _is_thin(triple[0]):
        chain.append(triple)
    if chain:
        return DirectChain(*chain)
    if triple:
        return ConvPoolStage(*triple)
    if type(layers[0]) is ContrastNormalization:
        return ContrastNormalizationStage(layers[0])
    flatten = layers[0] if type(layers[0]) is Flatten else None
    dense, relu, dropout = (*layers[flatten is not None :][:3], None, None, None)[:3]
    if type(dense) is not Dense:
        return Single(layers[0])
    if type(relu) is not ReLU:
        return DenseStage(dense, flatten=flatten)
    return DenseStage(dense, relu, dropout if type(dropout) is Dropout else None, flatten)


def _conv_relu_pool(layers: list[Layer]) -> tuple[Conv2D, ReLU, MaxPool2D] | None:
    """The first three layers, if they are a convolution of stride 1, ReLU, and pooling of 2x2 side by side."""
    conv, relu, pool = (*layers[:3], None, None, None)[:3]
    if type(conv) is not Conv2D or type(relu) is not ReLU or type(pool) is not MaxPool2D:
        return None
    side_by_side = pool.pool_size == (2, 2) == pool.stride
    return (conv, relu, pool) if conv.stride == (1, 1) and side_by_side else None


def _is_thin(conv: Conv2D) -> bool:
    return conv.padding == (0, 0) and conv.c_in <= DIRECT_CHANNELS_IN and conv.c_out <= DIRECT_CHANNELS_OUT
