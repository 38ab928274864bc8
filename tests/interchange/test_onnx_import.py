"""ONNX files of other programs, and of our own, give the same answers as networks."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.gradient_check.configurations import CONFIGURATIONS, Configuration
from nnscratch.keypoints import networks
from tests.interchange.onnx_graphs import written

pytest.importorskip("onnx")

EXPORTED = Path(__file__).parent / "exported"
NAMES = sorted(path.stem for path in EXPORTED.glob("*.onnx"))
CNN = [
    "Conv2D(2, 3, 3, padding=1)", "ReLU()", "MaxPool2D(2)", "Conv2D(3, 4, 2)", "LeakyReLU(negative_slope=0.2)",
    "AveragePool2D(2, stride=1)", "Flatten()", "Dense(8, 5)", "Sigmoid()", "Dense(5, 2)",
]  # fmt: skip
VIEWED = [
    "Conv2D(2, 3, 3, stride=(1, 2), padding=(1, 0))", "ReLU()", "Flatten()", "Dense(36, 4)", "LeakyReLU()",
    "Dense(4, 2, bias=False)", "Tanh()",
]  # fmt: skip
MLP = ["Flatten()", "Dense(12, 3)", "Tanh()", "Dense(3, 2)"]
LAYERS = {
    "keras_cnn": [*CNN, "Tanh()"],
    "sklearn_relu": ["Dense(5, 4)", "ReLU()", "Dense(4, 3)", "ReLU()", "Dense(3, 3)"],
    "sklearn_tanh": ["Dense(5, 4)", "Tanh()", "Dense(4, 3)", "Tanh()", "Dense(3, 1)"],
    "torch_cnn": CNN,
    "torch_mlp": MLP,
    "torch_viewed": VIEWED,
    "torchscript_cnn": CNN,
    "torchscript_mlp": MLP,
    "torchscript_viewed": VIEWED,
}


@pytest.mark.parametrize("name", NAMES)
def test_the_answers_of_the_program_that_exported(name: str) -> None:
    model = nn.import_onnx(EXPORTED / f"{name}.onnx")
    assert [repr(layer) for layer in model.layers] == LAYERS[name]
    with np.load(EXPORTED / f"{name}.npz") as kept:
        x, y = kept["x"], kept["y"]
    if name.startswith("torch") and "mlp" not in name:
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    np.testing.assert_allclose(model.predict(x), y, rtol=0, atol=1e-5 * np.abs(y).max(), strict=True)


def test_the_network_learns() -> None:
    model = nn.import_onnx(EXPORTED / "sklearn_relu.onnx")
    x, loss, optimizer = np.ones((4, 5), np.float32), nn.MSELoss(), nn.SGD(model, lr=0.1)
    losses = []
    for _ in range(5):
        losses.append(loss.forward(model.forward(x, training=True), np.ones((4, 3), np.float32)))
        model.backward(loss.backward())
        optimizer.step()
    assert losses[-1] < 0.9 * losses[0]


def test_it_knows_its_input_shape(tmp_path: Path) -> None:
    model = nn.import_onnx(EXPORTED / "torch_cnn.onnx")
    assert "8, 7, 2" in model.summary()
    nn.export_onnx(model, tmp_path / "again.onnx")
    nn.save(model, tmp_path / "model.npz")
    x = np.ones((2, 8, 7, 2), np.float32)
    for other in (nn.import_onnx(tmp_path / "again.onnx"), nn.load(tmp_path / "model.npz")):
        np.testing.assert_array_equal(other.forward(x), model.forward(x))


def same_network(model: nn.Sequential, other: nn.Sequential) -> None:
    """Layers, weights and answers; what is left out of the file is left out of the comparison."""
    kept = [layer for layer in model.layers if not isinstance(layer, nn.Dropout)]
    assert len(other.layers) == len(kept)
    for layer, another in zip(kept, other.layers, strict=True):
        assert type(another) is type(layer)
        first_weights = {"weight_init": None, "bias_init": None}  # are not in the file
        assert another.config() | first_weights == layer.config() | first_weights
        assert layer.params.keys() == another.params.keys()
        for name, array in layer.params.items():
            np.testing.assert_array_equal(another.params[name], array, strict=True)


@pytest.mark.parametrize("configuration", [c for c in CONFIGURATIONS if c.chain], ids=lambda each: each.title)
def test_an_exported_network_comes_back(tmp_path: Path, configuration: Configuration) -> None:
    model, path = nn.Sequential(*configuration.chain), tmp_path / "model.onnx"
    nn.export_onnx(model, path, input_shape=configuration.x[1:])
    if configuration.names == {"Dropout"}:
        with pytest.raises(ValueError, match="got a graph that computes nothing"):
            nn.import_onnx(path)
        return
    other = nn.import_onnx(path)
    same_network(model, other)
    assert other._seen_shape == configuration.x[1:]


def test_the_report_s_network_comes_back(tmp_path: Path) -> None:
    model = networks.report_cnn(rng=0)
    nn.export_onnx(model, tmp_path / "model.onnx", input_shape=(96, 96, 1))
    same_network(model, nn.import_onnx(tmp_path / "model.onnx"))


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ([nn.Conv2D(2, 3, 2), nn.Flatten()], (4, 5, 2)),
        ([nn.Conv2D(2, 3, 2), nn.Flatten(), nn.Tanh(), nn.ContrastNormalization(), nn.Dense(36, 4)], (4, 5, 2)),
        ([nn.Conv2D(2, 3, 2), nn.Flatten(), nn.Dense(36, 12), nn.Flatten(), nn.Dense(12, 2)], (4, 5, 2)),
        ([nn.Conv2D(1, 3, 2), nn.Conv2D(3, 1, 2), nn.Flatten(), nn.Dense(6, 4)], (4, 5, 1)),
        ([nn.Conv2D(1, 3, 2), nn.Conv2D(3, 1, 2)], (4, 5, 1)),
        ([nn.Conv2D(5, 3, 1), nn.ReLU()], (1, 1, 5)),
        ([nn.Conv2D(1, 3, 1), nn.ReLU()], (1, 4, 1)),
        ([nn.MaxPool2D(2), nn.ContrastNormalization(0.1, floor=2.0), nn.AveragePool2D((2, 1))], (7, 5, 3)),
        ([nn.ContrastNormalization(), nn.ContrastNormalization(1.0), nn.Sigmoid()], (3, 4, 2, 2)),
        ([nn.Flatten(), nn.Dense(12, 3)], (2, 3, 2)),
    ],
    ids=str,
)
def test_the_order_of_pixels_comes_back(tmp_path: Path, layers: list[nn.Layer], shape: tuple[int, ...]) -> None:
    model = nn.Sequential(*layers)
    nn.export_onnx(model, tmp_path / "model.onnx", input_shape=shape)
    other = nn.import_onnx(tmp_path / "model.onnx")
    same_network(model, other)
    assert other._seen_shape == shape


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"^import_onnx: got no package onnx .*pip install 'nnscratch\[onnx\]'"):
        nn.import_onnx(EXPORTED / "torch_cnn.onnx")


def test_an_unknown_operator_is_named_and_what_the_library_has(tmp_path: Path) -> None:
    path = written(tmp_path, "a = MatMul(x, w) y = Softmax(a)", constants={"w": np.ones((3, 2), np.float32)})
    with pytest.raises(ValueError, match=r"got Softmax \(node 'y'\), expected one of Add AveragePool .* Transpose; "):
        nn.import_onnx(path)
