"""Weights in a file beside an ONNX file, as PyTorch exports them by default."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.interchange import onnx_file
from tests.interchange.onnx_graphs import onnx

EXPORTED = Path(__file__).parent / "exported"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """All weights in model.data: 12 x 3, 3, 3 x 2 and 2 numbers."""
    folder = tmp_path / "folder"
    folder.mkdir()
    model = onnx.load(EXPORTED / "torchscript_mlp.onnx")
    onnx.save(model, folder / "model.onnx", save_as_external_data=True, size_threshold=0, location="model.data")
    return folder / "model.onnx"


def change(path: Path, **entries: str) -> None:
    """Sets where the first tensor lies."""
    model = onnx.load(path, load_external_data=False)
    tensor = model.graph.initializer[0]
    del tensor.external_data[:]
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())


def test_the_same_network(path: Path) -> None:
    expected, found = nn.import_onnx(EXPORTED / "torchscript_mlp.onnx"), nn.import_onnx(path)
    for ours, theirs in zip(found.parameters(), expected.parameters(), strict=True):
        np.testing.assert_array_equal(ours, theirs, strict=True)


def test_a_tensor_that_is_a_whole_file(path: Path) -> None:
    weight = np.arange(36, dtype=np.float32)
    (path.parent / "first.data").write_bytes(weight.tobytes())
    change(path, location="first.data")
    np.testing.assert_array_equal(nn.import_onnx(path).layers[1].params["weight"], weight.reshape(3, 12).T)


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({"location": "other.data"}, "its weights are in 'other.data', which is not beside it"),
        ({"location": "../model.data"}, "which is no name of a file beside it"),
        ({"location": "/etc/passwd"}, "which is no name of a file beside it"),
        ({"location": "C:\\model.data"}, "which is no name of a file beside it"),
        ({"location": ".."}, "which is no name of a file beside it"),
        ({"offset": "0"}, "its weights are in '', which is no name of a file beside it"),
        ({"location": "sub"}, "which cannot be read"),
        ({"location": "model.data", "offset": "-4"}, "its weights lie at '-4'"),
        ({"location": "model.data", "offset": "1e3"}, "its weights lie at '1e3'"),
        ({"location": "model.data", "offset": "9" * 30}, "its weights lie at '999"),
        ({"location": "model.data", "offset": "99999999"}, "are not wholly in 'model.data'"),
        ({"location": "model.data", "length": "99999"}, "are not wholly in 'model.data'"),
        ({"location": "model.data", "length": "8"}, "expected an ONNX file"),
    ],
)
def test_a_place_that_is_none(path: Path, entries: dict[str, str], reason: str) -> None:
    (path.parent / "sub").mkdir()
    (path.parent.parent / "model.data").write_bytes((path.parent / "model.data").read_bytes())
    change(path, **entries)
    with pytest.raises(ValueError, match=r"model\.onnx: got a damaged file \(.*") as error:
        nn.import_onnx(path)
    assert reason in str(error.value)


def test_a_huge_file_beside_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = 4 * (12 * 3 + 3 + 3 * 2 + 2)
    monkeypatch.setattr(onnx_file, "MOST_BYTES", path.stat().st_size + numbers)
    nn.import_onnx(path)
    monkeypatch.setattr(onnx_file, "MOST_BYTES", path.stat().st_size + numbers - 1)
    with pytest.raises(ValueError, match="it has more than [0-9]* bytes"):
        nn.import_onnx(path)


def test_one_file_taken_many_times(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path.parent / "model.data").write_bytes(bytes(12 * 3 * 4))
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        del tensor.external_data[1:]  # each has the whole file
    path.write_bytes(model.SerializeToString())
    monkeypatch.setattr(onnx_file, "MOST_BYTES", path.stat().st_size + 12 * 3 * 4)
    with pytest.raises(ValueError, match="its weights have too many bytes"):
        nn.import_onnx(path)


def test_a_constant_in_another_file(path: Path) -> None:
    model = onnx.load(path, load_external_data=False)
    tensor = model.graph.initializer[0]
    node = onnx.helper.make_node("Constant", [], [tensor.name], value=tensor)
    model.graph.node.insert(0, node)
    del model.graph.initializer[0]
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ValueError, match=r"got Constant \(node .*\) with a graph or a file of its own"):
        nn.import_onnx(path)
