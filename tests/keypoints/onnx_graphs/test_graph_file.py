"""The file of a whole graph."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from nnscratch.interchange.onnx_graph import Graph
from nnscratch.keypoints.faces import POINTS
from nnscratch.keypoints.onnx_graphs.graph_file import write_graph
from tests.keypoints.onnx_graphs.computed import run_file

onnx = pytest.importorskip("onnx")


def add_means(graph: Graph, x: str) -> str:
    """(N, 15, 2) float64: all of them the mean pixel."""
    mean = graph.add("ReduceMean", x, axes=[1, 2], keepdims=1)
    mean = graph.add("Cast", mean, to=graph.onnx.TensorProto.DOUBLE)
    return graph.add("Mul", mean, graph.constant(np.ones((15, 2))))


def write(path: Path) -> Path:
    return write_graph("test", path, "means.onnx", add_means, what="A test")


def test_a_file_from_images_to_points(tmp_path: Path) -> None:
    path = write(tmp_path / "own name.onnx")
    assert path == tmp_path / "own name.onnx"
    (points,) = run_file(path, images=np.full((2, 96, 96), 64, np.uint8))
    np.testing.assert_array_equal(points, np.full((2, 15, 2), 0.25, np.float32), strict=True)
    model = onnx.load(path)
    assert [value.name for value in (*model.graph.input, *model.graph.output)] == ["images", "points"]
    assert model.doc_string.startswith("A test of nnscratch")
    assert all(name in model.doc_string for name in POINTS)
    assert max(map(len, model.doc_string.splitlines()[:3])) <= 120


def test_a_folder_gets_the_usual_name(tmp_path: Path) -> None:
    assert write(tmp_path) == tmp_path / "means.onnx"
    assert [path.name for path in tmp_path.iterdir()] == ["means.onnx"]


def test_a_missing_folder_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "none" / "x.onnx")
    assert list(tmp_path.iterdir()) == []


def test_without_onnx_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"test: got no package onnx .*pip install 'nnscratch\[onnx\]'"):
        write(tmp_path / "x.onnx")
    assert list(tmp_path.iterdir()) == []
