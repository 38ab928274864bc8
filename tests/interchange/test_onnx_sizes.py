"""Sizes that a graph computes itself, as exporters write `x.view(len(x), -1)`."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnscratch.interchange.onnx_file import OnnxFile
from nnscratch.interchange.onnx_sizes import Sizes, computed_sizes, count, input_sizes, whole
from tests.interchange.onnx_graphs import written

ONE = "i = Constant<value = int64[1] {0}>() j = Constant<value = int64[1] {1}>() m = Constant<value = int64[1] {-1}>()"


def computed(folder: Path, body: str, x: str = "float[N,2,3] x") -> Sizes | None:
    """What `t` is, in a graph that reshapes x to it."""
    file = OnnxFile("test", written(folder, f"{ONE} {body} y = Reshape(x, t)", x, "float[M,K] y"))
    return computed_sizes(file, "t", {"x": input_sizes(file.input)})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("t = Constant<value = int64[2] {0, -1}>()", (0, -1)),
        ("t = Constant<value_ints = [-1, 6]>()", (-1, 6)),
        ("t = Shape(x)", ("N", 2, 3)),
        ("t = Shape<start = 1>(x)", (2, 3)),
        ("t = Shape<start = -2, end = -1>(x)", (2,)),
        ("s = Shape(x) n = Gather(s, i) t = Concat<axis = 0>(n, m)", ("N", -1)),
        ("s = Shape(x) g = Gather(s, c) n = Unsqueeze(g, i) t = Concat<axis = 0>(n, m)", ("N", -1)),
        ("s = Shape(x) n = Slice(s, i, j) t = Concat<axis = 0>(n, m)", ("N", -1)),
        ("s = Shape(x) n = Slice(s, i, j, i, j) t = Concat<axis = 0>(n, m)", ("N", -1)),
        ("s = Shape(x) c7 = Cast<to = 7>(s) t = Identity(c7)", ("N", 2, 3)),
        ("s = Shape(x) t = Gather(s, m)", (3,)),
        ("a = Relu(x) t = Shape(a)", None),  # not among those that are known
        ("s = Shape(x) t = Mul(s, s)", None),
        ("s = Shape(x) f = Constant<value = int64[1] {7}>() t = Gather(s, f)", None),
        ("s = Shape(x) z = Slice(s, i, j, i, m) t = Concat<axis = 0>(z, m)", None),  # backwards
        ("s = Shape(x) t = Concat<axis = 0>(s, s, s)", None),  # far too many
        ("t = Constant<value = float[2] {0, 1}>()", None),
        ("t = own.Shape(x)", None),
        ("s = Shape(x) f = Cast<to = 1>(x) g = Gather(s, f) t = Concat<axis = 0>(g, m)", None),
    ],
)
def test_what_a_reshape_is_asked_for(tmp_path: Path, body: str, expected: Sizes | None) -> None:
    scalar = "c = Constant<value_int = 0>()"
    assert computed(tmp_path, f"{scalar} {body}") == expected


def test_a_tower_of_operators_takes_no_time(tmp_path: Path) -> None:
    levels = " ".join(f"s{n + 1} = Concat<axis = 0>(s{n}, s{n})" for n in range(200))
    assert computed(tmp_path, f"h = Shape(x) s0 = Gather(h, i) {levels} t = Identity(s200)") is None


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ("float[N,2,3] x", ("N", 2, 3)),
        ("float[4,2] x", (4, 2)),
        ("float[?,2] x", ("N", 2)),
        ("float[?,?,2] x", ("N", None, 2)),
        ("float x", ()),
    ],
)
def test_the_sizes_of_the_input(tmp_path: Path, x: str, expected: Sizes) -> None:
    file = OnnxFile("test", written(tmp_path, "y = Relu(x)", x, "float[M,K] y"))
    assert input_sizes(file.input) == expected


def test_sizes_that_are_known() -> None:
    assert (whole((2, 3)), whole(("N", 3)), whole((None,)), whole(())) == ((2, 3), None, None, ())
    assert (count((2, 3)), count(("N", 3)), count(())) == (6, None, 1)
