"""A whole network, layer by layer and in fused stages: what `compare network` runs."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from nnscratch.model import Sequential
from nnscratch.profiling.comparison import Arrays, Comparison, Method, Operation, compare
from nnscratch.profiling.cost import count_stages
from nnscratch.profiling.profile import together
from nnscratch.profiling.roof import roof
from nnscratch.profiling.table import counted
from nnscratch.stages import Stage

_EXACT = 1e-9  # of gradients in float64: rounding is 1e-16 per operation
_CLOSE = 1e-3  # of y in float32, through all layers


def compare_network(network: Sequential, x: np.ndarray, title: str) -> Comparison:
    """fuse=False beside fused stages, forward and backward, without dx, as in training.

    In float32, rounding may decide which of two nearly equal numbers a pooling takes, and another
    pixel then gets the gradient. So the gradients are compared in float64, and y in both.

    network : stays as it was;  x : (N, ...) in its dtype

    Raises
        ValueError : x does not fit, or the two differ by more than rounding explains
    """
    y = copy.deepcopy(network).forward(x)
    dy = np.random.default_rng(0).standard_normal(y.shape).astype(y.dtype)
    exact = {fuse: _Pass(network.astype(np.float64), x.astype(np.float64), dy, fuse) for fuse in (False, True)}
    single = {fuse: _Pass(network, x, dy, fuse) for fuse in (False, True)}
    layers, stages = single[False].stages, single[True].stages
    counts = {fuse: _counts(a_pass.stages, x) for fuse, a_pass in single.items()}
    operation = Operation(
        f"{title}: {counted(len(x), 'row')}, {len(network.layers)} layers in {len(stages)} stages",
        (int(counts[False][0]), int(counts[False][1])),
        (exact[False].forward(), exact[False].gradients()),
        (_CLOSE, _EXACT),
        (
            "difference: of y in float32; of the gradients in float64, where no rounding decides which pixel a "
            "pooling takes.",
            *(f"* {k}: {together(stage)}: {stage.because}." for k, stage in enumerate(stages, 1)),
        ),
    )
    methods = []
    for fuse, name, idea in (
        (False, "layers", f"fuse=False: {len(layers)} layers, each by its own methods"),
        (True, "stages", f"fused: {len(stages)} stages, in buffers that stay"),
    ):
        check = single[fuse].forward, exact[fuse].gradients
        works = single[fuse].forward, single[fuse].backward
        methods.append(Method(name, idea, *works, counts[fuse][2:], (fuse, fuse), check=check))
    return compare(operation, methods, roof(x.dtype))


def _counts(stages: list[Stage], x: np.ndarray) -> tuple[int, int, int, int]:
    """Operations forward and backward, bytes forward and backward."""
    counts = count_stages(stages, x.shape, x.itemsize)
    forward, backward = [count.forward for count in counts], [count.backward for count in counts]
    return (
        sum(count.operations for count in forward), sum(count.operations for count in backward),
        sum(count.moved for count in forward), sum(count.moved for count in backward),
    )  # fmt: skip


class _Pass:
    """Forward and backward of a copy, of which dropout draws the same masks each time."""

    def __init__(self, network: Sequential, x: np.ndarray, dy: np.ndarray, fuse: bool) -> None:
        self.network, self.x = copy.deepcopy(network), x
        self.network.fuse = fuse
        self.dy = dy.astype(x.dtype)
        # A generator for each layer: two layers may have shared one, and astype would part them.
        self.rngs: list[np.random.Generator] = []
        noisy: list[Any] = [layer for layer in self.network.layers if hasattr(layer, "rng")]
        for k, layer in enumerate(noisy):
            layer.rng = np.random.default_rng(k)
            self.rngs.append(layer.rng)
        self.states = [rng.bit_generator.state for rng in self.rngs]
        self.stages = self.network.time_stages(None)

    def forward(self) -> Arrays:
        for rng, state in zip(self.rngs, self.states, strict=True):
            rng.bit_generator.state = state
        return {"y": self.network.forward(self.x, training=True)}

    def backward(self) -> Arrays:
        self.network.backward(self.dy)
        return {
            f"the gradient of {name} of layer {k}": gradient
            for k, layer in enumerate(self.network.layers)
            for name, gradient in layer.grads.items()
        }

    def gradients(self) -> Arrays:
        """Those of a new forward and backward pass."""
        self.forward()
        return self.backward()
