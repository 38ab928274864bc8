"""A notebook as Markdown, with its kept outputs as text and pictures. Nothing runs."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass
class Pages:
    """A notebook's text in Markdown, and its pictures: file name -> bytes."""

    text: str
    pictures: dict[str, bytes] = field(default_factory=dict)


def to_markdown(notebook: str, name: str) -> Pages:
    """The notebook, its JSON text, as Markdown. Pictures are named NAME_1.png, NAME_2.png ...

    Raises
        ValueError : it is no notebook of format 4

    >>> cells = [{"cell_type": "code", "source": "1 + 1", "outputs": [
    ...     {"output_type": "execute_result", "data": {"text/plain": "2"}}]}]
    >>> print(to_markdown(json.dumps({"nbformat": 4, "cells": cells}), "sum").text)
    ```python
    1 + 1
    ```
    <BLANKLINE>
    ```{code-block} text
    :class: output
    2
    ```
    <BLANKLINE>
    """
    content = json.loads(notebook)
    if content.get("nbformat") != 4:
        raise ValueError(f"{name}: got nbformat {content.get('nbformat')}, expected 4; save it anew")
    made = Pages("")
    for cell in content["cells"]:
        source = _text(cell["source"]).strip("\n")
        if cell["cell_type"] == "markdown":
            made.text += source + "\n\n"
        elif cell["cell_type"] == "code":
            made.text += _fenced("python", source) if source else ""
            for output in cell.get("outputs", []):
                made.text += _output(output, name, made.pictures)
    return made


def _output(output: dict[str, object], name: str, pictures: dict[str, bytes]) -> str:
    if output["output_type"] == "stream":
        return _shown(_text(output["text"]))
    if output["output_type"] == "error":
        return _shown(_ANSI.sub("", "\n".join(output["traceback"])))  # type: ignore[arg-type]
    data: dict[str, object] = output["data"]  # type: ignore[assignment]
    if "image/png" in data:
        picture = f"{name}_{len(pictures) + 1}.png"
        pictures[picture] = base64.b64decode(_text(data["image/png"]))
        described = " ".join(_text(data.get("text/plain", "")).split()).strip("<>").replace("[", "(").replace("]", ")")
        return f"![{described}]({picture})\n\n"
    if "text/markdown" in data:
        return _text(data["text/markdown"]) + "\n\n"
    return _shown(_text(data.get("text/plain", "")))


def _text(lines: object) -> str:
    return "".join(lines) if isinstance(lines, list) else str(lines)


def _shown(text: str) -> str:
    text = _ANSI.sub("", text).rstrip("\n")
    return _fenced("{code-block} text\n:class: output", text) if text else ""


def _fenced(language: str, text: str) -> str:
    longest = max((len(fence) for fence in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}\n\n"
