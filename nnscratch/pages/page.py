"""A whole page: one file that a browser opens from the disk, without a script or a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nnscratch.pages.markup import Html, element, joined

_HERE = Path(__file__).parent
# Whatever else may have got into the file: no script runs, nothing is loaded.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True)
class Section:
    """A part of a page.

    name    : its place in the address, such as "curves"
    heading : for people
    content : what stands below it
    """

    name: str
    heading: str
    content: Html


def shared_style() -> str:
    """What all pages share: colours, light and dark, and how the keyboard's place is shown."""
    return (_HERE / "shared.css").read_text(encoding="utf-8")


def page(title: str, about: object, head: object, sections: Sequence[Section]) -> str:
    """The page as text.

    title : its name and first heading
    about : a line below it
    head  : what everybody should see, before the sections

    >>> text = page("A run", "of today", "", [Section("score", "Score", element("p", "1 px"))])
    >>> text[:15], "<title>A run</title>" in text
    ('<!doctype html>', True)
    """
    style = shared_style() + (_HERE / "page.css").read_text(encoding="utf-8")
    links = joined(element("li", element("a", each.heading, href=f"#{each.name}")) for each in sections)
    parts = joined(
        element(
            "section",
            element("h2", each.heading, id=f"{each.name}-title"),
            each.content,
            id=each.name,
            aria_labelledby=f"{each.name}-title",
        )
        for each in sections
    )
    html = element(
        "html",
        element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", name="color-scheme", content="light dark"),
            element("title", title),
            element("style", Html(style)),
        ),
        element(
            "body",
            element("a", "To the content", href="#content", class_="skip"),
            element(
                "header",
                element("h1", title),
                element("p", about, class_="about"),
                element("nav", element("ul", links), aria_label="Sections"),
            ),
            element("main", head, parts, id="content"),
        ),
        lang="en",
    )
    return f"<!doctype html>\n{html}\n"
