"""A chain of ONNX operators as a network."""

from __future__ import annotations

import os

from nnscratch.interchange.onnx_chain import chain
from nnscratch.interchange.onnx_file import OnnxFile
from nnscratch.interchange.onnx_network import KINDS, NetworkOfOperators
from nnscratch.model import Sequential


def import_onnx(path: str | os.PathLike[str]) -> Sequential:
    """The network in an ONNX file, whichever program wrote it: PyTorch, Keras, scikit-learn, this.

    The file must be a chain of operators that the library has as layers: Conv, MaxPool,
    AveragePool, Gemm, MatMul, Add of a bias, Relu, LeakyRelu, Sigmoid, Tanh, Flatten, Dropout, and
    what `export_onnx` writes for a `ContrastNormalization`. Operators that only move or convert
    numbers are followed: Transpose, Reshape, Cast, Identity.

    Pictures are (N, H, W, C) here. The network takes and gives such ones also where the file has
    (N, C, H, W), as PyTorch's: transpose the x that you gave PyTorch by (0, 2, 3, 1). What else the
    network takes, such as rows or a picture that is flattened first, is as the file has it. The
    network is of the weights' dtype, and knows the input's shape (`summary`, `export_onnx`).

    Raises
        ValueError     : the file is damaged, over 1 GiB or no ONNX file; it has several inputs or
            outputs, a branch, or an operator that is no layer here: the first one is named, and
            what the library has; its weights are in a file that is not beside it
        NotFiniteError : a weight is NaN or infinite
        ImportError    : the package onnx is missing
        OSError        : there is no such file, or it is a folder

    >>> import tempfile, nnscratch as nn
    >>> model = nn.Sequential(nn.Conv2D(1, 8, 3, rng=0), nn.ReLU(), nn.Flatten(), nn.Dense(128, 5))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     nn.export_onnx(model, folder + "/model.onnx", input_shape=(6, 6, 1))
    ...     nn.import_onnx(folder + "/model.onnx")
    Sequential(
        Conv2D(1, 8, 3),
        ReLU(),
        Flatten(),
        Dense(128, 5),
    )
    """
    file = OnnxFile("import_onnx", path)
    network = NetworkOfOperators(file)
    for operator in chain(file, KINDS, network.sizes):
        network.add(operator)
    return network.finished()
