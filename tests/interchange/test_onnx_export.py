"""Networks as ONNX files: ONNX Runtime gives the network's own answers."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints import networks
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.summary import smallest_input

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

ROOT = Path(__file__).parent.parent.parent


def run(path: Path, x: np.ndarray) -> np.ndarray:
    return ort.InferenceSession(path, providers=["CPUExecutionProvider"]).run(["y"], {"x": x})[0]


def small() -> nn.Sequential:
    """(N, 8, 8, 1) -> (N, 5); for no smaller square picture."""
    return nn.Sequential(nn.Conv2D(1, 8, 3, rng=0), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(72, 5, rng=0))


def shapes(path: Path) -> tuple[tuple[object, ...], ...]:
    """Those of the graph's input and output."""
    graph = onnx.load(path).graph
    values = (*graph.input, *graph.output)
    return tuple(tuple(d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim) for value in values)


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return draw_faces(100, seed=0).x


def from_example(name: str) -> Callable[..., nn.Sequential]:
    return lambda rng: runpy.run_path(str(ROOT / "examples" / "train_cnn.py"))["NETWORKS"][name](rng=rng)


NETWORKS = {**networks.NETWORKS, "small": from_example("small"), "deep": from_example("deep")}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_networks_for_faces(tmp_path: Path, faces: np.ndarray, name: str) -> None:
    model = NETWORKS[name](rng=np.random.default_rng(0))
    rng = np.random.default_rng(1)
    for layer in model.layers:  # biases are 0 at first
        if "bias" in layer.params:
            layer.params["bias"][:] = rng.normal(size=layer.params["bias"].shape)
    faces = faces[:20] if name == "kfkd" else faces  # for the time that it takes
    y = model.predict(faces)
    assert nn.export_onnx(model, tmp_path / "model.onnx") is None
    found = run(tmp_path / "model.onnx", faces)
    np.testing.assert_allclose(found, y, rtol=0, atol=1e-5 * np.abs(y).max(), strict=True)
    single = run(tmp_path / "model.onnx", faces[:1])
    np.testing.assert_allclose(single, y[:1], rtol=0, atol=1e-5 * np.abs(y).max(), strict=True)


def test_what_the_file_says_of_itself(tmp_path: Path) -> None:
    nn.export_onnx(small(), tmp_path / "model.onnx", input_shape=(8, 8, 1))
    model = onnx.load(tmp_path / "model.onnx")
    assert [value.name for value in (*model.graph.input, *model.graph.output)] == ["x", "y"]
    assert shapes(tmp_path / "model.onnx") == (("N", 8, 8, 1), ("N", 5))
    assert model.doc_string == repr(small())
    nn.export_onnx(small(), tmp_path / "again.onnx", input_shape=(8, 8, 1))
    assert (tmp_path / "again.onnx").read_bytes() == (tmp_path / "model.onnx").read_bytes()


def test_an_empty_batch(tmp_path: Path) -> None:
    nn.export_onnx(small(), tmp_path / "model.onnx", input_shape=(8, 8, 1))
    assert run(tmp_path / "model.onnx", np.zeros((0, 8, 8, 1), np.float32)).shape == (0, 5)


def test_a_network_that_does_nothing(tmp_path: Path) -> None:
    nn.export_onnx(nn.Sequential(nn.Dropout(0.5)), tmp_path / "model.onnx", input_shape=(3,))
    x = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(run(tmp_path / "model.onnx", x), x)


def test_the_input_shape(tmp_path: Path) -> None:
    path, model = tmp_path / "model.onnx", small()
    nn.export_onnx(model, path)  # worked out
    assert shapes(path)[0] == ("N", 8, 8, 1)
    model.forward(np.zeros((2, 9, 9, 1), np.float32))
    nn.export_onnx(model, path)  # the last pass's
    assert shapes(path)[0] == ("N", 9, 9, 1)
    nn.export_onnx(model, path, input_shape=(8, 9, 1))
    assert shapes(path)[0] == ("N", 8, 9, 1)
    model.layers[-2:] = [nn.Flatten(), nn.Dense(8, 5, rng=0)]  # so that the last pass's does not fit any more
    nn.export_onnx(model, path)
    assert shapes(path)[0] == ("N", *smallest_input(model.layers))
    nn.export_onnx(nn.Sequential(nn.Dropout(0.5), nn.Dense(3, 2)), path)
    assert shapes(path) == (("N", 3), ("N", 2))


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Flatten(), nn.Dense(12, 3)],  # rows, or pictures of any sides
        [nn.Conv2D(1, 2, 3), nn.ReLU()],
        [nn.ReLU()],
        [nn.Conv2D(1, 2, 3), nn.Flatten(), nn.Dense(3, 2)],  # no square picture fits
    ],
    ids=str,
)
def test_an_input_shape_that_cannot_be_known(tmp_path: Path, layers: list[nn.Layer]) -> None:
    with pytest.raises(ValueError, match=r"^export_onnx: got no input_shape, and the layers do not determine it"):
        nn.export_onnx(nn.Sequential(*layers), tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", [(), 8, "8", (8, 8.0, 1), (8, 0, 1), (8, -8, 1), (True, 8, 1), np.ones(3), {8}])
def test_no_input_shape(tmp_path: Path, shape: object) -> None:
    with pytest.raises(ValueError, match="^export_onnx: got input_shape=.*, expected a .*; "):
        nn.export_onnx(small(), tmp_path / "model.onnx", input_shape=shape)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 2), (2, 2, 1), (12, 12, 1), (72,)])
def test_an_input_shape_that_does_not_fit(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="got .*, expected .*; "):
        nn.export_onnx(small(), tmp_path / "model.onnx", input_shape=shape)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("model", [nn.Dense(3, 2), [nn.Dense(3, 2)], None, "model.npz"])
def test_no_network(tmp_path: Path, model: object) -> None:
    with pytest.raises(ValueError, match="^export_onnx: got a model of type .*, expected an nnscratch.Sequential"):
        nn.export_onnx(model, tmp_path / "model.onnx")  # type: ignore[arg-type]


class Own(nn.Layer):
    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        raise AssertionError("nobody should ask")


def test_what_cannot_be_exported_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with pytest.raises(ValueError, match=r"^export_onnx: got Own\(\), a layer of your own"):
        nn.export_onnx(nn.Sequential(nn.Dense(3, 2), Own()), path)
    with pytest.raises(ValueError, match=r"^export_onnx: got Dense\(3, 2\) of float64, expected float32"):
        nn.export_onnx(nn.Sequential(nn.Dense(3, 2, dtype=np.float64)), path)
    model = small()
    model.layers[0].params["bias"][3] = np.inf
    with pytest.raises(nn.NotFiniteError, match=r"Conv2D\(1, 8, 3\): got bias with 1 of 8"):
        nn.export_onnx(model, path)
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        nn.export_onnx(small(), tmp_path / "folder")
    with pytest.raises(FileNotFoundError):
        nn.export_onnx(small(), tmp_path / "missing" / "model.onnx")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]
    assert list((tmp_path / "folder").iterdir()) == []


def test_a_failed_export_leaves_the_old_file(tmp_path: Path) -> None:
    path, model = tmp_path / "model.onnx", small()
    nn.export_onnx(model, path)
    before = path.read_bytes()
    model.layers.append(Own())
    with pytest.raises(ValueError, match="a layer of your own"):
        nn.export_onnx(model, path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.onnx"]
    assert path.read_bytes() == before


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"^export_onnx: got no package onnx .*pip install 'nnscratch\[onnx\]'"):
        nn.export_onnx(small(), tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []
