"""Each operator as a layer: the same answers as ONNX Runtime, or a refusal that says why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from tests.interchange.onnx_graphs import answers, numbers, written

ROWS = {"w": numbers(3, 2), "b": numbers(2, seed=1)}
PICTURES = {"k": numbers(4, 2, 3, 3), "b": numbers(4, seed=1)}
SIZES = "float[N,2,7,6] x", "float[N,C,H,W] y"


def check_same(path: Path, shape: tuple[int, ...], layers: list[str]) -> None:
    model, x = nn.import_onnx(path), numbers(3, *shape)
    assert [repr(layer) for layer in model.layers] == layers
    expected, found = answers(path, x), model.forward(np.moveaxis(x, 1, -1).copy())
    np.testing.assert_allclose(np.moveaxis(found, -1, 1), expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("body", "layers"),
    [
        ("y = Gemm(x, w)", ["Dense(3, 2, bias=False)"]),
        ("y = Gemm(x, w, b)", ["Dense(3, 2)"]),
        ("y = Gemm<alpha = 0.5, beta = 2.0>(x, w, b)", ["Dense(3, 2)"]),
        ("y = Gemm<transB = 1>(x, wt, b)", ["Dense(3, 2)"]),
        ("y = Gemm(x, w, one)", ["Dense(3, 2)"]),
        ("y = Gemm(x, w, row)", ["Dense(3, 2)"]),
        ("y = MatMul(x, w)", ["Dense(3, 2, bias=False)"]),
        ("a = MatMul(x, w) y = Add(a, b)", ["Dense(3, 2)"]),
        ("a = MatMul(x, w) y = Add(row, a)", ["Dense(3, 2)"]),
        ("a = Gemm(x, w, b) y = Add(a, b)", ["Dense(3, 2)"]),  # two biases
        ("a = Relu(x) y = MatMul(a, w)", ["ReLU()", "Dense(3, 2, bias=False)"]),
        ("a = MatMul(x, w) y = LeakyRelu(a)", ["Dense(3, 2, bias=False)", "LeakyReLU()"]),
        (
            "a = LeakyRelu<alpha = 0.3>(x) y = MatMul(a, w)",
            ["LeakyReLU(negative_slope=0.3)", "Dense(3, 2, bias=False)"],
        ),
        ("a = Sigmoid(x) c = Tanh(a) y = MatMul(c, w)", ["Sigmoid()", "Tanh()", "Dense(3, 2, bias=False)"]),
        ("a = Dropout(x) y = MatMul(a, w)", ["Dropout(0.5)", "Dense(3, 2, bias=False)"]),
        ("a = Dropout(x, , false) y = MatMul(a, w)", ["Dropout(0.5)", "Dense(3, 2, bias=False)"]),
        ("a, m = Dropout(x, p) y = MatMul(a, w)", ["Dropout(0.2)", "Dense(3, 2, bias=False)"]),
    ],
)
def test_of_rows(tmp_path: Path, body: str, layers: list[str]) -> None:
    more = {"wt": ROWS["w"].T, "one": numbers(1), "row": numbers(1, 2), "p": np.float32(0.2), "false": np.array(False)}
    check_same(written(tmp_path, body, constants={**ROWS, **more}), (3,), layers)


@pytest.mark.parametrize(
    ("body", "layers"),
    [
        ("y = Conv(x, k)", ["Conv2D(2, 4, 3, bias=False)"]),
        ("y = Conv(x, k, b)", ["Conv2D(2, 4, 3)"]),
        (
            "y = Conv<strides = [2, 1], pads = [1, 0, 1, 0]>(x, k, b)",
            ["Conv2D(2, 4, 3, stride=(2, 1), padding=(1, 0))"],
        ),
        ('y = Conv<auto_pad = "VALID">(x, k, b)', ["Conv2D(2, 4, 3)"]),
        ('y = Conv<auto_pad = "SAME_UPPER">(x, k, b)', ["Conv2D(2, 4, 3, padding=1)"]),
        ("a = Conv(x, k) y = Add(a, c)", ["Conv2D(2, 4, 3)"]),
        ("y = Conv(x, wide, b)", ["Conv2D(2, 4, (1, 5))"]),
        ("y = MaxPool<kernel_shape = [2, 3]>(x)", ["MaxPool2D((2, 3), stride=1)"]),
        ("y = MaxPool<kernel_shape = [3, 3], strides = [2, 2]>(x)", ["MaxPool2D(3, stride=2)"]),
        ("y, i = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(x)", ["MaxPool2D(2)"]),
        ("y = AveragePool<kernel_shape = [2, 2], strides = [2, 2]>(x)", ["AveragePool2D(2)"]),
        ("y = AveragePool<kernel_shape = [3, 2], count_include_pad = 1>(x)", ["AveragePool2D((3, 2), stride=1)"]),
    ],
)
def test_of_pictures(tmp_path: Path, body: str, layers: list[str]) -> None:
    more = {"c": PICTURES["b"].reshape(4, 1, 1), "wide": numbers(4, 2, 1, 5)}
    check_same(written(tmp_path, body, *SIZES, constants={**PICTURES, **more}), (2, 7, 6), layers)


def test_float64(tmp_path: Path) -> None:
    constants = {"w": numbers(3, 2, dtype=np.float64), "b": numbers(2, dtype=np.float64)}
    path = written(tmp_path, "y = Gemm<alpha = 0.5>(x, w, b)", "double[N,3] x", "double[N,2] y", constants=constants)
    x = numbers(3, 3, dtype=np.float64)
    np.testing.assert_allclose(nn.import_onnx(path).forward(x), answers(path, x), rtol=1e-14, strict=True)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("y = MatMul(w, x)", r"MatMul \(node 'y'\) with x as its second input"),
        ("y = Gemm<transA = 1>(x, w)", "with transA=1, expected transA=0"),
        ("y = Gemm(x, half)", r"with weights of float16 \(3, 2\), expected float32 or float64 of 2 axes"),
        ("y = Gemm(x, cube)", r"with weights of float32 \(1, 3, 2\), expected float32 or float64 of 2 axes"),
        ("y = Gemm(x, none)", "with n_out=0, expected a whole number from 1 up"),
        ("y = Gemm(x, w, three)", r"a constant of float32 \(3,\), expected a bias of float32, one number for each"),
        ("y = Gemm(x, w, column)", r"with a constant of float32 \(2, 1\), expected a bias"),
        ("y = Gemm(x, w, wide)", r"with a constant of float64 \(2,\), expected a bias"),
        ("a = Relu(x) y = Add(a, b3)", "with a constant, expected a bias right behind Gemm, MatMul or Conv"),
        ("a = MatMul(x, w) c = Relu(a) y = Add(c, b)", "with a constant, expected a bias right behind"),
        ("y = LeakyRelu<alpha = -1.0>(x)", "with negative_slope=-1.0, expected a finite number >= 0"),
        ("a, m = Dropout(x, p, t) y = MatMul(a, w)", "with training_mode=True"),
        ("a, m = Dropout(x, one) y = MatMul(a, w)", "with p=1.0, expected a finite number"),
    ],
)  # fmt: skip
def test_rows_that_no_layer_computes(tmp_path: Path, body: str, message: str) -> None:
    more = {
        "none": numbers(3, 0),
        "half": numbers(3, 2, dtype=np.float16), "cube": numbers(1, 3, 2), "three": numbers(3), "column": numbers(2, 1),
        "wide": numbers(2, dtype=np.float64), "b3": numbers(3), "p": np.float32(0.2), "one": np.float32(1),
        "t": np.array(True),
    }  # fmt: skip
    with pytest.raises(ValueError, match=rf"graph.onnx: got .*{message}"):
        nn.import_onnx(written(tmp_path, body, y="float[M,K] y", constants={**ROWS, **more}))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("y = Conv<group = 2>(x, grouped)", "with group=2, expected group=1"),
        ("y = Conv<dilations = [2, 1]>(x, k)", r"with dilations=\[2, 1\], expected 1 for both"),
        ("y = Conv<pads = [0, 0, 1, 1]>(x, k)", r"with pads=\[0, 0, 1, 1\], expected as much padding on both sides"),
        ("y = Conv<pads = [-1, 0, -1, 0]>(x, k)", "with padding=-1, expected a whole number from 0 up"),
        ('y = Conv<auto_pad = "SAME_UPPER", strides = [2, 2]>(x, k)', "with auto_pad=SAME_UPPER"),
        ('y = Conv<auto_pad = "SAME_LOWER">(x, even)', "with auto_pad=SAME_LOWER"),
        ("y = Conv<kernel_shape = [2, 2]>(x, k)", r"with kernel_shape=\[2, 2\]"),
        ("y = Conv(x, line)", r"with weights of float32 \(4, 2, 3\), expected float32 or float64 of 4 axes"),
        ("y = MaxPool<kernel_shape = [2, 2], ceil_mode = 1>(x)", "with ceil_mode=1, expected no padding"),
        ("y = MaxPool<kernel_shape = [2, 2], pads = [1, 1, 1, 1]>(x)", r"with pads=\(1, 1\), expected no padding"),
        ("y = AveragePool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(x)", r"with pads=\(1, 1\)"),
        ('y = AveragePool<kernel_shape = [3, 3], auto_pad = "SAME_UPPER">(x)', r"with pads=\(1, 1\)"),
        ("y = MaxPool<kernel_shape = [2]>(x)", r"with kernel_shape=\[2\], expected a window of pictures"),
        ("y = MaxPool<kernel_shape = [0, 2]>(x)", "with pool_size=0, expected a whole number from 1 up"),
        ("y = MatMul(x, m)", r"with x of sizes \('N', 2, 7, 6\), expected rows"),
    ],
)
def test_pictures_that_no_layer_computes(tmp_path: Path, body: str, message: str) -> None:
    more = {"grouped": numbers(4, 1, 3, 3), "even": numbers(4, 2, 2, 2), "line": numbers(4, 2, 3), "m": numbers(6, 5)}
    with pytest.raises(ValueError, match=rf"graph.onnx: got .*{message}"):
        nn.import_onnx(written(tmp_path, body, *SIZES, constants={**PICTURES, **more}))


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("y = MatMul(x, nan)", "weight"),
        ("y = Gemm<alpha = 0.5>(x, nan)", "weight"),
        ("y = Gemm<alpha = 1e30>(x, large)", "weight"),
        ("a = Cast<to = 1>(wide) y = MatMul(x, a)", "weight"),
        ("a = MatMul(x, w) c = Add(a, much) y = Add(c, much)", "bias"),
    ],
)
def test_weights_that_are_not_finite(tmp_path: Path, body: str, name: str) -> None:
    signalling = np.array([[0x7F800001] * 2] * 3, np.uint32).view(np.float32)  # NaN that warns of itself
    more = {
        "nan": signalling, "large": ROWS["w"] * np.float32(1e30), "wide": np.full((3, 2), 1e300),
        "much": np.full(2, 3e38, np.float32),
    }  # fmt: skip
    with pytest.raises(nn.NotFiniteError, match=f"got {name} with [0-9] of [0-9] values NaN or infinite"):
        nn.import_onnx(written(tmp_path, body, constants={**ROWS, **more}))
