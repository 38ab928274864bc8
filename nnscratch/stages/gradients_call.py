"""The backward pass of a network's convolutions on few images in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nnscratch.kernels.image_vectors.chain import weight_and_bias
from nnscratch.kernels.one_call.gradients import GradientSteps, partial_sums
from nnscratch.kernels.one_call.table import Place
from nnscratch.kernels.one_call.team import run_together
from nnscratch.kernels.threads import get_threads
from nnscratch.layers import Layer
from nnscratch.stages.base import Stage
from nnscratch.stages.channel_vectors import ChannelVectorsStage
from nnscratch.stages.image_vectors import ImageVectorsStage, images_per_block

# Multiply-adds, of which pooling leaves an eighth. Two threads, AVX-512, backward of the whole
# network: deep CNN, 8 images, 133 million: 3.0 -> 2.7 ms; 16 images 4.7 -> 4.8. kfkd net2, 4
# images, 72 million: 3.06 -> 3.04 ms; 16 images 4.5 -> 5.0. The report's large CNN, 16 images, 74
# million: 1.20 -> 0.66 ms.
_MOST_WORK = 140_000_000
_FLOAT32 = np.dtype(np.float32)


class Convolution(NamedTuple):
    """A stage as its forward pass left it.

    planned : the network's stage; `stage` may be a part of it
    read    : x as forward read it, with its padding;  x, y : in the stages' buffers
    """

    planned: Stage
    stage: ChannelVectorsStage | ImageVectorsStage
    weights: list[np.ndarray]
    read: Place
    x: np.ndarray
    y: np.ndarray


class GradientsCall:
    """`backward` of stages that follow each other, without dx of the first: with the same bits.

    stages       : the network's, in order
    convolutions : the same, as their forward pass leaves them
    x_shape      : of the network's x

    Raises
        ValueError : that is so much work that calls and threads of their own per stage cost little
    """

    def __init__(self, stages: list[Stage], convolutions: Sequence[Convolution], x_shape: tuple[int, ...]) -> None:
        self.stages = stages
        self._running = [*stages, *(conv.stage for conv in convolutions if conv.stage is not conv.planned)]
        self._grads: list[tuple[Layer, str, np.ndarray]] = []
        self._dy = convolutions[-1].y  # which nobody reads any more
        self.threads = get_threads()
        table, dy = GradientSteps(x_shape, self.threads), self._dy
        for conv in reversed(convolutions):
            dx = None if conv is convolutions[0] else self._dx(conv)
            self._add(table, conv, Place.of(dy), None if dx is None else Place.of(dx))
            dy = conv.y if dx is None else dx
        if table.work > _MOST_WORK:
            raise ValueError(f"GradientsCall: got {table.work} multiply-adds, expected fewer; run stage by stage")
        self._memory, self._table = table.memory, table.written()
        if not table.is_worth_threads:
            self.threads = 1

    def backward(self, x: np.ndarray, dy: np.ndarray) -> None:
        """Sets the layers' `grads`.

        x  : the network's, as forward took it
        dy : float32, of the last y's shape; it may lie in that y
        """
        if dy is not self._dy:
            np.copyto(self._dy, dy)
        run_together(self._table, x, self._dy, self.threads if self.threads == 1 else min(self.threads, get_threads()))
        for stage in self._running:
            vars(stage).pop("kept")
        for layer, name, gradient in self._grads:
            layer.grads[name] = gradient

    def _dx(self, conv: Convolution) -> np.ndarray:
        """Where dx goes: not where x is, if dweight reads it at the same time."""
        if isinstance(conv.stage, ChannelVectorsStage) and conv.stage.conv.padding == (0, 0):
            return conv.stage.buffers.get("dx", conv.x.shape, _FLOAT32)
        return conv.x

    def _add(self, table: GradientSteps, conv: Convolution, dy: Place, dx: Place | None) -> None:
        stage = conv.stage
        if isinstance(stage, ImageVectorsStage):
            self._add_image_vectors(table, stage, conv, dy, dx)
            return
        (weight,), get = conv.weights, stage.buffers.get
        dweight, dbias = get("dweight", weight.shape, _FLOAT32), get("dbias", weight.shape[3:], _FLOAT32)
        names = "sums of dweight", "sums of dbias", "turned dweight"
        shapes = partial_sums(weight.shape, dy.shape[0])
        of_weight, of_bias, turned = (get(name, shape, _FLOAT32) for name, shape in zip(names, shapes, strict=True))
        argmax = get("argmax", dy.shape, np.uint8)
        table.channel_vectors(
            conv.read, dy, argmax, weight, stage.conv.padding, dweight, dbias, (of_weight, of_bias, turned), dx
        )
        self._note(stage.conv, dweight, dbias)

    def _add_image_vectors(
        self, table: GradientSteps, stage: ImageVectorsStage, conv: Convolution, dy: Place, dx: Place | None
    ) -> None:
        block = images_per_block(dy.shape[0], _FLOAT32)
        maps, argmax = stage.kept_maps(-(-dy.shape[0] // block), _FLOAT32)
        gradients = stage.buffers.get("gradients", maps.shape, _FLOAT32)
        numbers = sum(weight.size + weight.shape[3] for weight in conv.weights)
        sums = stage.buffers.get("partial sums", (len(maps), numbers), _FLOAT32)
        total = stage.buffers.get("dparameters", (numbers,), _FLOAT32)
        table.chains(conv.weights, stage.geometry, block, maps, argmax, gradients, sums, total, dy, dx)
        for layer, row in zip(stage.convs, stage.geometry, strict=True):
            self._note(layer, *weight_and_bias(total, row))

    def _note(self, layer: Layer, dweight: np.ndarray, dbias: np.ndarray) -> None:
        """The gradients of a layer that has a bias, or not."""
        named = {"weight": dweight} | ({"bias": dbias} if "bias" in layer.params else {})
        self._grads += [(layer, name, gradient) for name, gradient in named.items()]
