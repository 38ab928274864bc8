"""Which layers become one stage. Which kernel a stage runs is decided in kernels/choice.py."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from nnscratch.kernels import choice
from nnscratch.kernels.choice import Conditions
from nnscratch.layers import ContrastNormalization, Conv2D, Dense, Dropout, Flatten, Layer, MaxPool2D, ReLU
from nnscratch.stages.base import Single, Stage
from nnscratch.stages.channel_vectors import ChannelVectorsStage
from nnscratch.stages.contrast_normalization import ContrastNormalizationStage
from nnscratch.stages.dense import DenseStage
from nnscratch.stages.image_vectors import ImageVectorsStage


def plan(layers: Sequence[Layer]) -> list[Stage]:
    """The stages for a network's layers, in order; each layer is in exactly one.

    Only the exact classes are recognised: a subclass may compute something else, and runs by its
    own methods.

    >>> import nnscratch as nn
    >>> def conv(c_in, c_out):
    ...     return nn.Conv2D(c_in, c_out, 3), nn.ReLU(), nn.MaxPool2D(2)
    >>> dense = nn.Flatten(), nn.Dense(4, 3), nn.ReLU()
    >>> for stage in plan([*conv(1, 8), *conv(8, 16), *conv(16, 64), *dense]):
    ...     print(type(stage).__name__, len(stage.layers))
    ImageVectorsStage 6
    ChannelVectorsStage 3
    DenseStage 3
    """
    rest = list(layers)
    stages: list[Stage] = []
    while rest:
        stages.append(_first_stage(rest))
        rest = rest[len(stages[-1].layers) :]
    for stage in stages:
        stage.planned = stage.sizes()
    for before, stage in pairwise(stages):
        stage.may_overwrite_x, stage.is_first = not before.needs_y, False
    return stages


def _first_stage(layers: list[Layer]) -> Stage:
    stage = _recognised(layers)
    if isinstance(stage, ImageVectorsStage):
        reasons = _triple_conditions(layers), _few_channels_conditions(stage.convs[0])
        stage.because = ", ".join(map(choice.because, reasons))
    elif isinstance(stage, ChannelVectorsStage):
        reasons = _triple_conditions(layers), _few_channels_conditions(stage.conv)
        stage.because = ", but ".join(map(choice.because, reasons))
    elif isinstance(stage, DenseStage):
        around = [type(layer).__name__ for layer in stage.layers if type(layer) is not Dense]
        stage.because = (
            f"{', '.join(around)} in place, around the product" if around else "a product in buffers that stay"
        )
    elif isinstance(stage, ContrastNormalizationStage):
        stage.because = "no other layer joins it"
    elif isinstance(stage, Single):
        stage.because = _why_alone(layers)
    return stage


def _why_alone(layers: list[Layer]) -> str:
    if type(layers[0]) is Conv2D:
        return choice.because(_triple_conditions(layers))
    return f"no stage begins with {type(layers[0]).__name__} here"


def _recognised(layers: list[Layer]) -> Stage:
    few_channels: list[tuple[Conv2D, ReLU, MaxPool2D]] = []
    while (triple := _conv_relu_pool(layers[3 * len(few_channels) :])) and _has_few_channels(triple[0]):
        few_channels.append(triple)
    if few_channels:
        return ImageVectorsStage(*few_channels)
    if triple:
        return ChannelVectorsStage(*triple)
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
    """The first three layers if they are convolution (stride 1), ReLU, 2x2 pooling (stride 2)."""
    conv, relu, pool = (*layers[:3], None, None, None)[:3]
    if type(conv) is not Conv2D or type(relu) is not ReLU or type(pool) is not MaxPool2D:
        return None
    return (conv, relu, pool) if all(condition[0] for condition in _triple_conditions(layers)) else None


def _triple_conditions(layers: list[Layer]) -> Conditions:
    """When the first layer, a convolution, runs as one with the next two; see kernels/choice.py."""
    conv, relu, pool = (*layers[:3], None, None, None)[:3]
    yield isinstance(conv, Conv2D) and conv.stride == (1, 1), "stride 1", "its stride is not 1"
    yield type(relu) is ReLU, "a ReLU behind it", "no ReLU behind it"
    side_by_side = type(pool) is MaxPool2D and pool.pool_size == (2, 2) == pool.stride
    yield side_by_side, "2x2 pooling behind that", "no 2x2 pooling behind its ReLU"


def _has_few_channels(conv: Conv2D) -> bool:
    return choice.image_vectors(conv.c_in, conv.c_out, conv.padding)


def _few_channels_conditions(conv: Conv2D) -> Conditions:
    return choice.image_vectors_conditions(conv.c_in, conv.c_out, conv.padding)
