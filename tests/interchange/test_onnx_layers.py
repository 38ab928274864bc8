"""Every layer as ONNX operators: ONNX Runtime gives the layer's own answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.gradient_check.configurations import CONFIGURATIONS, Configuration
from nnscratch.interchange.onnx_graph import Graph
from nnscratch.interchange.onnx_layers import add_layers
from nnscratch.layers import BY_NAME

pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

CHAINS = [each for each in CONFIGURATIONS if each.chain]
BATCHES = (1, 3, 100)
Runs = Callable[[np.ndarray], np.ndarray]


def graph_of(layers: Sequence[nn.Layer], input_shape: tuple[int, ...]) -> tuple[Graph, str]:
    graph = Graph("test")
    return graph, add_layers(graph, layers, "x", input_shape)


def session(folder: Path, layers: Sequence[nn.Layer], input_shape: tuple[int, ...]) -> Runs:
    """What ONNX Runtime makes of the layers."""
    graph, y = graph_of(layers, input_shape)
    y = graph.add("Identity", y)
    shape = input_shape
    for layer in layers:
        shape = layer.output_shape(shape)
    kinds = {"x": (np.float32, ("N", *input_shape))}, {y: (np.float32, ("N", *shape))}
    graph.save(folder / "y.onnx", inputs=kinds[0], outputs=kinds[1])
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    engine = ort.InferenceSession(folder / "y.onnx", options, providers=["CPUExecutionProvider"])
    return lambda x: engine.run(None, {"x": x})[0]


def check_same(folder: Path, layers: Sequence[nn.Layer], input_shape: tuple[int, ...]) -> None:
    run, model = session(folder, layers, input_shape), nn.Sequential(*layers, fuse=False)
    for batch in BATCHES:
        x = np.random.default_rng(batch).normal(size=(batch, *input_shape)).astype(np.float32)
        y = model.forward(x)
        np.testing.assert_allclose(run(x), y, rtol=1e-5, atol=1e-5 * np.abs(y).max(), strict=True)


@pytest.mark.parametrize("configuration", CHAINS, ids=lambda each: each.title)
def test_every_layer_gives_the_same_answers(tmp_path: Path, configuration: Configuration) -> None:
    check_same(tmp_path, configuration.chain, configuration.x[1:])


def test_every_layer_is_tried() -> None:
    assert {type(layer).__name__ for each in CHAINS for layer in each.chain} == BY_NAME.keys()


def conv(c_in: int, c_out: int, size: int = 2) -> nn.Conv2D:
    return nn.Conv2D(c_in, c_out, size, bias_init="normal(0.1)", rng=c_out)


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ([conv(2, 3), nn.Flatten()], (4, 5, 2)),  # flattened, and no Dense behind that takes the order
        ([conv(2, 3), nn.Flatten(), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5)], (4, 5, 2)),
        ([conv(2, 3), nn.Flatten(), nn.Tanh(), nn.ContrastNormalization(), nn.Dense(36, 4, rng=0)], (4, 5, 2)),
        ([conv(2, 3), nn.Flatten(), nn.Dense(36, 12, rng=0), nn.Flatten(), nn.Dense(12, 2, rng=0)], (4, 5, 2)),
        ([conv(1, 3), conv(3, 1), nn.Flatten(), nn.Dense(6, 4, rng=0)], (4, 5, 1)),  # one channel at both ends
        ([conv(1, 3), conv(3, 1)], (4, 5, 1)),
        ([conv(2, 3), nn.Flatten(), nn.Dense(3, 4, rng=0)], (2, 2, 2)),  # one pixel
        ([conv(2, 3), nn.Flatten()], (2, 2, 2)),
        ([nn.MaxPool2D(2), nn.ContrastNormalization(), nn.AveragePool2D((2, 1))], (7, 5, 3)),
        ([nn.ContrastNormalization(), nn.Sigmoid()], (3, 4, 2, 2)),
        ([nn.Flatten(), nn.Dense(12, 3, rng=0)], (2, 3, 2)),
        ([nn.Dropout(0.5)], (5,)),  # nothing at all
    ],
    ids=str,
)  # fmt: skip
def test_the_order_of_pixels_and_channels(tmp_path: Path, layers: list[nn.Layer], shape: tuple[int, ...]) -> None:
    check_same(tmp_path, layers, shape)


def test_pictures_are_turned_once_and_for_one_channel_not_at_all() -> None:
    layers = [conv(1, 3), nn.MaxPool2D(2), conv(3, 2), nn.Flatten(), nn.Dense(8, 4)]
    graph, _ = graph_of(layers, (7, 7, 1))
    assert [node.op_type for node in graph.nodes] == ["Reshape", "Conv", "MaxPool", "Conv", "Flatten", "Gemm"]
    graph, _ = graph_of([conv(3, 3), nn.ReLU(), conv(3, 2)], (7, 7, 3))
    assert [node.op_type for node in graph.nodes] == ["Transpose", "Conv", "Relu", "Conv", "Transpose"]


def test_two_chains_stand_in_one_graph(tmp_path: Path) -> None:
    first, second = [nn.Dense(3, 4, rng=0), nn.ReLU()], [nn.Dense(4, 2, rng=1), nn.Tanh()]
    graph = Graph("test")
    y = add_layers(graph, second, add_layers(graph, first, "x", (3,)), (4,))
    graph.save(tmp_path / "y.onnx", inputs={"x": (np.float32, ("N", 3))}, outputs={y: (np.float32, ("N", 2))})
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    found = ort.InferenceSession(tmp_path / "y.onnx").run(None, {"x": x})[0]
    np.testing.assert_allclose(found, nn.Sequential(*first, *second).forward(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("level", [0.0, 1.0, 200.0])
def test_contrast_normalization_keeps_the_digits_of_bright_pictures(tmp_path: Path, level: float) -> None:
    layers, shape = [nn.ContrastNormalization()], (96, 96, 1)
    run = session(tmp_path, layers, shape)
    x = (level + np.random.default_rng(0).random((2, *shape)) * 0.1).astype(np.float32)
    x[1] = level  # an empty wall
    np.testing.assert_allclose(run(x), nn.Sequential(*layers).forward(x), rtol=1e-6, atol=1e-7)


def test_nan_and_infinity_in_between(tmp_path: Path) -> None:
    """Where ONNX Runtime differs, docs/interchange.md says so: its maximum forgets NaN."""
    x = np.array([[np.nan, 1.0, -np.inf, np.inf]], np.float32)
    relu = session(tmp_path, [nn.ReLU()], (4,))(x)
    np.testing.assert_array_equal(relu, [[np.nan, 1, 0, np.inf]])
    assert session(tmp_path, [nn.MaxPool2D(2)], (2, 2, 1))(x.reshape(1, 2, 2, 1)).item() == np.inf


class Doubled(nn.Layer):
    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        return 2 * x

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape


class LouderReLU(nn.ReLU):
    pass


@pytest.mark.parametrize("layer", [Doubled(), LouderReLU()])
def test_a_layer_of_ones_own_is_named(layer: nn.Layer) -> None:
    with pytest.raises(ValueError, match=rf"test: got {type(layer).__name__}\(\), a layer of your own, .*MaxPool2D"):
        graph_of([nn.ReLU(), layer], (3,))


def test_float64_is_refused() -> None:
    for layer, shape in ((nn.Dense(3, 2), (3,)), (nn.Conv2D(1, 2, 3), (5, 5, 1))):
        with pytest.raises(ValueError, match=r"of float64, expected float32.*astype\(np.float32\)"):
            graph_of([layer.astype(np.float64)], shape)


def test_weights_that_do_not_fit_or_are_not_finite() -> None:
    layer = nn.Dense(3, 2, rng=0)
    layer.params["weight"][1, 1] = np.nan
    with pytest.raises(nn.NotFiniteError, match=r"Dense\(3, 2\): got weight with 1 of 6"):
        graph_of([layer], (3,))
    layer.params["weight"] = np.ones((2, 3), np.float32)
    with pytest.raises(ValueError, match=r"got weight of shape \(2, 3\), expected \(3, 2\)"):
        graph_of([layer], (3,))
    layer = nn.Dense(3, 2, rng=0)
    del layer.params["weight"]
    with pytest.raises(ValueError, match=r"got parameters \['bias'\], expected \['bias', 'weight'\]"):
        graph_of([layer], (3,))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(nn.Dense(3, 2), (4,)), (nn.Dense(3, 2), (1, 1, 3)),
     (nn.Conv2D(2, 3, 3), (5, 5, 1)), (nn.MaxPool2D(3), (2, 9, 1))],
    ids=str,
)  # fmt: skip
def test_sizes_that_do_not_fit(layer: nn.Layer, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"got .*, expected .*; "):
        graph_of([layer], shape)
