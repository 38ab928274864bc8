"""How pictures lie in a file, and how they lie in the network that is made of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from tests.interchange.onnx_graphs import answers, numbers, written

CONSTANTS = {
    "k": numbers(3, 2, 2, 2), "b": numbers(3), "w": numbers(36, 4), "last": numbers(1, 1, 1, 3),
    "first": numbers(3, 1, 1), "rows": np.int64([0, -1]),
    "lying": np.int64([-1, 3, 3, 1]), "halves": np.int64([-1, 18]),
    "flat": np.int64([-1, 36]), "same": np.int64([-1, 3, 3, 4]), "odd": numbers(37, 4),
}  # fmt: skip
FIRST, LAST = "float[N,2,4,5] x", "float[N,4,5,2] x"  # (N, C, H, W), (N, H, W, C)
TURN, BACK = "Transpose<perm = [0, 3, 1, 2]>", "Transpose<perm = [0, 2, 3, 1]>"


def graph(folder: Path, body: str, x: str, y: str = "float[M,K] y") -> Path:
    return written(folder, body, x, y, CONSTANTS)


@pytest.mark.parametrize(
    ("x", "body", "layers"),
    [
        (FIRST, "a = Conv(x, k) c = Flatten(a) y = MatMul(c, w)", "Conv2D Flatten Dense"),
        (FIRST, "a = Conv(x, k) c = Reshape(a, rows) y = MatMul(c, w)", "Conv2D Flatten Dense"),
        (FIRST, "a = Conv(x, k) c = Reshape(a, flat) d = Relu(c) y = MatMul(d, w)", "Conv2D Flatten ReLU Dense"),
        (FIRST, f"a = Conv(x, k) t = {BACK}(a) c = Flatten(t) y = MatMul(c, w)", "Conv2D Flatten Dense"),
        (LAST, f"t = {TURN}(x) a = Conv(t, k) c = Flatten(a) y = MatMul(c, w)", "Conv2D Flatten Dense"),
        (LAST, f"t = {TURN}(x) a = Conv(t, k) s = {BACK}(a) c = Flatten(s) y = MatMul(c, w)", "Conv2D Flatten Dense"),
        (LAST, f"t = {TURN}(x) a = Conv(t, k) s = {BACK}(a) d = Add(s, last) c = Flatten(d) y = MatMul(c, w)",
         "Conv2D Flatten Dense"),
        (FIRST, "a = Conv(x, k) d = Add(first, a) c = Flatten(d) y = MatMul(c, w)", "Conv2D Flatten Dense"),
        (LAST, f"r = Relu(x) t = {TURN}(r) a = Conv(t, k) s = {BACK}(a) r2 = Tanh(s) t2 = {TURN}(r2)"
         f" p = MaxPool<kernel_shape = [1, 1]>(t2) c = Flatten(p) y = MatMul(c, w)",
         "ReLU Conv2D Tanh MaxPool2D Flatten Dense"),
        (FIRST, f"r = Relu(x) s = {BACK}(r) t = {TURN}(s) a = Conv(t, k) c = Flatten<axis = -3>(a) y = MatMul(c, w)",
         "ReLU Conv2D Flatten Dense"),
        (FIRST, "i = Identity(x) f = Cast<to = 1>(i) a = Conv(f, k) g = Cast<to = 1>(a) c = Flatten(g)"
         " y = MatMul(c, w)", "Conv2D Flatten Dense"),
        (FIRST, "a = Conv(x, k) r = Reshape(a, same) c = Flatten(r) y = MatMul(c, w)", "Conv2D Flatten Dense"),
        (FIRST, "a = Conv(x, k) t = Transpose<perm = [0, 1, 2, 3]>(a) c = Flatten(t) c2 = Reshape(c, flat)"
         " y = MatMul(c2, w)", "Conv2D Flatten Dense"),
    ],
)  # fmt: skip
def test_pictures_of_both_layouts(tmp_path: Path, x: str, body: str, layers: str) -> None:
    path = graph(tmp_path, body, x)
    model, pictures = nn.import_onnx(path), numbers(3, *((2, 4, 5) if x is FIRST else (4, 5, 2)))
    assert " ".join(type(layer).__name__ for layer in model.layers) == layers
    expected = answers(path, pictures)
    ours = pictures.transpose(0, 2, 3, 1).copy() if x is FIRST else pictures
    np.testing.assert_allclose(model.forward(ours), expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    assert model._seen_shape == (4, 5, 2)


def test_pictures_that_come_out(tmp_path: Path) -> None:
    for number, body in enumerate(("y = Conv(x, k, b)", f"a = Conv(x, k, b) y = {BACK}(a)")):
        path = graph(tmp_path, body, FIRST, "float[N,C,H,W] y")
        x = numbers(3, 2, 4, 5)
        expected = answers(path, x) if number else answers(path, x).transpose(0, 2, 3, 1)
        found = nn.import_onnx(path).forward(x.transpose(0, 2, 3, 1).copy())
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_a_picture_that_is_flattened_first_is_as_the_file_has_it(tmp_path: Path) -> None:
    path = written(
        tmp_path, "a = Flatten(x) y = MatMul(a, w)", "float[N,2,3,2] x", "float[N,4] y", {"w": numbers(12, 4)}
    )
    model, x = nn.import_onnx(path), numbers(3, 2, 3, 2)
    np.testing.assert_allclose(model.forward(x), answers(path, x), rtol=0, atol=1e-5)


def test_sizes_that_the_file_does_not_say(tmp_path: Path) -> None:
    body = "a = Conv(x, k) c = Flatten(a) y = MatMul(c, w)"
    path = graph(tmp_path, body, "float[N,C,H,W] x")
    model, x = nn.import_onnx(path), numbers(3, 2, 4, 5)
    assert model._seen_shape is None
    np.testing.assert_allclose(model.forward(x.transpose(0, 2, 3, 1).copy()), answers(path, x), rtol=0, atol=1e-4)


def test_a_batch_that_the_file_fixes(tmp_path: Path) -> None:
    path = written(
        tmp_path, "a = Conv(x, k) c = Reshape(a, s) y = MatMul(c, w)", "float[3,2,4,5] x", "float[3,4] y",
        {**CONSTANTS, "s": np.int64([3, 36])},
    )  # fmt: skip
    model, x = nn.import_onnx(path), numbers(3, 2, 4, 5)
    np.testing.assert_allclose(model.forward(x.transpose(0, 2, 3, 1).copy()), answers(path, x), rtol=0, atol=1e-4)
    assert model.forward(np.zeros((5, 4, 5, 2), np.float32)).shape == (5, 4)


def test_the_column_that_scikit_learn_s_exporter_makes(tmp_path: Path) -> None:
    constants = {"w": numbers(3, 2), "s": np.int64([-1, 1])}
    path = written(tmp_path, "a = MatMul(x, w) y = Reshape(a, s)", "float[N,3] x", "float[M,1] y", constants)
    x = numbers(4, 3)
    np.testing.assert_allclose(nn.import_onnx(path).forward(x).reshape(-1, 1), answers(path, x), atol=1e-6)
    path = written(
        tmp_path, "a = MatMul(x, w) b = Reshape(a, s) y = Relu(b)", "float[N,3] x", "float[M,1] y", constants
    )
    with pytest.raises(ValueError, match=r"Reshape \(node 'b'\) with sizes \('N', 2\) to"):
        nn.import_onnx(path)


@pytest.mark.parametrize(
    ("x", "body", "message"),
    [
        (LAST, "t = Transpose<perm = [0, 3, 2, 1]>(x) y = Conv(t, k)", r"with perm=\[0, 3, 2, 1\]"),
        (LAST, f"t = {TURN}(x) a = Conv(t, k) y = {TURN}(a)", "with channels that move once more"),
        (LAST, f"t = {TURN}(x) a = Conv(t, k) s = {BACK}(a) y = MaxPool<kernel_shape = [2, 2]>(s)",
         r"MaxPool \(node 'y'\) with pictures \(N, H, W, C\)"),
        (FIRST, "a = Conv(x, k) y = Flatten<axis = 2>(a)", "with axis=2, expected axis=1"),
        (FIRST, "a = Conv(x, k) y = Flatten(a)", "a flattened picture, channel by channel, as the output"),
        (FIRST, "y = Reshape(x, flat)", r"Reshape \(node 'y'\) with sizes \('N', 2, 4, 5\) to \("),
        (FIRST, "a = Conv(x, k) f = Flatten(a) c = Cast<to = 11>(f) d = Cast<to = 1>(c) y = MatMul(d, w)",
         r"Cast \(node 'c'\) with a result of float64, expected float32"),
        (FIRST, "a = Conv(x, k) f = Flatten(a) c = Cast<to = 10>(f) d = Cast<to = 1>(c) y = MatMul(d, w)",
         r"Cast \(node 'c'\) with a result of float16, expected float32"),
        (FIRST, "f = Flatten(x) y = MatMul(f, w)", r"MatMul \(node 'y'\) with x of sizes \('N', 40\) \(Dense\(36, 4"),
        ("float[N,3,1,3] x", "r = Reshape(x, lying) y = Relu(r)", "with sizes .* to "),  # would exchange axes
        ("float[N,C,H,W] x", "a = MaxPool<kernel_shape = [2, 2]>(x) f = Flatten(a) y = MatMul(f, w)",
         r"Flatten \(node 'f'\) with an unknown number of channels"),
        ("float[N,C,H,W] x", "a = Conv(x, k) f = Flatten(a) y = MatMul(f, odd)", "with 37 inputs behind 3 channels"),
        ("float x", "y = Relu(x)", "with a single number as x"),
        (FIRST, "a = Conv(x, k) y = Reshape<allowzero = 1>(a, rows)", "with sizes .* to "),
        (FIRST, "a = Conv(x, k) y = Reshape(a, halves)", "with sizes .* to "),
        (FIRST, "a = Conv(x, k) s = Constant<value_float = 1.0>() y = Reshape(a, s)", "to unknown"),
        ("float[N,4,5] x", "t = Transpose(x) y = Relu(t)", r"with perm=\[2, 1, 0\]"),
        ("float[N,36] x", "i = Identity(x) y = Cast<to = 1>(i)", "a graph that computes nothing"),
        ("float[N,36] x", "y = Conv(x, k)", r"with x of sizes \('N', 36\), expected pictures"),
    ],
)  # fmt: skip
def test_moves_that_are_no_layer(tmp_path: Path, x: str, body: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"graph.onnx: got .*{message}"):
        nn.import_onnx(graph(tmp_path, body, x, "float[a,b,c,d] y" if "y = Conv" in body else "float[M,K] y"))


def test_weights_of_two_dtypes(tmp_path: Path) -> None:
    body = "a = MatMul(x, w) c = Cast<to = 11>(a) y = MatMul(c, v)"
    constants = {"w": numbers(3, 2), "v": numbers(2, 2, dtype=np.float64)}
    with pytest.raises(ValueError, match="got weights of float32 and float64, expected one dtype"):
        nn.import_onnx(written(tmp_path, body, y="double[N,2] y", constants=constants))
