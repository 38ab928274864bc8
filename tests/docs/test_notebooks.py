from __future__ import annotations

import base64
import json

import pytest
from house.notebooks import to_markdown


def notebook(*cells: dict[str, object], nbformat: int = 4) -> str:
    return json.dumps({"nbformat": nbformat, "cells": cells})


def code(source: str, *outputs: dict[str, object]) -> dict[str, object]:
    return {"cell_type": "code", "source": source, "outputs": outputs}


def test_markdown_stays_and_code_is_fenced() -> None:
    made = to_markdown(notebook({"cell_type": "markdown", "source": ["# A\n", "b"]}, code("x = 1\n")), "a")
    assert made.text == "# A\nb\n\n```python\nx = 1\n```\n\n"


def test_printed_text_loses_its_colours_and_cannot_end_its_fence() -> None:
    stream = {"output_type": "stream", "text": ["\x1b[31mred\x1b[0m\n", "```\n"]}
    assert to_markdown(notebook(code("", stream)), "a").text == (
        "````{code-block} text\n:class: output\nred\n```\n````\n\n"
    )


def test_pictures_are_files_in_their_order() -> None:
    data = [base64.b64encode(each).decode() for each in (b"one", b"two")]
    outputs = [
        {"output_type": "display_data", "data": {"image/png": each, "text/plain": "<Figure size 1x1>"}} for each in data
    ]
    made = to_markdown(notebook(code("draw()", *outputs)), "a")
    assert made.pictures == {"a_1.png": b"one", "a_2.png": b"two"}
    assert "![Figure size 1x1](a_1.png)\n\n![Figure size 1x1](a_2.png)" in made.text


def test_errors_and_results_are_shown() -> None:
    error = {"output_type": "error", "traceback": ["ValueError", "no"]}
    result = {"output_type": "execute_result", "data": {"text/plain": ["array([1])"], "text/html": "<b>1</b>"}}
    text = to_markdown(notebook(code("", error, result)), "a").text
    assert "ValueError\nno\n" in text
    assert "array([1])" in text
    assert "<b>" not in text


def test_other_formats_are_refused() -> None:
    with pytest.raises(ValueError, match="got nbformat 3, expected 4"):
        to_markdown(notebook(nbformat=3), "a")
