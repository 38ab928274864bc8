"""Compiled functions with checked bounds and without: in processes, as it is decided at import."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kernels.interpreter import Interpreter

ROOT = Path(__file__).parents[2]
Run = Callable[[str, str], subprocess.CompletedProcess[str]]

# Each calls a kernel with an array that is too short, as no guard would let it.
WRONG_CALLS = {
    "an index": """
from nnscratch.kernels.updates import sgd
sgd(np.ones(8, np.float32), np.ones(5, np.float32), np.float32(1), np.float32(0))
""",
    "a vector load": """
from nnscratch.kernels.products.gemv import row_by_matrix
row_by_matrix(np.ones((1, 8)), np.ones((3, 3)), np.ones((1, 3)), 0, 8)
""",
    "a vector store": """
from nnscratch.kernels.products.gemv import row_by_transposed
row_by_transposed(np.ones((1, 8)), np.ones((9, 8)), np.ones((1, 7)), 0, 9)
""",
    "a number that is broadcast": """
from nnscratch.kernels.products.gemv import row_by_matrix
row_by_matrix(np.ones((1, 5)), np.ones((9, 3)), np.ones((1, 3)), 0, 8)
""",
    "a tile": """
from nnscratch.kernels.products.gemm import gemm, packed_size
a, b, c = np.ones((9, 20), np.float32), np.ones((20, 50), np.float32), np.ones((9, 48), np.float32)
gemm(a, False, b, False, c, 0, 9, 0, 50, 0, 20, np.empty(packed_size(c.dtype), c.dtype))
""",
    "an index into a picture": """
from nnscratch.kernels.warp import sample
sample(np.ones((1, 5, 5, 1), np.float32), np.ones((0, 2, 3), np.float32), np.ones((1, 5, 5, 1), np.float32))
""",
    "weights of a replaced parameter": """
from nnscratch.kernels.channel_vectors.direct import pack_weight
pack_weight(np.ones((1, 2, 1, 32), np.float32), np.ones(32, np.float32), np.ones((1, 10, 32), np.float32))
""",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """run(program, check): how it ends with this value of NNSCRATCH_CHECK."""
    with Interpreter(tmp_path_factory.mktemp("forked")) as interpreter:
        yield lambda program, check: interpreter.run("import numpy as np\n" + program, ROOT, NNSCRATCH_CHECK=check)


# The check is that of a vector, in the kernel that takes longest to compile.
AT_NIGHT = {"a tile"}


@pytest.mark.parametrize(
    "call", [pytest.param(call, marks=[pytest.mark.nightly] * (call in AT_NIGHT)) for call in WRONG_CALLS]
)
def test_a_wrong_call_raises_index_error(run: Run, call: str) -> None:
    done = run(WRONG_CALLS[call], "1")
    assert done.returncode == 1
    assert "IndexError: " in done.stderr.splitlines()[-1]


def test_the_message_names_intrinsic_and_argument(run: Run) -> None:
    last = run(WRONG_CALLS["a vector load"], "1").stderr.splitlines()[-1]
    assert last == "IndexError: add_rows: w is read or written outside of its array"


@pytest.mark.parametrize(("value", "checked"), [("", False), ("0", False), (" ", False), ("1", True), ("yes", True)])
def test_the_variable(run: Run, value: str, checked: bool) -> None:
    program = """
from nnscratch.kernels.compiled import CHECKED
from nnscratch.kernels.warp import sample
print(CHECKED, sample.targetoptions.get("boundscheck"))
"""
    assert run(program, value).stdout.split() == [str(checked), str(checked or None)]


# Each gives an array y.
RIGHT_CALLS = {
    "a row by a matrix": "y = matmul(random((1, 40)), random((40, 50)))",
    "matrices": "y = matmul(random((30, 40)), random((40, 50)))",
    "a convolution": """
model = nn.Sequential(nn.Conv2D(1, 3, 3, rng=0), nn.ReLU(), nn.MaxPool2D(2))
y = model.forward(random((5, 9, 9, 1)))
""",
}


@pytest.mark.parametrize(
    "call", ["a row by a matrix", *(pytest.param(call, marks=pytest.mark.nightly) for call in list(RIGHT_CALLS)[1:])]
)
def test_a_right_call_gives_the_same_bits(run: Run, call: str) -> None:
    program = f"""
import zlib, nnscratch as nn
from nnscratch.kernels.products.matmul import matmul
rng = np.random.default_rng(0)
def random(shape):
    return rng.random(shape, dtype=np.float32)
{RIGHT_CALLS[call]}
print(zlib.crc32(y.tobytes()))
"""
    results = {run(program, check).stdout for check in ("", "1")}
    assert len(results) == 1
    assert results != {""}


def test_without_the_variable_the_machine_code_has_no_trace_of_it(run: Run) -> None:
    program = """
from nnscratch.kernels.assembly import assembly
from nnscratch.kernels.products.gemv import row_by_matrix
code = assembly(row_by_matrix, np.ones((1, 8)), np.ones((8, 3)), np.ones((1, 3)), 0, 8)
print(len(code), "IndexError" in code)
"""
    plain, checked = run(program, "").stdout.split(), run(program, "1").stdout.split()
    assert int(plain[0]) < int(checked[0])
    assert plain[1] == "False"
