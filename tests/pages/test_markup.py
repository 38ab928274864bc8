"""HTML elements: whatever is in a text, it stays text."""

from __future__ import annotations

import os

import pytest

from nnscratch.pages.markup import Html, element, escaped, joined
from tests.pages.parsed_page import ParsedPage

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='x",
    "&lt;b&gt;",
    "</title></style><h1>",
    "a\x00b\x1b[31m",
    os.fsdecode(b"name-\xff.csv"),
    "abc\u202edcb",
    "-->]]>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_stays_a_text(text: str) -> None:
    made = element("p", text, title=text, **{"data_it": text})
    page = ParsedPage(made)
    assert page.problems == []
    assert [tag for tag, _ in page.elements] == ["p"]
    assert set(page.elements[0][1]) == {"title", "data-it"}
    if text.isprintable():
        assert page.text == " ".join(text.split())
        assert page.elements[0][1]["title"] == text
    assert made.encode("utf-8")
    assert made.replace("\n", "").isprintable()


def test_what_is_html_is_not_escaped_twice() -> None:
    inner = element("b", "1 < 2")
    assert element("p", inner, None, " & ") == "<p><b>1 &lt; 2</b> &amp; </p>"
    assert joined([inner, "<"]) == "<b>1 &lt; 2</b>&lt;"
    assert isinstance(escaped(inner), Html)
    # A part of it, or it with more, is text again.
    assert not isinstance(inner + "<", Html)
    assert not isinstance(inner.upper(), Html)


def test_attributes() -> None:
    assert (
        element("a", class_="x", hidden=True, id=None, data_row=0, open=False)
        == '<a class="x" hidden data-row="0"></a>'
    )
    assert element("meta", name="viewport") == '<meta name="viewport">'


def test_line_breaks_stay_in_text() -> None:
    assert escaped("one\ntwo\rthree") == "one\ntwo\\rthree"
