"""Networks and the mirror pass in a graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.interchange.onnx_graph import Graph
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import to_network_input, to_points
from nnscratch.keypoints.mirror_pass import both_ways
from nnscratch.keypoints.onnx_graphs.networks import add_both_ways, add_network, add_points
from tests.keypoints.onnx_graphs.computed import check_same

X = to_network_input(draw_faces(5, seed=0).images)
PX = 2e-5  # px; float32 has 8e-6 at 96


@pytest.fixture(scope="module")
def network() -> nn.Sequential:
    return nn.Sequential(
        nn.ContrastNormalization(), nn.Conv2D(1, 2, 5, stride=4, rng=0), nn.ReLU(), nn.MaxPool2D(4), nn.Flatten(),
        nn.Dense(50, 30, rng=1),
    )  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, 5])
def test_points_of_whole_pictures(network: nn.Sequential, count: int) -> None:
    expected = to_points(network.predict(X[:count])).astype(np.float64)
    check_same(lambda graph, x: add_points(graph, network, x), {"x": X[:count, ..., 0]}, expected, atol=PX)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_both_ways_and_the_label_offset(network: nn.Sequential, count: int) -> None:
    y, offset = both_ways(network, X[:count])
    expected = to_points(y).astype(np.float64), offset.astype(np.float64).reshape(-1, 1, 1)
    check_same(lambda graph, x: add_both_ways(graph, network, x), {"x": X[:count, ..., 0]}, *expected, atol=PX)
    if count:
        assert np.abs(offset).max() > 0.1  # this network is not symmetrical


def test_another_number_of_answers_is_refused() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Dense(16, 6, rng=0))
    with pytest.raises(ValueError, match=r"^test: got a network with outputs \(6,\), expected \(4,\), x and y of 2"):
        add_network(Graph("test"), network, "x", 4, 2)


def own_layer() -> nn.Sequential:
    class Twice(nn.Layer):
        def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
            return 2 * x

    return nn.Sequential(Twice(), nn.Flatten(), nn.Dense(16, 4, rng=0))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (own_layer(), "Twice"),
        (nn.Sequential(nn.Flatten(), nn.Dense(16, 4, rng=0)).astype(np.float64), "float64"),
        (nn.Sequential(nn.Flatten(), nn.Dense(15, 4, rng=0)), "15"),
    ],
)
def test_what_cannot_be_in_a_graph_is_refused(network: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        add_network(Graph("test"), network, "x", 4, 2)
