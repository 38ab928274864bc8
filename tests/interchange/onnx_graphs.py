"""ONNX files from their text form, and what ONNX Runtime makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")


def numbers(*shape: int, dtype: Any = np.float32, seed: int = 0) -> np.ndarray:
    """Random weights, none of them 0."""
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def written(
    folder: Path,
    body: str,
    x: str = "float[N,3] x",
    y: str = "float[N,2] y",
    constants: Mapping[str, np.ndarray] | None = None,
    version: int = 17,
    name: str = "graph.onnx",
) -> Path:
    """A file with the operators of `body`, such as "y = MatMul(x, w)".

    constants : name -> array;  version : of the operators
    """
    kinds = f'ir_version: 8, opset_import: ["" : {version}, "own" : 1]'
    model = onnx.parser.parse_model(f"<{kinds}> test ({x}) => ({y}) {{ {body} }}")
    for key, array in (constants or {}).items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(array), key))
    path = folder / name
    path.write_bytes(model.SerializeToString())
    return path


def answers(path: Path, x: np.ndarray) -> np.ndarray:
    """What ONNX Runtime computes."""
    engine = pytest.importorskip("onnxruntime").InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.asarray(engine.run(None, {engine.get_inputs()[0].name: x})[0])
