"""An ONNX file, parsed and checked: its nodes and its constants.

A file may come from somebody else. Nothing in it is run; a constant is only turned, reshaped or
converted, so that it takes little more memory than the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from nnscratch.files.stored_files import DamagedError, read_bytes, told
from nnscratch.interchange.extras import required
from nnscratch.interchange.onnx_external_data import take_in
from nnscratch.messages import one_line, shown

MOST_BYTES = 1 << 30
_FIRST_VERSION = 7  # of the operators: since then they broadcast as NumPy does
_STANDARD = ("", "ai.onnx")  # domains
_MOVES = ("Identity", "Cast", "Transpose", "Reshape")  # what a constant may go through


class OnnxFile:
    """The file at `path`.

    where : who reads it, for the messages

    Fields
        version       : of ONNX's operators, as the file says
        nodes         : in an order in which each comes behind those whose outputs it takes
        positions     : a value's name -> that of the node whose output it is, among `nodes`
        input, output : the two values, each with its name and type

    Raises
        ImportError : the package onnx is missing
        OSError     : there is no such file, it is a folder, or it cannot be opened
        ValueError  : it is damaged, too large or no ONNX file; it has several inputs or outputs,
            operators of an unknown version, or weights in a file that is not beside it
    """

    def __init__(self, where: str, path: str | os.PathLike[str]) -> None:
        self.onnx = required(where, "onnx", extra="onnx")
        self.path = path
        content = read_bytes(path, MOST_BYTES)
        with self._damage_told():
            model = self.onnx.load_model_from_string(content)
            if not model.ir_version or not model.graph.node:
                raise ValueError("there is no graph in it")
            if any(function.domain in _STANDARD for function in model.functions):
                raise ValueError("it redefines operators of ONNX")
        self.nodes = list(model.graph.node)
        self.version = self._checked_version(model)
        self._check_no_graph_inside()
        with self._damage_told():
            take_in(
                [each for each in model.graph.initializer if self._is_elsewhere(each)], path, MOST_BYTES - len(content)
            )
            self.onnx.checker.check_model(model)
        self._initializers = {tensor.name: tensor for tensor in model.graph.initializer}
        self.positions = {output: i for i, node in enumerate(self.nodes) for output in node.output if output}
        inputs = [value for value in model.graph.input if value.name not in self._initializers]
        self.input = self._the_one("input", inputs)
        self.output = self._the_one("output", list(model.graph.output))

    def refusal(self, came: str, expected: str, fix: str) -> ValueError:
        """An error that names the file."""
        return ValueError(one_line(os.fspath(self.path), came, expected, fix))

    def attributes(self, node: Any) -> dict[str, Any]:
        """A node's: name -> value."""
        return {each.name: self.onnx.helper.get_attribute_value(each) for each in node.attribute}

    def constant(self, name: str) -> np.ndarray | None:
        """The constant of that name; None: the value is none.

        Raises
            ValueError : it is damaged
        """
        moves = []
        while (maker := self.maker(name)) is not None and maker.op_type in _MOVES and is_standard(maker):
            moves.append(maker)
            name = maker.input[0]
        with self._damage_told():
            array = self._stored(name)
            for node in reversed(moves):
                array = None if array is None else self._moved(array, node)
        return array

    def maker(self, name: str) -> Any | None:
        """The node whose output is the value of that name; None: there is none."""
        return self.nodes[self.positions[name]] if name in self.positions else None

    def _stored(self, name: str) -> np.ndarray | None:
        if name in self._initializers:
            return np.asarray(self.onnx.numpy_helper.to_array(self._initializers[name]))
        maker = self.maker(name)
        if maker is None or maker.op_type != "Constant" or not is_standard(maker):
            return None
        for kind, value in self.attributes(maker).items():
            if kind == "value":
                return np.asarray(self.onnx.numpy_helper.to_array(value))
            if kind.startswith(("value_float", "value_int")):
                return np.asarray(value, np.float32 if "float" in kind else np.int64)
        raise ValueError(f"its constant {shown(name)} is neither numbers nor a tensor")

    def _moved(self, array: np.ndarray, node: Any) -> np.ndarray:
        attributes = self.attributes(node)
        if node.op_type == "Cast":
            return array.astype(self.onnx.helper.tensor_dtype_to_np_dtype(attributes["to"]))
        if node.op_type == "Transpose":
            return array.transpose(attributes.get("perm"))
        if node.op_type == "Reshape":
            shape = self._stored(node.input[1])
            if shape is None or shape.ndim != 1:
                raise ValueError(f"{label(node)} has no shape")
            return array.reshape([array.shape[i] if n == 0 and i < array.ndim else int(n) for i, n in enumerate(shape)])
        return array

    def _checked_version(self, model: Any) -> int:
        newest = self.onnx.defs.onnx_opset_version()
        versions = [each.version for each in model.opset_import if each.domain in _STANDARD]
        if len(versions) != 1 or not _FIRST_VERSION <= versions[0] <= newest:
            came = ", ".join(map(str, versions)) or "no"
            raise self.refusal(
                f"operators of version {came}",
                f"{_FIRST_VERSION} to {newest}, which the package onnx {self.onnx.__version__} knows",
                "export it with one of these as opset_version",
            )
        return int(versions[0])

    def _check_no_graph_inside(self) -> None:
        """Stops loops and conditions, which hold graphs, and a constant that is in another file."""
        for node in self.nodes:
            for each in node.attribute:
                if each.HasField("g") or each.graphs or any(map(self._is_elsewhere, [each.t, *each.tensors])):
                    raise self.refusal(
                        f"{label(node)} with a graph or a file of its own",
                        "a chain of operators without loops and conditions",
                        "export a network without these",
                    )

    def _is_elsewhere(self, tensor: Any) -> bool:
        return bool(tensor.data_location == self.onnx.TensorProto.EXTERNAL)

    def _the_one(self, what: str, values: list[Any]) -> Any:
        if len(values) != 1:
            names = f" ({', '.join(value.name for value in values)})" if values else ""
            raise self.refusal(f"{len(values)} {what}s{names}", f"one {what}", "export a network with one of each")
        return values[0]

    @contextmanager
    def _damage_told(self) -> Iterator[None]:
        """Makes one DamagedError of what the package onnx raises, which is of many kinds."""
        with told(self.path, expected="an ONNX file", fix="export it again"):
            try:
                yield
            except (OSError, MemoryError, DamagedError):
                raise
            except Exception as error:
                raise ValueError(str(error).strip().split("\n", maxsplit=1)[0] or type(error).__name__) from None


def is_standard(node: Any) -> bool:
    """It is an operator of ONNX itself, and not of somebody's own with the same name."""
    return node.domain in _STANDARD


def label(node: Any) -> str:
    """Names a node in a message: its operator, and its own name if it has one."""
    kind = node.op_type if is_standard(node) else f"{node.domain}.{node.op_type}"
    name = node.name or next(iter(node.output), "")
    return f"{kind} (node {shown(name)})"
