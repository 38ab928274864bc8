"""A network's inference on few images in one call: nnscratch/kernels/one_call/."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nnscratch.kernels.choice import MOST_IMAGES_OF_ONE_CALL
from nnscratch.kernels.one_call.steps import Steps
from nnscratch.kernels.one_call.table import Place
from nnscratch.kernels.one_call.team import run_together
from nnscratch.kernels.threads import get_threads
from nnscratch.layers import Layer
from nnscratch.layers.parameters import Parameters
from nnscratch.stages.base import Stage
from nnscratch.stages.channel_vectors import ChannelVectorsStage
from nnscratch.stages.contrast_normalization import ContrastNormalizationStage
from nnscratch.stages.dense import DenseStage
from nnscratch.stages.image_vectors import ImageVectorsStage

# Rows of x: for more, calls and threads of their own per stage cost little. Images take longer.
MOST_ROWS, MOST_IMAGES = 1024, MOST_IMAGES_OF_ONE_CALL
_FLOAT32 = np.dtype(np.float32)


class OneCall:
    """`forward` of a chain of stages, for x of one shape; the bits are those of the stages.

    y_shape : with N

    Raises
        ValueError : a stage has no steps: of float64, of a layer of the user's own, or of an array
            that is not contiguous; or there are too many rows for it
    """

    most_images, most_work = MOST_IMAGES, math.inf  # work: multiply-adds

    def __init__(self, stages: Sequence[Stage], x_shape: tuple[int, ...]) -> None:
        if x_shape[0] > self.most_images and any(type(stage) is not DenseStage for stage in stages):
            raise ValueError(
                f"OneCall: got {x_shape[0]} images, expected at most {self.most_images}; run stage by stage"
            )
        self.threads = get_threads()
        steps = Steps(x_shape, self.threads)
        self.seen: list[tuple[Layer, np.ndarray, np.ndarray | None, int]] = []
        place = steps.x
        for stage in stages:
            place = self._add(steps, stage, place, last=stage is stages[-1])
        if steps.work > self.most_work:
            raise ValueError(f"OneCall: got {steps.work} multiply-adds, expected fewer; run stage by stage")
        self.y_shape = place.shape
        self._memory, self._table = steps.memory, steps.table(place)
        if not steps.is_worth_threads:
            self.threads = 1

    def forward(self, x: np.ndarray) -> np.ndarray | None:
        """y, the caller's own; None if parameters are other arrays now, or x or y is not finite.

        x : float32, contiguous, of the shape that `__init__` was told
        """
        y = np.empty(self.y_shape, np.float32)
        return y if self._run(x, y) else None

    def _run(self, x: np.ndarray, y: np.ndarray) -> bool:
        if not self._same_parameters():
            return False
        threads = self.threads if self.threads == 1 else min(self.threads, get_threads())
        return run_together(self._table, x, y, threads)

    def _same_parameters(self) -> bool:
        for layer, weight, bias, count in self.seen:
            params = layer.params
            if params.get("weight") is not weight or params.get("bias") is not bias or len(params) != count:
                return False
        return True

    def _add(self, steps: Steps, stage: Stage, x: Place, last: bool) -> Place:
        if type(stage) is ContrastNormalizationStage:
            return steps.normalize(x, stage.layer.spread, stage.layer.floor, last)
        if type(stage) is DenseStage:
            rows = Place(x.address, (x.shape[0], math.prod(x.shape[1:])))
            return steps.dense(rows, *self._parameters(stage.parameters), stage.has_relu, last)
        if type(stage) is ChannelVectorsStage and stage.winograd is None:
            return steps.channel_vectors(x, *self._parameters(stage.parameters), stage.conv.padding, last)
        if type(stage) is ImageVectorsStage:
            return steps.image_vectors(x, [self._parameters(parameters) for parameters in stage.parameters], last)
        raise ValueError(f"OneCall: got {type(stage).__name__}, expected a stage with steps; run stage by stage")

    def _parameters(self, parameters: Parameters) -> tuple[np.ndarray, np.ndarray | None]:
        """Weight and bias, which must be the layer's own memory: it is read in every call."""
        params = parameters.layer.params
        own = params.get("weight"), params.get("bias")
        weight, bias = parameters.get(_FLOAT32)
        arrays = [(array, view) for array, view in zip(own, (weight, bias), strict=True) if view is not None]
        if any(array is None or not np.shares_memory(array, view) for array, view in arrays):
            raise ValueError("OneCall: got parameters that are not contiguous, expected contiguous ones; copy them")
        self.seen.append((parameters.layer, *own, len(params)))
        return weight, bias
