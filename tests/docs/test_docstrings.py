from __future__ import annotations

import ast
import html
import re
from pathlib import Path

import pytest
from house.docstrings import to_rst

ROOT = Path(__file__).parent.parent.parent


FILES = sorted((ROOT / "nnscratch").rglob("*.py"))


def docstrings(path: Path) -> list[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    described = (node for node in nodes if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef))
    return [text for node in described if (text := ast.get_docstring(node))]


def shown(lines: list[str]) -> str:
    """What a reader sees, without markup; of a formula, its plain text."""
    text = "\n".join(line for line in lines if not re.match(r"\.\. (raw|code-block)::", line))
    text = re.sub(r"(?m)^\.\. rubric:: ", "", text)
    for plain, inside in re.findall(r'<math displaystyle="true" alttext="([^"]*)">(.*?)</math>', text):
        assert signs(re.sub(r"<[^>]*>", " ", inside)) == signs(plain), plain
    text = re.sub(r'<math displaystyle="true" alttext="([^"]*)">.*?</math>', r" \1 ", text)
    return html.unescape(re.sub(r"</?(?:div|table|tr|td|br)\b[^>]*>", " ", text))


def signs(text: str) -> str:
    """All letters and digits of a formula in their order, less those that become signs."""
    found = re.findall(r"[^\W_]+", html.unescape(text).replace("ᵀ", " T").replace("′", " "))
    return "".join(word for word in found if word not in ("sum", "over", "of", "sqrt", "floor"))


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.replace("\\", ""))


@pytest.mark.parametrize("folder", sorted({path.parent for path in FILES}), ids=lambda folder: folder.name)
def test_no_word_of_any_docstring_is_lost_or_moved(folder: Path) -> None:
    for path in FILES:
        if path.parent == folder:
            for text in docstrings(path):
                assert words(shown(to_rst(text))) == words(text), path


def test_the_formulas_of_the_layers_are_typeset() -> None:
    lines = [
        line for path in FILES if path.parent.name == "layers" for text in docstrings(path) for line in to_rst(text)
    ]
    assert sum(line.count("<math") for line in lines) > 50


EXAMPLE = """Multiplies each channel by a learnt number.

Arguments
    scale, shift : two numbers
        of a kind
    p : `float`, the share

Shapes
    N images, C channels
    x, dx : (N, C)      y, dy : (N, C), like x

Forward
    y[n,c] = x[n,c] * scale[c]

Backward, given dy = dL/dy
    Each x feeds one y:
        dx[n,c]   = dy[n,c] * scale[c]            dx = dy S
        dscale[c] = sum over n of dy[n,c] *
                    x[n,c]
    That is all.

In every step
    for each row:
        y <- x        forward

Cost: N * C multiply-adds; *nothing* is kept_.

>>> 1 + 1
2

Source: nobody."""


def test_each_part_gets_its_form() -> None:
    lines = to_rst(EXAMPLE)
    text = "\n".join(lines)
    assert lines[0] == "Multiplies each channel by a learnt number."
    headings = [line.removeprefix(".. rubric:: ") for line in lines if line.startswith(".. rubric::")]
    assert headings == ["Arguments", "Shapes", "Forward", "Backward, given dy = dL/dy", "In every step"]
    assert "\n``scale``, ``shift``\n    two numbers\n    of a kind\n``p``\n    ``float``, the share\n" in text
    assert "\n``x``, ``dx``\n    ``(N, C)``\n``y``, ``dy``\n    ``(N, C)``\\ , like x\n" in text
    assert text.count('<div class="formulas">') == 2
    assert text.count("<tr>") == 3  # the line that goes on belongs to its formula
    assert ".. code-block:: text\n\n    for each row:\n        y <- x        forward\n" in text
    assert "**Cost:** N \\* C multiply-adds; *nothing* is kept\\_.\n" in text
    assert "\n>>> 1 + 1\n2\n" in text
    assert "**Source:** nobody." in text


def test_a_sentence_that_is_wrapped_before_an_equals_sign_stays_one() -> None:
    text = "The head is round, and it looks to the left if its angle is below the one that is meant, so\nx = 1 holds."
    assert to_rst(f"Head.\n\n{text}")[2:] == [*text.splitlines(), ""]


def test_columns_and_matrices_keep_their_blanks() -> None:
    for block in ("input      pictures\n    output    errors", "B = 1 0 -1\n        0 1  1"):
        assert to_rst(f"A map.\n\n    {block}")[2:6] == [
            ".. code-block:: text", "", *("    " + line.removeprefix("    ") for line in block.splitlines()),
        ]  # fmt: skip


def test_a_map_of_files_is_a_list_of_definitions() -> None:
    expected = ["``faces.py``", "    pictures", "``drawn/``", "    faces \\* 2", ""]
    assert to_rst("A map.\n\n    faces.py   pictures\n      drawn/   faces * 2")[2:] == expected
    assert to_rst("A map.\n\nfaces.py   pictures\ndrawn/     faces * 2")[2:] == expected


def test_what_stands_behind_a_formula_is_a_remark() -> None:
    lines = to_rst("x.\n\nForward\n    y = max(x, 0), each number by itself\n    otherwise: y = 0\n")
    row = next(line for line in lines if "formulas" in line)
    assert '<td class="remark">each number by itself</td>' in row
    assert '<td class="condition">otherwise</td>' in row


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("k*k*c_in * c_out", r"k\*k\*c_in \* c_out"),
        ("what a layer *is*:", "what a layer *is*:"),
        ("`forward`s and `a`", r"``forward``\ s and ``a``"),
        ("|a - b|", r"\|a - b\|"),
        ("one ` alone", r"one \` alone"),
    ],
)
def test_signs_of_sphinx_stay_signs(text: str, expected: str) -> None:
    assert to_rst(text)[0] == expected
