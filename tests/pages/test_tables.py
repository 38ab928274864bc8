"""Tables, facts and bars."""

from __future__ import annotations

import re

import pytest

from nnscratch.pages.markup import element
from nnscratch.pages.tables import bar, facts, table
from tests.pages.parsed_page import ParsedPage


def test_rows_are_named_and_words_stand_left() -> None:
    made = table(
        ["layer", "count", "how"], [["Dense", "1,024", "by hand"], ["ReLU", "–", "all done"]], caption="A table"
    )
    page = ParsedPage(made)
    assert page.problems == []
    assert [given["scope"] for tag, given in page.elements if tag == "th"] == ["col"] * 3 + ["row"] * 2
    cells = re.findall(r"<td([^>]*)>([^<]*)</td>", made)
    assert cells == [("", "1,024"), (' class="text"', "by hand"), ("", "–"), (' class="text"', "all done")]
    assert 'aria-label="A table"' in made
    assert 'tabindex="0"' in made  # what scrolls can be reached by keys


def test_the_last_row_may_be_a_total_and_cells_are_escaped() -> None:
    made = table(["a", "b"], [["x", "<1"], ["all", element("b", "2")]], caption="c", last_is_total=True)
    assert made.count('class="total"') == 1
    assert made.index('class="total"') > made.index("&lt;1")
    assert "<td><b>2</b></td>" in made


def test_a_table_without_rows() -> None:
    assert ParsedPage(table(["a", "b"], [], caption="c")).problems == []


@pytest.mark.parametrize(
    ("value", "most", "width"), [(1, 4, "25.0"), (9, 4, "100.0"), (-1, 4, "0.0"), (float("nan"), 4, "0"), (1, 0, "0.0")]
)
def test_a_bar_stays_in_its_place(value: float, most: float, width: str) -> None:
    assert f"width:{width}%" in bar(value, most)
    assert "mark" not in bar(value, most)
    assert f"left:{width}%" in bar(1.0, 2.0, mark=None if most == 0 else value * 2 / most) or most == 0


def test_facts() -> None:
    assert "<dt>data</dt><dd>&lt;a&gt;.csv</dd>" in facts([("data", "<a>.csv")])
