"""Which layers become one stage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.stages import plan


def conv(c_in: int, c_out: int, pool: nn.Layer | None = None, **options: Any) -> list[nn.Layer]:
    return [nn.Conv2D(c_in, c_out, 3, rng=0, **options), nn.ReLU(), pool or nn.MaxPool2D(2)]


# name -> (layers, the stages' names and numbers of layers)
CASES: dict[str, tuple[list[nn.Layer], list[tuple[str, int]]]] = {
    "few channels": (conv(1, 8) + conv(8, 16), [("ImageVectorsStage", 6)]),
    "many channels": (conv(1, 17), [("ChannelVectorsStage", 3)]),
    "padding": (conv(1, 8, padding=1), [("ChannelVectorsStage", 3)]),
    "few, then many": (conv(1, 9) + conv(9, 17), [("ImageVectorsStage", 3), ("ChannelVectorsStage", 3)]),
    "stride": (conv(1, 3, stride=2), [("Single", 1)] * 3),
    "larger pool": (conv(1, 3, nn.MaxPool2D(3)), [("Single", 1)] * 3),
    "overlapping pool": (conv(1, 3, nn.MaxPool2D(2, stride=1)), [("Single", 1)] * 3),
    "no ReLU": (conv(1, 3)[::2], [("Single", 1)] * 2),
    "dense": ([nn.Flatten(), nn.Dense(4, 3, rng=0), nn.ReLU(), nn.Dropout(0.5, rng=0)], [("DenseStage", 4)]),
    "dense, dropout without ReLU": (
        [nn.Dense(4, 3, rng=0), nn.Dropout(0.5, rng=0)],
        [("DenseStage", 1), ("Single", 1)],
    ),
    "flatten alone": ([nn.Flatten(), nn.ReLU()], [("Single", 1)] * 2),
    "contrast normalization": ([nn.ContrastNormalization()], [("ContrastNormalizationStage", 1)]),
    "nothing": ([], []),
}


@pytest.mark.parametrize(("layers", "wanted"), CASES.values(), ids=CASES)
def test_stages(layers: list[nn.Layer], wanted: list[tuple[str, int]]) -> None:
    stages = plan(layers)
    assert [(type(stage).__name__, len(stage.layers)) for stage in stages] == wanted
    assert [layer for stage in stages for layer in stage.layers] == layers


def test_dx_takes_the_place_of_x_where_the_stage_before_does_not_read_its_y() -> None:
    layers = [*conv(1, 17), *conv(17, 20), nn.Flatten(), nn.Dense(4, 3, rng=0), nn.Dense(3, 2, rng=0)]
    # The first x is the user's; the last stage's x is the y of a dense stage, which reads it in
    # backward.
    assert [stage.may_overwrite_x for stage in plan(layers)] == [False, True, True, False]


def test_a_subclass_runs_as_it_is() -> None:
    class Doubled(nn.Conv2D):
        def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
            return 2 * super().forward(x, training)

    layers = [Doubled(1, 3, 3, rng=0), nn.ReLU(), nn.MaxPool2D(2)]
    assert [type(stage).__name__ for stage in plan(layers)] == ["Single"] * 3


TRIPLE = "stride 1, a ReLU behind it, 2x2 pooling behind that"


@pytest.mark.parametrize(
    ("layers", "because"),
    [
        (conv(1, 8), f"{TRIPLE}, at most 16 input channels, at most 16 output channels, no padding"),
        (conv(1, 17), f"{TRIPLE}, but more than 16 output channels fill vectors"),
        (conv(1, 8, padding=1), f"{TRIPLE}, but image vectors have no code for padding"),
        (conv(1, 3, stride=2), "its stride is not 1"),
        (conv(1, 3)[::2], "no ReLU behind it"),
        (conv(1, 3, nn.MaxPool2D(3)), "no 2x2 pooling behind its ReLU"),
        (conv(1, 3)[:1], "no ReLU behind it"),
        ([nn.MaxPool2D(2)], "no stage begins with MaxPool2D here"),
        ([nn.Dense(4, 3, rng=0)], "a product in buffers that stay"),
        ([nn.Flatten(), nn.Dense(4, 3, rng=0), nn.ReLU()], "Flatten, ReLU in place, around the product"),
    ],
)
def test_each_stage_says_why(layers: list[nn.Layer], because: str) -> None:
    assert plan(layers)[0].because == because
