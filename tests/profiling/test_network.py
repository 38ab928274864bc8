"""A network layer by layer and in stages: equal, also with dropout."""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.profiling import network as module
from nnscratch.profiling.network import compare_network
from nnscratch.stages.dense import DenseStage


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.compare, "__kwdefaults__", {"seconds": 0.0})


def network() -> nn.Sequential:
    rng = np.random.default_rng(0)  # which both dropouts share
    return nn.Sequential(
        nn.Conv2D(1, 3, 3, rng=rng), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(),
        nn.Dense(27, 20, rng=rng), nn.ReLU(), nn.Dropout(0.5, rng=rng),
        nn.Dense(20, 10, rng=rng), nn.ReLU(), nn.Dropout(0.5, rng=rng), nn.Dense(10, 2, rng=rng),
    )  # fmt: skip


def images() -> np.ndarray:
    return np.random.default_rng(1).random((6, 8, 8, 1), dtype=np.float32)


def test_both_agree_and_nothing_of_the_user_moves() -> None:
    model, x = network(), images()
    before, rng = model.copy_parameters(), model.layers[6].rng.bit_generator.state
    result = compare_network(model, x, "small")
    assert [(row.method, row.chosen) for row in result.rows[::2]] == [("layers", False), ("stages", True)]
    assert max(row.difference for row in result.rows if row.direction == "backward") < 1e-12
    assert max(row.difference for row in result.rows if row.direction == "forward") < 1e-5
    assert result.operation.title == "small: 6 rows, 11 layers in 4 stages"
    assert result.rows[2].megabytes < result.rows[0].megabytes
    assert model.layers[6].rng.bit_generator.state == rng
    for w, kept in zip(model.parameters(), before, strict=True):
        np.testing.assert_array_equal(w, kept)


def test_a_wrong_gradient_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = DenseStage.backward

    def wrong(stage: DenseStage, dy: np.ndarray, input_gradient: bool) -> np.ndarray | None:
        dx = right(stage, dy, input_gradient)
        stage.dense.grads["bias"] = stage.dense.grads["bias"] * 1.0001
        return dx

    monkeypatch.setattr(DenseStage, "backward", wrong)
    with pytest.raises(ValueError, match=r"got the gradient of bias of layer \d+ by stages that differs by 0.0001"):
        compare_network(network(), images(), "small")


def test_an_x_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="got x of shape"):
        compare_network(network(), images()[..., 0], "small")
