"""A graph in ONNX's terms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nnscratch.interchange import onnx_graph
from nnscratch.interchange.onnx_graph import FILE_VERSION, OPERATORS, Graph

onnx = pytest.importorskip("onnx")

ROWS: dict[str, tuple[type, tuple[int | str, ...]]] = {"x": (np.float32, ("N", 3))}


def doubled(graph: Graph) -> str:
    return graph.add("Mul", "x", graph.constant(np.float32(2)), name="y")


def test_a_saved_graph_passes_the_checker_and_names_its_versions(tmp_path: Path) -> None:
    graph = Graph("test")
    doubled(graph)
    graph.save(tmp_path / "y.onnx", inputs=ROWS, outputs={"y": ROWS["x"]}, description="twice x")
    model = onnx.load(tmp_path / "y.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert (model.ir_version, model.opset_import[0].version) == (FILE_VERSION, OPERATORS)
    assert (model.producer_name, model.doc_string) == ("nnscratch", "twice x")
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"


def test_equal_constants_are_kept_once_and_different_ones_apart() -> None:
    graph = Graph("test")
    names = [graph.constant(value) for value in (np.float32(1), np.float32(1), np.float64(1), [1], np.int32(1))]
    assert names[0] == names[1]
    assert len(set(names)) == 4


def test_constants_keep_their_shape_and_integers_are_int64() -> None:
    graph = Graph("test")
    graph.constant(np.float32(1)), graph.constant(np.ones((2, 3)).T), graph.constant(np.int32([[1]]))
    tensors = [onnx.numpy_helper.to_array(tensor) for tensor in graph._constants.values()]
    assert [(tensor.shape, tensor.dtype.name) for tensor in tensors] == [
        ((), "float32"),
        ((3, 2), "float64"),
        ((1, 1), "int64"),
    ]


def test_a_graph_that_the_checker_refuses_leaves_no_file(tmp_path: Path) -> None:
    graph = Graph("test")
    graph.add("Mul", "x", "nothing_of_that_name", name="y")
    with pytest.raises(onnx.checker.ValidationError):
        graph.save(tmp_path / "y.onnx", inputs=ROWS, outputs={"y": ROWS["x"]})
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_no_file_can_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_graph, "MOST_BYTES", 100)
    graph = Graph("test")
    doubled(graph)
    with pytest.raises(ValueError, match=r"test: got a graph of \d\d\d bytes, expected at most 100"):
        graph.save(tmp_path / "y.onnx", inputs=ROWS, outputs={"y": ROWS["x"]})
    assert list(tmp_path.iterdir()) == []


def test_a_renamed_value_keeps_its_readers() -> None:
    graph = Graph("test")
    first = graph.add("Relu", "x")
    graph.add("Mul", first, first)
    graph.rename(first, "y")
    assert [list(node.output) for node in graph.nodes] == [["y"], ["mul_1"]]
    assert list(graph.nodes[1].input) == ["y", "y"]
    assert graph.rename("x", "z") == "z"
    assert (graph.nodes[-1].op_type, list(graph.nodes[-1].input)) == ("Identity", ["x"])
