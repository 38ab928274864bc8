"""A graph of ONNX as a chain: each operator takes what the one before it gave, and constants."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnscratch.interchange.onnx_file import OnnxFile, is_standard, label
from nnscratch.interchange.onnx_normalization import find_normalization
from nnscratch.interchange.onnx_sizes import Sizes, computed_sizes
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
    x          : the sizes of what goes in
    target     : the sizes that a Reshape is asked for, if they are known; or None
    output     : the name of what it gives
    is_last    : that is the graph's output
    """

    file: OnnxFile
    kind: str
    label: str
    attributes: dict[str, Any]
    constants: tuple[np.ndarray | None, ...]
    x_place: int
    x: Sizes
    target: Sizes | None
    output: str
    is_last: bool

    def constant(self, place: int) -> np.ndarray | None:
        """The one at that place among its inputs; None: there is none."""
        return self.constants[place] if place < len(self.constants) else None

    def refusal(self, came: str, expected: str, fix: str = "export the network without it") -> ValueError:
        """An error that names file and operator; came : what is wrong with it."""
        return self.file.refusal(f"{self.label} with {came}", expected, fix)


def chain(file: OnnxFile, known: Collection[str], sizes: Mapping[str, Sizes]) -> Iterator[Operator]:
    """The operators from the graph's input to its output.

    known : the kinds that may come
    sizes : a value's name -> its sizes; who takes an operator adds those of what it gives before
        taking the next

    Raises
        ValueError : another kind comes, or a branch; a constant is damaged
    """
    readers, value = _readers(file), file.input.name
    while value != file.output.name:
        operator = _normalization(file, readers, value, sizes) or _next(file, readers, value, known, sizes)
        value = operator.output
        yield operator


def _normalization(
    file: OnnxFile, readers: dict[str, list[Any]], value: str, sizes: Mapping[str, Sizes]
) -> Operator | None:
    """The operators of a ContrastNormalization as one, if they begin here."""
    nodes, x = readers.get(value, []), sizes[value]
    found = find_normalization(file, nodes[0], value, axes=len(x)) if len(nodes) == 1 else None
    if found is None:
        return None
    arguments, y = found
    return Operator(file, NORMALIZATION, label(nodes[0]), arguments, (), 0, x, None, y, is_last=y == file.output.name)


def _data_inputs(node: Any) -> list[str]:
    """The names of what the numbers of its outputs depend on."""
    if node.op_type == _GIVES_SHAPE and is_standard(node):
        return []
    return list(node.input[:1] if node.op_type == _TAKES_SHAPE else node.input)


def _readers(file: OnnxFile) -> dict[str, list[Any]]:
    """The nodes that take a value, by its name; only values on the way from input to output."""
    varying = {file.input.name}
    for node in file.nodes:
        if varying.intersection(_data_inputs(node)):
            varying.update(node.output)
    wanted, readers = {file.output.name}, dict[str, list[Any]]()
    for node in reversed(file.nodes):
        if wanted.intersection(node.output):
            on_the_way = varying.intersection(_data_inputs(node))
            wanted |= on_the_way
            for name in on_the_way:
                readers.setdefault(name, []).append(node)
    return {name: nodes[::-1] for name, nodes in readers.items()}


def _next(
    file: OnnxFile, readers: dict[str, list[Any]], value: str, known: Collection[str], sizes: Mapping[str, Sizes]
) -> Operator:
    """The operator that takes `value`."""
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
    reshapes = node.op_type == _TAKES_SHAPE
    return Operator(
        file,
        node.op_type,
        label(node),
        file.attributes(node),
        tuple(None if i in places or reshapes else _constant(file, node, name) for i, name in enumerate(node.input)),
        places[0],
        sizes[value],
        computed_sizes(file, node.input[1], sizes) if reshapes else None,
        node.output[0],
        is_last=node.output[0] == file.output.name,
    )


def _constant(file: OnnxFile, node: Any, name: str) -> np.ndarray | None:
    if not name:
        return None  # an optional input that is left out
    found = file.constant(name)
    if found is None:
        raise file.refusal(f"{label(node)} whose input {shown(name)} is no constant", "a constant", "export it again")
    return found
