"""The examples of the page on interchange run, and print what it says."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "interchange.md").read_text(encoding="utf-8")


def test_the_example_for_safetensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("safetensors")
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.partition("## ONNX")[0], re.DOTALL)
    exec(code, {"__name__": "example"})
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.safetensors"]


def test_the_examples_for_onnx_print_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    shown = re.findall(r"<!-- example -->\n```python\n(.*?)```\n\n<!-- printed -->\n```\n(.*?)```", PAGE, re.DOTALL)
    assert len(shown) == 2
    for code, printed in shown:  # the second reads what the first wrote
        output = io.StringIO()
        with redirect_stdout(output):
            exec(code, {"__name__": "example"})
        assert output.getvalue() == printed
