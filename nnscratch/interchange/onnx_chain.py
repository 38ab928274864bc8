"""A graph of ONNX as a chain: each operator takes what the one before it gave, and constants."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnscratch.interchange.onnx_file import OnnxFile, Sizes, is_standard, label
from nnscratch.interchange.onnx_normalization import find_normalization
from nnscratch.messages import shown

# The other inputs of the first say nothing but a shape. The second gives a shape, and none of the
# numbers: what becomes of it is no part of the chain.
_TAKES_SHAPE = "Reshape"
_GIVES_SHAPE = "Shape"
NORMALIZATION = "ContrastNormalization"


@dataclass(frozen=True)
class Operator:
    """One operator of a chain.

    file       : where it is
    kind       : such as "Conv"
    label      : names it in messages
    attributes : name -> value
    constants  : by the place among its inputs; None: there is none, or x goes in there
    x_place    : where among its inputs x goes in
    x, y       : the sizes of what goes in and of what comes out
    is_last    : it gives the graph's output
    """

    file: OnnxFile
    kind: str
    label: str
    attributes: dict[str, Any]
    constants: tuple[np.ndarray | None, ...]
    x_place: int
    x: Sizes
    y: Sizes
    is_last: bool

    def constant(self, place: int) -> np.ndarray | None:
        """The one at that place among its inputs; None: there is none."""
        return self.constants[place] if place < len(self.constants) else None

    def refusal(self, came: str, expected: str, fix: str = "export the network without it") -> ValueError:
        """An error that names file and operator; came : what is wrong with it."""
        return self.file.refusal(f"{self.label} with {came}", expected, fix)


def chain(file: OnnxFile, known: Collection[str]) -> Iterator[Operator]:
    """The operators from the graph's input to its output.

    known : the kinds that may come

    Raises
        ValueError : another kind comes, or a branch; a constant is damaged
    """
    readers, value = _readers(file), file.input
    while value != file.output:
        nodes = readers.get(value, [])
        operator, value = _normalization(file, nodes, value) or _next(file, readers, value, known)
        yield operator


def _normalization(file: OnnxFile, nodes: list[Any], value: str) -> tuple[Operator, str] | None:
    """The operators of a ContrastNormalization as one, if they begin with `nodes`."""
    found = find_normalization(file, nodes[0], value) if len(nodes) == 1 else None
    if found is None:
        return None
    (arguments, y), sizes = found, file.sizes(value)
    return Operator(file, NORMALIZATION, label(nodes[0]), arguments, (), 0, sizes, sizes, y == file.output), y


def _data_inputs(node: Any) -> list[str]:
    """The names of what the numbers of its outputs depend on."""
    if node.op_type == _GIVES_SHAPE:
        return []
    return list(node.input[:1] if node.op_type == _TAKES_SHAPE else node.input)


def _readers(file: OnnxFile) -> dict[str, list[Any]]:
    """The nodes that take a value, by its name; only values on the way from input to output."""
    varying = {file.input}
    for node in file.nodes:
        if varying.intersection(_data_inputs(node)):
            varying.update(node.output)
    wanted, readers = {file.output}, dict[str, list[Any]]()
    for node in reversed(file.nodes):
        if wanted.intersection(node.output):
            on_the_way = varying.intersection(_data_inputs(node))
            wanted |= on_the_way
            for name in on_the_way:
                readers.setdefault(name, []).append(node)
    return {name: nodes[::-1] for name, nodes in readers.items()}


def _next(file: OnnxFile, readers: dict[str, list[Any]], value: str, known: Collection[str]) -> tuple[Operator, str]:
    """The operator that takes `value`, and the name of what it gives."""
    nodes = readers.get(value, [])
    for node in nodes:
        if node.op_type not in known or not is_standard(node):
            raise file.refusal(
                label(node),
                f"one of {' '.join(sorted(known))}",
                "leave it out of the network, and compute it by itself",
            )
    if not nodes:
        raise file.refusal("an output that does not depend on the input", "a chain between the two", "export it again")
    node, inputs = nodes[0], _data_inputs(nodes[0])
    places = [i for i, name in enumerate(inputs) if name in readers]
    if len(nodes) > 1 or len(places) > 1:
        raise file.refusal(
            f"a branch: {' and '.join(map(label, nodes))} with {shown(value)}",
            "a chain, in which each operator takes what one other gave",
            "import a network without branches",
        )
    operator = Operator(
        file,
        node.op_type,
        label(node),
        file.attributes(node),
        tuple(_constant(file, node, name) if i not in places else None for i, name in enumerate(node.input)),
        places[0],
        file.sizes(value),
        file.sizes(node.output[0]),
        is_last=node.output[0] == file.output,
    )
    return operator, node.output[0]


def _constant(file: OnnxFile, node: Any, name: str) -> np.ndarray | None:
    if not name:
        return None  # an optional input that is left out
    found = file.constant(name)
    if found is None and node.op_type != _TAKES_SHAPE:
        raise file.refusal(f"{label(node)} whose input {shown(name)} is no constant", "a constant", "export it again")
    return found
