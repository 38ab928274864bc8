"""Which layers are executed together: the one place where that is decided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nnscratch.layers import Dense, Dropout, Layer, ReLU
from nnscratch.stages.base import Stage
from nnscratch.stages.dense import DenseStage
from nnscratch.stages.single import Single


def plan(layers: Sequence[Layer]) -> list[Stage]:
    """The stages for a network's layers, in order; each layer is in exactly one.

    Only the very classes are recognised: a subclass may compute something else, and runs as it is.

    >>> import nnscratch as nn
    >>> [len(stage.layers) for stage in plan([nn.Flatten(), nn.Dense(4, 3), nn.ReLU(), nn.Dense(3, 2)])]
    [1, 2, 1]
    """
    return list(_stages(list(layers)))


def _stages(layers: list[Layer]) -> Iterator[Stage]:
    while layers:
        kinds = [type(layer) for layer in layers[:3]]
        if kinds == [Dense, ReLU, Dropout]:
            used, stage = 3, DenseStage(*layers[:3])  # type: ignore[arg-type]
        elif kinds[:2] == [Dense, ReLU]:
            used, stage = 2, DenseStage(*layers[:2])  # type: ignore[arg-type]
        elif kinds[:1] == [Dense]:
            used, stage = 1, DenseStage(layers[0])  # type: ignore[arg-type]
        else:
            used, stage = 1, Single(layers[0])  # type: ignore[assignment]
        yield stage
        layers = layers[used:]
