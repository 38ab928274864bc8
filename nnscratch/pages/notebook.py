"""What an object shows of itself in a notebook: a small view whose style reaches nothing else."""

from __future__ import annotations

from pathlib import Path

from nnscratch.pages.markup import Html, element

_HERE = Path(__file__).parent


def view(title: object, *inside: object) -> str:
    """HTML for `_repr_html_`: readable on a light and on a dark ground, without a script.

    title : a line that names the object

    >>> "<p>two layers</p>" in view("A model", element("p", "two layers"))
    True
    """
    style = (_HERE / "notebook.css").read_text(encoding="utf-8")
    return element(
        "div", element("style", Html(style)), element("div", title, class_="title"), *inside, class_="nnscratch-view"
    )


def text_view(title: object, text: str) -> str:
    """A view of a table that is text already: as it is, in letters of one width."""
    return view(title, element("pre", text))
