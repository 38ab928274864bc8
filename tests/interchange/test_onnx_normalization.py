"""A ContrastNormalization in ONNX's operators; its answers: test_onnx_layers.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.interchange.onnx_file import OnnxFile
from nnscratch.interchange.onnx_normalization import find_normalization
from tests.interchange.onnx_graphs import onnx


def found(path: Path) -> tuple[dict[str, float], str] | None:
    file = OnnxFile("test", path)
    return find_normalization(file, file.nodes[0], "x", axes=4)


def normalization(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    nn.export_onnx(nn.Sequential(nn.ContrastNormalization(0.5, 0.125), nn.Tanh()), path, input_shape=(4, 3, 1))
    return path


def test_it_is_recognised(tmp_path: Path) -> None:
    assert found(normalization(tmp_path)) == ({"spread": 0.5, "floor": 0.125}, "cast_9")


@pytest.mark.parametrize(
    "change", ["axes", "keepdims", "operator", "domain", "inputs", "wiring", "precision", "constant"]
)
def test_what_only_looks_like_it_is_not(tmp_path: Path, change: str) -> None:
    path = normalization(tmp_path)
    model = onnx.load(path)
    nodes = {node.op_type: node for node in model.graph.node}
    if change == "axes":
        nodes["ReduceMean"].attribute[0].ints[:] = [1, 2]
    elif change == "keepdims":
        nodes["ReduceMean"].attribute.append(onnx.helper.make_attribute("keepdims", 0))
    elif change == "operator":
        nodes["Max"].op_type = "Min"
    elif change == "domain":
        nodes["Max"].domain = "own"
        model.opset_import.append(onnx.helper.make_opsetid("own", 1))
    elif change == "inputs":
        nodes["Max"].input.append(nodes["Max"].input[1])
    elif change == "wiring":
        nodes["Div"].input[:] = nodes["Div"].input[::-1]
    elif change == "precision":
        for node in model.graph.node:
            if node.op_type == "Cast":
                node.attribute[0].i = onnx.TensorProto.FLOAT
        for tensor in model.graph.initializer:
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.float32(0.5), tensor.name))
    elif change == "constant":
        tensor = model.graph.initializer[0]
        tensor.CopyFrom(onnx.numpy_helper.from_array(np.ones((4, 3, 1)), tensor.name))
    onnx.save(model, path)
    assert found(path) is None
