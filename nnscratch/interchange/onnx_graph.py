"""An ONNX graph while it is being written: operators, constants, and the names between."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from nnscratch.files import atomic
from nnscratch.interchange.extras import required

# Operators as of 2022: old enough for every engine in use. The second is the file format's version
# that came with them: a newer one would shut older engines out for nothing.
OPERATORS = 17
FILE_VERSION = 8
MOST_BYTES = (1 << 31) - 1  # of a file: Protocol Buffers, its format, counts with signed 32 bits


class Graph:
    """Operators and constants, added one by one; each value has a name.

    where : who writes it, for the messages

    Raises
        ImportError : the package onnx is missing

    >>> graph = Graph("example")
    >>> graph.add("Mul", graph.add("Relu", "x"), graph.constant(np.float32(2)))
    'mul_1'
    >>> [node.op_type for node in graph.nodes]
    ['Relu', 'Mul']
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self.onnx = required(where, "onnx", extra="onnx")
        self.nodes: list[Any] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], Any] = {}

    def add(self, operator: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """Adds one operator; returns the name of its output.

        operator   : ONNX's name for it, such as "Conv"
        inputs     : names of values; "" stands for an optional one that is left out
        name       : of the output; None: "operator_number"
        attributes : of the operator, as `onnx.helper.make_node` takes them
        """
        output = name or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(operator, list(inputs), [output], name=output, **attributes))
        return output

    def rename(self, value: str, name: str) -> str:
        """Gives an operator's output another name, such as that of the graph's output.

        A value that no operator made, such as the graph's input, gets an Identity behind it.

        >>> graph = Graph("example")
        >>> graph.rename(graph.add("Relu", "x"), "y"), graph.nodes[-1].output
        ('y', ['y'])
        """
        if all(value not in node.output for node in self.nodes):
            return self.add("Identity", value, name=name)
        for node in self.nodes:
            for names in (node.input, node.output):
                names[:] = [name if each == value else each for each in names]
        return name

    def constant(self, array: Any) -> str:
        """The name of a constant; equal ones of one dtype and shape are kept once.

        Integers become int64, which is what ONNX wants of shapes and indices.
        """
        # Not ascontiguousarray: it would give a single number an axis.
        array = np.array(array, order="C")
        if array.dtype.kind in "iu":
            array = array.astype(np.int64)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = f"constant_{len(self._constants)}"
            self._constants[key] = self.onnx.numpy_helper.from_array(array, name)
        return self._constants[key].name

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        inputs: dict[str, tuple[Any, tuple[int | str, ...]]],
        outputs: dict[str, tuple[Any, tuple[int | str, ...]]],
        description: str = "",
    ) -> None:
        """Checks the graph as ONNX's own checker does, and writes it: whole or not at all.

        inputs, outputs : name -> (dtype, shape); a string in a shape is a size that may vary

        Raises
            ValueError : the graph has more bytes than an ONNX file can hold
            OSError    : the folder is missing, or the file cannot be written
        """
        helper = self.onnx.helper
        graph = helper.make_graph(
            self.nodes,
            "nnscratch",
            [self._value(name, *kind) for name, kind in inputs.items()],
            [self._value(name, *kind) for name, kind in outputs.items()],
            list(self._constants.values()),
        )
        model = helper.make_model(
            graph,
            producer_name="nnscratch",
            doc_string=description,
            ir_version=FILE_VERSION,
            opset_imports=[helper.make_opsetid("", OPERATORS)],
        )
        if model.ByteSize() > MOST_BYTES:
            raise ValueError(
                f"{self.where}: got a graph of {model.ByteSize():,} bytes, expected at most {MOST_BYTES:,}, as "
                "many as an ONNX file can hold; export a smaller network"
            )
        self.onnx.checker.check_model(model, full_check=True)
        with atomic.write(path) as temporary:
            temporary.write_bytes(model.SerializeToString())

    def _value(self, name: str, dtype: Any, shape: tuple[int | str, ...]) -> Any:
        kind = self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.onnx.helper.make_tensor_value_info(name, kind, list(shape))
