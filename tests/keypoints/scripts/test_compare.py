"""python -m nnscratch compare: what it prints and writes, and what it refuses in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import nnscratch as nn
from nnscratch.__main__ import main as nnscratch_main
from nnscratch.keypoints import networks
from nnscratch.keypoints.scripts import compare
from nnscratch.profiling import comparison, conv2d, dense, max_pool2d, roof
from nnscratch.profiling.roof import Roof

SMALL = {
    "conv2d": ["--shape", "3,9,8,2,3,3"],
    "maxpool": ["--shape", "2,6,6,3"],
    "dense": ["--shape", "4,6,5"],
    "network": ["--network", "mlp", "--batch", "2"],
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rounds, a roof of no meaning, and an MLP that is small."""

    def small(rng: Any) -> nn.Sequential:
        return nn.Sequential(nn.Flatten(), nn.Dense(9216, 4, rng=rng), nn.ReLU(), nn.Dense(4, 30, rng=rng))

    monkeypatch.setattr(roof, "_measured", lambda dtype, threads: Roof(100.0, 10.0, threads, dtype))
    monkeypatch.setattr(comparison.compare, "__kwdefaults__", {"seconds": 0.0})
    monkeypatch.setattr(conv2d, "_PRODUCTS_OF_LOOPS", 2000)
    monkeypatch.setattr(max_pool2d, "_COMPARISONS_OF_LOOPS", 500)
    monkeypatch.setattr(dense, "_PRODUCTS_OF_LOOPS", 500)
    monkeypatch.setitem(networks.NETWORKS, "mlp", small)
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("operation", SMALL)
def test_a_table_of_80_columns_and_the_same_facts_as_json(
    operation: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compare.main([operation, *SMALL[operation], "--json", str(tmp_path / "a.json"), "--plot", str(tmp_path / "a.png")])
    printed = capsys.readouterr()
    assert not printed.err
    assert max(map(len, printed.out.splitlines())) <= 80
    facts = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert {"machine", "title", "operations", "bounds", "roof", "methods", "rows"} <= facts.keys()
    methods = {row["method"] for row in facts["rows"]}
    assert methods == facts["methods"].keys()
    assert all(f"\n{name} " in printed.out for name in methods)
    assert any(row["chosen"] for row in facts["rows"])
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


def test_options_reach_the_operation(capsys: pytest.CaptureFixture[str]) -> None:
    compare.main(["conv2d", "--shape", "3,9,8,2,3,3", "--stride", "2", "--padding", "1", "--threads", "1"])
    out = " ".join(capsys.readouterr().out.split())
    assert "3 images of 9 x 8, 2 to 3 channels, 3 x 3, stride 2, padding 1" in out
    assert "on 1 thread" in out
    assert "Winograd *" not in out
    compare.main(["maxpool", "--shape", "2,9,9,3", "--pool", "3", "--stride", "2"])
    assert "windows of 3 x 3, stride 2" in capsys.readouterr().out


def test_the_number_of_threads_is_put_back() -> None:
    before = nn.get_threads()
    compare.main(["dense", "--shape", "4,6,5", "--threads", str(before + 1)])
    assert nn.get_threads() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: operation"),
        (["convolution"], "invalid choice"),
        (["conv2d", "--shape", "1,2"], "got --shape 1,2, expected N,H,W,C_IN,C_OUT,K for conv2d"),
        (["dense", "--shape", "1,2,0"], "expected whole numbers from 1 up"),
        (["dense", "--shape", "1,x,3"], "expected whole numbers from 1 up"),
        (["dense", "--shape", "1,-2,3"], "expected whole numbers from 1 up"),
        (["dense", "--shape", ""], "expected whole numbers from 1 up"),
        (["dense", "--shape", "1,2,99999999999"], "expected whole numbers from 1 up"),
        (["dense", "--shape", "100000,100000,1"], "expected at most 1.3e+08"),
        (["dense", "--shape", "10000,9999,10000"], "expected at most 2e+10"),
        (["conv2d", "--shape", "1,999999999,999999999,1,1,1"], "expected at most 1.3e+08"),
        (["conv2d", "--shape", "1,8,8,1,1,3", "--padding", "999999"], "expected at most 1.3e+08"),
        (["conv2d", "--shape", "1,4,4,1,1,9"], "of at least 9 x 9 pixels"),
        (["conv2d", "--shape", "1,3,3,1,1,3"], "of at least 2 x 2 pixels"),
        (["maxpool", "--shape", "1,3,3,1", "--pool", "5"], "of at least 5 x 5 pixels"),
        (["maxpool", "--shape", "9999999,9999,3,1"], "expected at most 1.3e+08"),
        (["conv2d", "--pool", "3"], "argument --pool: got it for conv2d, expected it for maxpool"),
        (["network", "--shape", "1,2,3"], "argument --shape: got it for network"),
        (["dense", "--stride", "2"], "argument --stride: got it for dense, expected it for conv2d or maxpool"),
        (["network", "--batch", "1000000"], "expected at most 1.3e+08"),
        (["network", "--network", "alexnet"], "invalid choice"),
        (["dense", "--plot", "a.pdf"], "expected a name that ends in .png"),
        (["dense", "--json", "nowhere/a.json"], "argument --json: nowhere/a.json: got a folder that does not exist"),
        (["dense", "--plot", "nowhere/a.png"], "argument --plot: nowhere/a.png: got a folder that does not exist"),
        (["dense", "--threads", "0"], "expected a whole number from 1 up"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        nnscratch_main(["compare", *arguments])
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not printed.out


def test_a_wrong_kernel_ends_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    right = dense.matmul
    monkeypatch.setattr(dense, "matmul", lambda a, b: 1.01 * right(a, b))
    with pytest.raises(SystemExit) as stop:
        nnscratch_main(["compare", "dense", "--shape", "4,6,5"])
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert "got y by own that differs by" in printed.err
    assert not printed.out
