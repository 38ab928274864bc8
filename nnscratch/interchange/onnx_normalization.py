"""A ContrastNormalization as ONNX operators: written, and recognised when it is read.

ONNX has no operator with a floor under the standard deviation. The ten that stand for one compute
in float64, as the layer does: a float32 sum of many pixels loses digits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnscratch.interchange.onnx_file import OnnxFile, is_standard
from nnscratch.interchange.onnx_graph import Graph
from nnscratch.layers import ContrastNormalization

# Each operator with its inputs: 0 is x, 1 what the first operator gives, 2 the second, and so on;
# names stand for the layer's arguments.
_OPERATORS: tuple[tuple[str, tuple[int | str, ...]], ...] = (
    ("Cast", (0,)),  # to float64
    ("ReduceMean", (1,)),  # m
    ("Sub", (1, 2)),  # x - m
    ("Mul", (3, 3)),
    ("ReduceMean", (4,)),
    ("Sqrt", (5,)),  # std
    ("Max", (6, "floor")),  # s
    ("Div", ("spread", 7)),
    ("Mul", (3, 8)),  # y
    ("Cast", (9,)),  # to float32
)


def add_normalization(graph: Graph, layer: ContrastNormalization, x: str, axes: int) -> str:
    """Adds the operators; returns the name of what the last one gives.

    x : name of a float32 value;  axes : how many it has, with N

    >>> graph = Graph("example")
    >>> add_normalization(graph, ContrastNormalization(), "x", 4)
    'cast_9'
    """
    values = [x]
    attributes = _attributes(graph.onnx, axes)
    for (kind, inputs), own in zip(_OPERATORS, attributes, strict=True):
        names = [
            graph.constant(np.float64(getattr(layer, each))) if isinstance(each, str) else values[each]
            for each in inputs
        ]
        values.append(graph.add(kind, *names, **own))
    return values[-1]


def find_normalization(file: OnnxFile, first: Any, x: str, axes: int) -> tuple[dict[str, float], str] | None:
    """The layer's arguments, and the name of what the last operator gives; None: it is none.

    first : the node that would be the first operator;  x : the name of what it takes
    axes  : how many that has, with N
    """
    place = file.positions.get(first.output[0], len(file.nodes))
    nodes = file.nodes[place : place + len(_OPERATORS)]
    kinds = [(node.op_type, len(node.input)) for node in nodes if is_standard(node)]
    if kinds != [(kind, len(inputs)) for kind, inputs in _OPERATORS]:
        return None
    values, arguments = [x], dict[str, float]()
    for node, (_, inputs) in zip(nodes, _OPERATORS, strict=True):
        for name, expected in zip(node.input, inputs, strict=True):
            constant = file.constant(name) if isinstance(expected, str) else None
            if isinstance(expected, str) and constant is not None and constant.size == 1:
                arguments[expected] = float(constant.item())
            elif isinstance(expected, str) or name != values[expected]:
                return None
        values.append(node.output[0])
    expected_attributes = _attributes(file.onnx, axes)
    found = [file.attributes(node) for node in nodes]
    return (arguments, values[-1]) if found == expected_attributes else None


def _attributes(onnx: Any, axes: int) -> list[dict[str, Any]]:
    """The attributes of each operator."""
    own: dict[int, dict[str, Any]] = {
        0: {"to": int(onnx.TensorProto.DOUBLE)},
        1: {"axes": list(range(1, axes))},
        4: {"axes": list(range(1, axes))},
        9: {"to": int(onnx.TensorProto.FLOAT)},
    }
    return [own.get(i, {}) for i in range(len(_OPERATORS))]
