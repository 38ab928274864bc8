"""A graph as a chain: the first thing that is no chain of known operators is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.interchange.onnx_chain import NORMALIZATION, Operator, chain
from nnscratch.interchange.onnx_file import OnnxFile
from nnscratch.interchange.onnx_sizes import input_sizes
from tests.interchange.onnx_graphs import numbers, written

KNOWN = ("Add", "MatMul", "Relu", "Reshape", "Tanh")
W = {"w": numbers(3, 2), "v": numbers(3, 3)}


def operators(path: Path) -> list[Operator]:
    """Those of the file; each gives what has the sizes of its x."""
    file, found = OnnxFile("test", path), []
    sizes = {file.input.name: input_sizes(file.input)}
    for operator in chain(file, KNOWN, sizes):
        sizes[operator.output] = operator.x
        found.append(operator)
    return found


def test_the_operators_in_order(tmp_path: Path) -> None:
    body = "a = Relu(x) b = MatMul(a, w) y = Add(c, b)"
    first, second, third = operators(written(tmp_path, body, constants={**W, "c": numbers(2)}))
    assert (first.kind, first.label, first.x, first.output) == ("Relu", "Relu (node 'a')", ("N", 3), "a")
    np.testing.assert_array_equal(second.constant(1), W["w"])
    assert (second.x_place, second.constant(0), second.constant(5), second.target) == (0, None, None, None)
    assert third.x_place == 1
    assert [each.is_last for each in (first, second, third)] == [False, False, True]


def test_what_does_not_reach_the_output_does_not_matter(tmp_path: Path) -> None:
    body = "a = Relu(x) z = Softmax(a) q = Add(z, a) y = MatMul(a, w)"
    assert [each.kind for each in operators(written(tmp_path, body, constants=W))] == ["Relu", "MatMul"]


def test_a_shape_that_is_computed_is_no_branch(tmp_path: Path) -> None:
    body = """
        s = Shape(x) i = Constant<value = int64[1] {0}>() n = Gather(s, i) m = Constant<value = int64[1] {-1}>()
        t = Concat<axis = 0>(n, m) y = Reshape(x, t)
    """
    (reshape,) = operators(written(tmp_path, body, x="float[N,2,3] x", y="float[N,6] y"))
    assert (reshape.kind, reshape.constant(1), reshape.target) == ("Reshape", None, ("N", -1))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("a = Softmax(x) y = MatMul(a, w)", r"Softmax \(node 'a'\), expected one of Add MatMul Relu Reshape Tanh; "),
        ("a = Relu(x) b = Erf(a) y = Softmax(b)", r"Erf \(node 'b'\), expected"),
        ("a = own.Relu(x) y = Relu(a)", r"own\.Relu \(node 'a'\), expected"),
        ("a = own.Shape(x) y = Relu(a)", r"own\.Shape \(node 'a'\), expected"),
        ("a = own.Identity(w) y = MatMul(x, a)", r"MatMul \(node 'y'\) whose input 'a' is no constant"),
        ("a = own.Constant() y = MatMul(x, a)", r"MatMul \(node 'y'\) whose input 'a' is no constant"),
        ("a = Relu(x) b = Tanh(x) y = Add(a, b)", r"a branch: Relu \(node 'a'\) and Tanh \(node 'b'\) with 'x'"),
        ("a = Relu(x) b = MatMul(a, v) y = Add(a, b)", r"a branch: MatMul \(node 'b'\) and Add \(node 'y'\) with 'a'"),
        ("a = Relu(x) y = Add(a, a)", r"a branch: Add \(node 'y'\) with 'a', expected a chain"),
        ("a = Relu(x) b = MatMul(a, v) c = Softmax(a) y = Add(c, b)", r"Softmax \(node 'c'\)"),
        ("y = Relu(v)", "an output that does not depend on the input"),
        ("a = Shape(x) y = Relu(v)", "an output that does not depend on the input"),
        ("r = RandomNormal<shape = [3, 3]>() y = MatMul(x, r)", r"MatMul \(node 'y'\) whose input 'r' is no constant"),
    ],
)  # fmt: skip
def test_what_is_no_chain(tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"graph.onnx: got {message}"):
        operators(written(tmp_path, body, y="float[M,K] y", constants=W))


def test_a_contrast_normalization_is_one_operator(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    nn.export_onnx(nn.Sequential(nn.ContrastNormalization(0.5, 0.125), nn.Tanh()), path, input_shape=(4, 3, 1))
    first, second = operators(path)
    assert (first.kind, first.attributes, first.x) == (NORMALIZATION, {"spread": 0.5, "floor": 0.125}, ("N", 4, 3, 1))
    assert (second.kind, first.is_last, second.is_last) == ("Tanh", False, True)
