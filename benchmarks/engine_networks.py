"""The networks that benchmarks give to every engine, and their ONNX files.

All networks are without dropout: their layers `Dropout` are left out, or made with a rate of 0.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

import nnscratch as nn
from nnscratch.keypoints import networks
from nnscratch.keypoints.recipe import Recipe

Network = Callable[[], nn.Sequential]


@cache
def best_recipe() -> Recipe:
    """That of examples/train_cnn.py --recipe best."""
    recipe: Recipe = runpy.run_path(str(Path(__file__).parent.parent / "examples" / "train_cnn.py"))["RECIPES"]["best"]
    return recipe


def best_network() -> nn.Sequential:
    """The best recipe's network, without its dropout."""
    network = best_recipe().network(np.random.default_rng(0))
    return nn.Sequential(*(layer for layer in network.layers if not isinstance(layer, nn.Dropout)))


# Each with the same first weights every time.
PUBLISHED: dict[str, Network] = {
    "report CNN": lambda: networks.report_cnn(rng=0, dropout=0.0),
    "report large CNN": lambda: networks.report_large_cnn(rng=0, dropout=0.0),
    "kfkd net2": lambda: networks.kfkd(rng=0),
    "report MLP": lambda: networks.report_mlp(rng=0),
}
NETWORKS: dict[str, Network] = {**PUBLISHED, "deep CNN": best_network}


def write_onnx(model: nn.Sequential, path: Path) -> None:
    """The network as `nn.export_onnx` writes it, in float32 throughout.

    The exporter normalizes contrast in float64; nnscratch's own step is quicker there, and so may
    the others be.
    """
    import onnx

    nn.export_onnx(model, path, input_shape=(96, 96, 1))
    file = onnx.load(path)
    for node in file.graph.node:
        for attribute in node.attribute if node.op_type == "Cast" else []:
            attribute.i = onnx.TensorProto.FLOAT
    for array in file.graph.initializer:
        if array.data_type == onnx.TensorProto.DOUBLE:
            numbers = onnx.numpy_helper.to_array(array).astype(np.float32)
            array.CopyFrom(onnx.numpy_helper.from_array(numbers, array.name))
    onnx.save(file, path)
