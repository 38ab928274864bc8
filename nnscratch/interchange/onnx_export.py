"""A trained network as an ONNX file, which many engines run."""

from __future__ import annotations

import os
from contextlib import suppress

import numpy as np

from nnscratch.checks import whole_number
from nnscratch.interchange.onnx_graph import Graph
from nnscratch.interchange.onnx_layers import add_layers, check_known
from nnscratch.interchange.state_dict import check_sequential
from nnscratch.layers import Conv2D, Dense, Flatten
from nnscratch.model import Sequential
from nnscratch.summary import smallest_input


def export_onnx(model: Sequential, path: str | os.PathLike[str], *, input_shape: tuple[int, ...] | None = None) -> None:
    """Writes the network to an ONNX file, whole or not at all.

    The graph takes "x" and gives "y", both float32 and in the layout of `model.forward`: the same
    arrays go in and come out, in batches of any size. It computes what the network does outside of
    training, to rounding. Pictures are turned to ONNX's (N, C, H, W) inside, where a convolution or
    a pooling needs it; `Dropout` is left out. `pip install 'nnscratch[onnx]'` brings what it needs.

    input_shape : of one x without N, such as (96, 96, 1). None stands for the shape of the last
        forward pass. Before any pass it is worked out as `model.summary` does, the smallest square
        picture that fits, if a convolution and a Dense layer determine it

    Raises
        ValueError     : no Sequential; a layer of your own, or a network of float64; the layers do
            not fit each other or input_shape; input_shape is needed, and neither given nor known
        NotFiniteError : a weight is NaN or infinite
        ImportError    : the package onnx is missing
        OSError        : the folder is missing or cannot be written, or path is a folder

    >>> import tempfile, nnscratch as nn
    >>> model = nn.Sequential(nn.Conv2D(1, 8, 3, rng=0), nn.ReLU(), nn.Flatten(), nn.Dense(128, 5))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     nn.export_onnx(model, folder + "/model.onnx", input_shape=(6, 6, 1))
    ...     nn.import_onnx(folder + "/model.onnx").layers
    [Conv2D(1, 8, 3), ReLU(), Flatten(), Dense(128, 5)]
    """
    where = "export_onnx"
    check_sequential(where, model)
    check_known(where, model.layers)
    shape = _input_shape(where, model, input_shape)
    graph = Graph(where)
    y = graph.rename(add_layers(graph, model.layers, "x", shape), "y")
    graph.save(
        path,
        inputs={"x": (np.float32, ("N", *shape))},
        outputs={y: (np.float32, ("N", *_output_shape(model, shape)))},
        description=repr(model),
    )


def _input_shape(where: str, model: Sequential, given: tuple[int, ...] | None) -> tuple[int, ...]:
    """Shape of one x, without N, as `export_onnx` says; ValueError if it is not known."""
    if given is not None:
        if not isinstance(given, tuple | list) or not given:
            raise ValueError(
                f"{where}: got input_shape={given!r}, expected a tuple of whole numbers; it is the shape of one x "
                "without N, such as (96, 96, 1)"
            )
        return tuple(whole_number(where, "input_shape", length) for length in given)
    if model._seen_shape is not None:
        with suppress(ValueError):  # other layers may have come since that pass
            _output_shape(model, model._seen_shape)
            return model._seen_shape
    first = next((layer for layer in model.layers if isinstance(layer, Dense | Conv2D | Flatten)), None)
    has_dense = any(isinstance(layer, Dense) for layer in model.layers)
    if not has_dense or isinstance(first, Flatten):  # anything could be flattened
        raise ValueError(
            f"{where}: got no input_shape, and the layers do not determine it, expected the shape of one x; pass it, "
            "such as input_shape=(96, 96, 1), or run the network once"
        )
    return smallest_input(model.layers, where)


def _output_shape(model: Sequential, shape: tuple[int, ...]) -> tuple[int, ...]:
    for layer in model.layers:
        shape = layer.output_shape(shape)
    return shape
