"""What ONNX Runtime computes of a part of a graph: for all tests of such parts."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nnscratch.interchange.onnx_graph import Graph

pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")


def run_file(path: Path, **arrays: np.ndarray) -> list[np.ndarray]:
    """What ONNX Runtime, on one thread, gives for a file's graph and its inputs."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, arrays)


def check_same(
    add: Callable[..., str | tuple[str, ...]],
    arrays: dict[str, np.ndarray],
    *expected: np.ndarray,
    atol: float = 1e-10,
) -> None:
    """ONNX Runtime gives the expected arrays, with their dtypes and shapes.

    add    : add(graph, *names) adds operators for the values of these names; returns its results
    arrays : the values by their names; the first axis of each is N, or a multiple of it
    """
    graph = Graph("test")
    results = add(graph, *arrays)
    names = [results] if isinstance(results, str) else list(results)

    def kinds(of: dict[str, np.ndarray]) -> dict[str, tuple[np.dtype, tuple[int | str, ...]]]:
        return {name: (array.dtype, (f"rows of {name}", *array.shape[1:])) for name, array in of.items()}

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.onnx"
        graph.save(path, inputs=kinds(arrays), outputs=kinds(dict(zip(names, expected, strict=True))))
        found = run_file(path, **arrays)
    for each, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(each, wanted, rtol=0, atol=atol, strict=True)
