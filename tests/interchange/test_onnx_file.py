"""A file that may be anything: what is no whole ONNX file is told in one line."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.interchange import onnx_file
from nnscratch.interchange.onnx_file import OnnxFile
from tests.interchange.onnx_graphs import numbers, onnx, written

EXPORTED = Path(__file__).parent / "exported"


def opened(path: Path) -> OnnxFile:
    return OnnxFile("test", path)


def one_dense(folder: Path, **options: object) -> Path:
    return written(folder, "y = MatMul(x, w)", constants={"w": numbers(3, 2)}, **options)  # type: ignore[arg-type]


def test_what_is_in_it(tmp_path: Path) -> None:
    file = opened(written(tmp_path, "a = Relu(x) y = MatMul(a, w)", constants={"w": numbers(3, 2)}))
    assert (file.version, file.input.name, file.output.name) == (17, "x", "y")
    assert [onnx_file.label(node) for node in file.nodes] == ["Relu (node 'a')", "MatMul (node 'y')"]
    file.nodes[1].name, file.nodes[1].domain = "last", "own"
    assert onnx_file.label(file.nodes[1]) == "own.MatMul (node 'last')"
    assert file.maker("y") is file.nodes[1]
    assert file.maker("x") is None
    np.testing.assert_array_equal(file.constant("w"), numbers(3, 2))
    assert file.constant("x") is None


def test_a_constant_that_is_moved(tmp_path: Path) -> None:
    body = """
        h = Constant<value = int64[2] {0, -1}>() a = Cast<to = 1>(w) b = Transpose(a) c = Reshape(b, h)
        d = Identity(c) y = MatMul(x, d)
    """
    w = numbers(2, 3, dtype=np.float64)
    file = opened(written(tmp_path, body, constants={"w": w}))
    np.testing.assert_array_equal(file.constant("d"), w.T.astype(np.float32), strict=True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("value_float = 2.5", np.float32(2.5)),
        ("value_floats = [1.0, 2.0]", np.float32([1, 2])),
        ("value_int = 3", np.int64(3)),
        ("value_ints = [3, 4]", np.int64([3, 4])),
    ],
)
def test_a_constant_in_an_operator(tmp_path: Path, value: str, expected: np.ndarray) -> None:
    file = opened(written(tmp_path, f"c = Constant<{value}>() y = MatMul(x, w)", constants={"w": numbers(3, 2)}))
    np.testing.assert_array_equal(file.constant("c"), expected, strict=True)


def test_a_constant_that_is_text(tmp_path: Path) -> None:
    file = opened(
        written(tmp_path, 'c = Constant<value_string = "a">() y = MatMul(x, w)', constants={"w": numbers(3, 2)})
    )
    with pytest.raises(ValueError, match="its constant 'c' is neither numbers nor a tensor"):
        file.constant("c")


def test_a_constant_that_is_reshaped_to_nothing_known(tmp_path: Path) -> None:
    file = opened(written(tmp_path, "s = Shape(x) c = Reshape(w, s) y = MatMul(x, c)", constants={"w": numbers(3, 2)}))
    with pytest.raises(ValueError, match=r"got a damaged file \(Reshape \(node 'c'\) has no shape\)"):
        file.constant("c")


def test_initializers_may_be_inputs_as_in_old_files(tmp_path: Path) -> None:
    path = one_dense(tmp_path, x="float[N,3] x, float[3,2] w")
    assert opened(path).input.name == "x"


def refused(path: Path) -> str | None:
    """The message of import_onnx; None: it took the file."""
    try:
        nn.import_onnx(path)
    except ValueError as error:
        return str(error)
    return None


def test_every_beginning_of_a_file_is_told_as_damaged(tmp_path: Path) -> None:
    content, path = (EXPORTED / "torchscript_mlp.onnx").read_bytes(), tmp_path / "part.onnx"
    for length in range(0, len(content), 19):
        path.write_bytes(content[:length])
        message = refused(path)
        assert message is not None
        assert message.startswith(f"{path}: got ")
        assert "\n" not in message
        assert len(message) < 300


def test_damaged_bytes_raise_nothing_but_a_value_error(tmp_path: Path) -> None:
    content, path = (EXPORTED / "torchscript_viewed.onnx").read_bytes(), tmp_path / "damaged.onnx"
    rng = np.random.default_rng(0)
    messages = []
    for _ in range(100):
        damaged = bytearray(content)
        for place in rng.integers(len(content), size=3):
            damaged[place] = rng.integers(256)
        path.write_bytes(bytes(damaged))
        messages.append(refused(path))
    told = [message for message in messages if message is not None]
    assert 30 < len(told) < 100  # in the others a weight or a name has changed
    assert max(map(len, told)) < 300


@pytest.mark.parametrize("content", [b"", b"x,y\n1,2\n" * 30, bytes(1000), b"\x08\x08", b"PK\x03\x04" + bytes(100)])
def test_no_onnx_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"other\.onnx: got a damaged file \(.*\), expected an ONNX file; export it again"
    ):
        opened(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        opened(tmp_path / "missing.onnx")
    with pytest.raises(IsADirectoryError):
        opened(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="a pipe or a device"):
        opened(tmp_path / "pipe")


def test_a_huge_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = one_dense(tmp_path)
    monkeypatch.setattr(onnx_file, "MOST_BYTES", path.stat().st_size)
    opened(path)
    monkeypatch.setattr(onnx_file, "MOST_BYTES", path.stat().st_size - 1)
    with pytest.raises(ValueError, match="it has more than [0-9]* bytes"):
        opened(path)


@pytest.mark.parametrize("version", [1, 6, 999])
def test_operators_of_an_unknown_version(tmp_path: Path, version: int) -> None:
    with pytest.raises(ValueError, match=f"got operators of version {version}, expected 7 to "):
        opened(one_dense(tmp_path, version=version))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"x": "float[N,3] x, float[N,3] z"}, r"got 2 inputs \(x, z\), expected one input"),
        ({"y": "float[N,2] y, float[N,3] x"}, r"got 2 outputs \(y, x\), expected one output"),
        ({"x": ""}, "got "),
    ],
)
def test_several_inputs_or_outputs(tmp_path: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        opened(one_dense(tmp_path, **options))


def test_no_input_at_all(tmp_path: Path) -> None:
    path = written(tmp_path, "y = Identity(w)", x="", y="float[3,2] y", constants={"w": numbers(3, 2)})
    with pytest.raises(ValueError, match="got 0 inputs, expected one input"):
        opened(path)


def test_a_condition(tmp_path: Path) -> None:
    body = """
        c = Constant<value = bool {1}>()
        y = If (c) <then_branch = yes () => (float[N,3] a) { a = Relu(x) },
                    else_branch = no () => (float[N,3] b) { b = Tanh(x) }>
    """
    with pytest.raises(ValueError, match=r"got If \(node 'y'\) with a graph or a file of its own, expected a chain"):
        opened(written(tmp_path, body, y="float[N,3] y"))


def test_operators_that_mean_something_else_here(tmp_path: Path) -> None:
    path = one_dense(tmp_path)
    model = onnx.load(path)
    body = [onnx.helper.make_node("Sub", ["a", "b"], ["c"])]
    opset = [onnx.helper.make_opsetid("", 17)]
    model.functions.append(onnx.helper.make_function("", "MatMul", ["a", "b"], ["c"], body, opset))
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ValueError, match="it redefines operators of ONNX"):
        opened(path)
