"""The examples of the page on training print what it says."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"<!-- example -->\n```python\n(.*?)```\n\n<!-- printed -->\n```\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("code", "printed"), SHOWN)
def test_an_example_prints_what_the_page_says(code: str, printed: str) -> None:
    output = io.StringIO()
    with redirect_stdout(output):
        exec(code, {"__name__": "example"})
    assert output.getvalue() == printed


def test_every_example_says_what_it_prints() -> None:
    assert PAGE.count("\n```python") == len(SHOWN) > 3
