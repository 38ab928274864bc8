"""The recipes print what the page says, quickly, and are as short as it promises."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
RECIPES = re.findall(
    r"## ([^\n]+)\n.*?<!-- example -->\n```python\n(.*?)```\n\n<!-- printed -->\n```\n(.*?)```", PAGE, re.DOTALL
)


@pytest.mark.parametrize(("code", "printed"), [recipe[1:] for recipe in RECIPES], ids=[each[0] for each in RECIPES])
def test_a_recipe_prints_what_the_page_says(
    code: str, printed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(code.splitlines()) <= 20
    monkeypatch.chdir(tmp_path)
    output = io.StringIO()
    with mpl.rc_context({"backend": "agg"}), redirect_stdout(output):
        exec(code, {"__name__": "recipe"})
        plt.close("all")
    assert output.getvalue() == printed
    for name in re.findall(r'savefig\("(.*?)"\)', code):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_every_section_has_its_recipe() -> None:
    assert [name for name, _, _ in RECIPES] == re.findall(r"^## (.*)", PAGE, re.MULTILINE)
    assert PAGE.count("```python") == len(RECIPES) >= 4
