"""A network's forward(training=True) on few images in one call, in the buffers of its stages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnscratch.kernels.one_call.steps import Steps
from nnscratch.kernels.one_call.table import Place
from nnscratch.stages.base import Stage
from nnscratch.stages.channel_vectors import ChannelVectorsStage
from nnscratch.stages.contrast_normalization import ContrastNormalizationStage
from nnscratch.stages.dense import DenseStage
from nnscratch.stages.gradients_call import Convolution, GradientsCall
from nnscratch.stages.image_vectors import ImageVectorsStage, images_per_block
from nnscratch.stages.one_call import OneCall

# For more, the framed copies of padded images would cost as much memory as all that stages keep,
# for a tenth of the time or less.
MOST_IMAGES = 16
# Multiply-adds. Forward, two threads, AVX-512: kfkd net2, 4 images, 176 million: 2.7 -> 1.6 ms; 16
# images 3.9 -> 3.5; but 7.6 -> 13.7 where another process has one of the cores, because who waits
# for a thread in a call does not sleep.
MOST_WORK = 300_000_000
_FLOAT32 = np.dtype(np.float32)


class TrainingCall(OneCall):
    """`forward` with training of a chain of stages, for x of one shape.

    It writes what each stage would write, where the stage would: their `backward` goes on from
    there. That of the convolutions is one call too, if they are few.

    gradients : that call, of the first convolutions that follow each other; None if there are none

    Raises
        ValueError : as `OneCall`, and for dropout, which draws its masks stage by stage
    """

    most_images, most_work = MOST_IMAGES, MOST_WORK

    def __init__(self, stages: Sequence[Stage], x_shape: tuple[int, ...]) -> None:
        self._kept: list[tuple[Any, tuple[Any, ...]]] = []  # for each stage what it keeps for backward
        self._x = np.empty(0)  # of the stage that is added, as backward reads it
        self._y = np.empty(0)
        self._convolutions: list[Convolution] = []
        super().__init__(stages, x_shape)
        run = _first_run(stages)
        convolutions = [conv for conv in self._convolutions if conv.planned in run]
        try:
            self.gradients = GradientsCall(run, convolutions, x_shape) if run else None
        except ValueError:
            self.gradients = None
        self._allocations = [(stage.buffers, stage.buffers.allocations) for stage, _ in self._kept]

    @property
    def is_stale(self) -> bool:
        """Whether a stage's buffers lie elsewhere now."""
        # A generator would take twice as long, in every pass.
        for buffers, allocations in self._allocations:  # noqa: SIM110
            if buffers.allocations != allocations:
                return True
        return False

    def forward(self, x: np.ndarray) -> np.ndarray | None:
        """As `OneCall.forward`; then the stages are ready for `backward`."""
        if self.is_stale or not self._run(x, self._y):
            return None
        for stage, kept in self._kept:
            stage.kept = kept
        first, (_, *kept_first) = self._kept[0]
        if type(first) is not ImageVectorsStage:
            rows = x.reshape(len(x), -1) if type(first) is DenseStage else x[...]
            first.kept = (rows, *kept_first)
        self._first_x = x[...]
        return self._y.copy()

    def backward(self, first: Stage, last: Stage, dy: np.ndarray) -> bool:
        """`backward` from the last stage to the first, without dx, if `gradients` runs these.

        False: it does not, and nothing is done.

        dy : of the last one's y
        """
        run = self.gradients.stages if self.gradients is not None else [None]
        if run[0] is not first or run[-1] is not last or self.is_stale or not self._same_parameters():
            return False
        assert self.gradients is not None
        self.gradients.backward(self._first_x, dy)
        return True

    def _add(self, steps: Steps, stage: Stage, x: Place, last: bool) -> Place:
        if isinstance(stage, ImageVectorsStage):
            return self._add_image_vectors(steps, stage, x)
        if isinstance(stage, ChannelVectorsStage):
            return self._add_channel_vectors(steps, stage, stage, x)
        if type(stage) is ContrastNormalizationStage:
            y = self._result(steps, stage, x.shape)
            moments = stage.result("moments", True, (x.shape[0], 2), np.float64)
            self._keep(stage, (self._x, moments), y)
            return steps.normalize(x, stage.layer.spread, stage.layer.floor, last, moments.ctypes.data)
        if type(stage) is DenseStage and stage.dropout is None:
            rows = Place(x.address, (x.shape[0], math.prod(x.shape[1:])))
            y = self._result(steps, stage, (x.shape[0], stage.dense.n_out))
            self._keep(stage, (self._x.reshape(-1, stage.dense.n_in), x.shape, y, None), y)
            return steps.dense(rows, *self._parameters(stage.parameters), stage.has_relu, last, moves=True)
        raise ValueError(f"TrainingCall: got {type(stage).__name__}, expected a stage with steps; run stage by stage")

    def _add_channel_vectors(self, steps: Steps, stage: ChannelVectorsStage, planned: Stage, x: Place) -> Place:
        shape = x.shape[0], *stage.pool.output_shape(stage.conv.output_shape(x.shape[1:]))
        y = self._result(steps, stage, shape)
        argmax = stage.buffers.get("argmax", shape, np.uint8)
        weight, bias = self._parameters(stage.parameters)
        fits = stage.winograd is None
        place = steps.channel_vectors(x, weight, bias, stage.conv.padding, False, fits, argmax.ctypes.data)
        self._convolutions.append(Convolution(planned, stage, [weight], steps.read, self._x, y))
        self._keep(stage, (self._x, argmax), y)
        return place

    def _add_image_vectors(self, steps: Steps, stage: ImageVectorsStage, x: Place) -> Place:
        if stage.goes_by_channels(x.shape[0], True, _FLOAT32):
            shape = x.shape
            for by_channels in stage.by_channels:
                x = self._add_channel_vectors(steps, by_channels, stage, x)
            self._kept.append((stage, (shape, x.shape, _FLOAT32)))
            return x
        block = images_per_block(x.shape[0], _FLOAT32)
        stage.lay_out((block, *x.shape[1:]))
        maps, argmax = stage.kept_maps(-(-x.shape[0] // block), _FLOAT32)
        y = self._result(steps, stage, (x.shape[0], *stage.y_shape))
        parameters = [self._parameters(parameters) for parameters in stage.parameters]
        weights = [weight for weight, _ in parameters]
        self._convolutions.append(Convolution(stage, stage, weights, x, self._x, y))
        self._keep(stage, (x.shape, y.shape, _FLOAT32), y)
        return steps.chains(x, parameters, stage.geometry, block, Place.of(maps), last=False, argmax=argmax.ctypes.data)

    def _result(self, steps: Steps, stage: Stage, shape: tuple[int, ...]) -> np.ndarray:
        """The stage's buffer for y, in which the steps that are added next write it."""
        y = stage.result("y", True, shape, _FLOAT32)
        steps.y = Place.of(y)
        return y

    def _keep(self, stage: Stage, kept: tuple[Any, ...], y: np.ndarray) -> None:
        self._kept.append((stage, kept))
        self._x = self._y = y


def _first_run(stages: Sequence[Stage]) -> list[Stage]:
    """The first convolutions that follow each other."""
    kinds = [isinstance(stage, ChannelVectorsStage | ImageVectorsStage) for stage in stages]
    first = kinds.index(True) if True in kinds else len(kinds)
    length = next((i for i, kind in enumerate(kinds[first:]) if not kind), len(kinds) - first)
    return list(stages[first : first + length])
