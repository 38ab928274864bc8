"""Sizes of a graph's values, and sizes that the graph itself computes for a Reshape.

Exporters write `x.view(len(x), -1)` as operators on the sizes of x. Their results are worked out
here, from the sizes of values that are known already. The package onnx could do that, too, but its
older versions crash on graphs that do not fit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nnscratch.interchange.onnx_file import OnnxFile, is_standard

Size = int | str | None  # of one axis; a str: it varies, and has this name; None: not known
Sizes = tuple[Size, ...]

_MOST = 8  # sizes in a row: arrays here have at most four axes
_DEEPEST = 20  # operators one behind the other
_KEEPS = ("Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze")  # a row of sizes stays what it is


def input_sizes(value: Any) -> Sizes:
    """Shape of the graph's input, with N, which gets a name if the file gives it none."""
    axes = value.type.tensor_type.shape.dim
    sizes = [each.dim_value if each.dim_value > 0 else each.dim_param or None for each in axes]
    return tuple([sizes[0] or "N", *sizes[1:]] if sizes else ())


def count(sizes: Sizes) -> int | None:
    """How many numbers an array of these sizes has; None: a size is not known.

    >>> count((2, 3)), count(()), count(("N", 3))
    (6, 1, None)
    """
    known = whole(sizes)
    return None if known is None else math.prod(known)


def whole(sizes: Sizes) -> tuple[int, ...] | None:
    """The sizes, if all of them are known; or None."""
    known = tuple(size for size in sizes if isinstance(size, int))
    return known if len(known) == len(sizes) else None


def computed_sizes(file: OnnxFile, name: str, known: Mapping[str, Sizes]) -> Sizes | None:
    """The sizes that the value of that name holds, as a Reshape takes them; None: not known.

    known : a value's name -> its sizes
    """
    return _computed(file, name, known, {}, _DEEPEST)


def _computed(
    file: OnnxFile, name: str, known: Mapping[str, Sizes], done: dict[str, Sizes | None], depth: int
) -> Sizes | None:
    if name not in done:
        constant = file.constant(name)
        if constant is not None:
            whole = constant.dtype.kind == "i" and constant.size <= _MOST
            done[name] = tuple(constant.reshape(-1).tolist()) if whole else None
        else:
            node = file.maker(name) if depth else None
            done[name] = (
                None if node is None or not is_standard(node) else _of_operator(file, node, known, done, depth - 1)
            )
    return done[name]


def _of_operator(
    file: OnnxFile, node: Any, known: Mapping[str, Sizes], done: dict[str, Sizes | None], depth: int
) -> Sizes | None:
    attributes = file.attributes(node)
    if node.op_type == "Shape":
        sizes = known.get(node.input[0])
        return None if sizes is None else sizes[attributes.get("start", 0) : attributes.get("end", len(sizes))]
    rows = [_computed(file, each, known, done, depth) for each in node.input if each]
    if not rows or rows[0] is None:
        return None
    if node.op_type in _KEEPS:
        return rows[0]
    if any(row is None for row in rows):
        return None
    if node.op_type == "Concat":
        joined = sum((row for row in rows if row), ())
        return joined if len(joined) <= _MOST else None
    if node.op_type == "Gather":
        return _picked(rows[0], rows[1])
    if node.op_type == "Slice" and len(rows) >= 3:
        bounds = whole((*(rows[1] or ()), *(rows[2] or ())))
        steps = rows[4] if len(rows) > 4 else (1,)
        if bounds is not None and len(bounds) == 2 and steps == (1,):
            return rows[0][bounds[0] : bounds[1]]
    return None


def _picked(sizes: Sizes, places: Sizes | None) -> Sizes | None:
    wanted = [place for place in places or () if isinstance(place, int) and -len(sizes) <= place < len(sizes)]
    return tuple(sizes[place] for place in wanted) if len(wanted) == len(places or ()) else None
