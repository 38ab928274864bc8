"""A page as a reader of HTML sees it, and what is wrong with it."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise

INLINE = {"a", "b", "strong", "small", "span", "code"}
VOID = {"meta", "img", "br", "hr", "link", "input"}
# Attributes by which a page asks for something.
ASKING = {"src", "href", "xlink:href", "action", "data", "poster", "srcset", "background"}


class ParsedPage(HTMLParser):
    """Tags, attributes and text of a page.

    Attributes
        problems : what is wrong, a line each
        elements : (tag, attributes) in their order
        text     : all of it, styles aside
        headings : (level, text)
    """

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.problems: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.headings: list[tuple[int, str]] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        self.problems += [f"<{tag}> is not closed" for tag in self._open]
        self._look()

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def attributes(self, name: str) -> list[str]:
        return [given[name] for _, given in self.elements if name in given]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if len(given) < len(attrs):
            self.problems.append(f"<{tag}> has an attribute twice")
        self.elements.append((tag, given))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1] != tag:
            self.problems.append(f"</{tag}> inside {self._open[-3:]}")
        else:
            self._open.pop()
        if tag not in INLINE:
            self.words.append(" ")

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            if re.search(r"@import|url\((?!#)|expression", data):
                self.problems.append("a style asks for something")
            return
        self.words.append(data)
        if self._open and re.fullmatch("h[1-6]", self._open[-1]):
            level, text = self.headings[-1]
            self.headings[-1] = (level, text + data)

    def _look(self) -> None:
        ids = Counter(self.attributes("id"))
        self.problems += [f"{count} elements have the id {name}" for name, count in ids.items() if count > 1]
        for tag, given in self.elements:
            if tag in ("script", "iframe", "object", "embed", "base", "form"):
                self.problems.append(f"there is a <{tag}>")
            self.problems += [f"<{tag}> has {name}" for name in given if name.startswith("on")]
            for name in ASKING & given.keys():
                address = given[name]
                inside = address.startswith("#") and address[1:] in ids
                if not inside and not address.startswith("data:image/png;base64,"):
                    self.problems.append(f"<{tag} {name}={address[:80]!r}>")
            for used in re.findall(r"url\(#([^)]+)\)", " ".join(given.values())):
                if used not in ids:
                    self.problems.append(f"nothing has the id {used}")
            if tag == "img" and not given.get("alt"):
                self.problems.append("an <img> without alt")
            if tag == "svg" and not (given.get("role") == "img" and given.get("aria-label")):
                self.problems.append("an <svg> without role and aria-label")
        levels = [level for level, _ in self.headings]
        skipped = [pair for pair in pairwise(levels) if pair[1] > pair[0] + 1]
        self.problems += [f"a heading of level {after} behind one of {before}" for before, after in skipped]
        self.problems += ["a heading without text" for _, text in self.headings if not text.strip()]


def check_page(page: str) -> ParsedPage:
    """Asserts that nothing is wrong with a whole page, and gives it."""
    parsed = ParsedPage(page)
    assert parsed.problems == []
    assert page.startswith("<!doctype html>")
    levels = [level for level, _ in parsed.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert len(page.encode("utf-8")) < 3_000_000
    names = {given.get("name") for tag, given in parsed.elements if tag == "meta"}
    assert {"viewport", "color-scheme"} <= names
    policy = next(given["content"] for _, given in parsed.elements if "http-equiv" in given)
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    return parsed


def check_view(view: str) -> ParsedPage:
    """The same of a view in a notebook, whose style must reach nothing else."""
    parsed = ParsedPage(view)
    assert parsed.problems == []
    style = view[view.index("<style>") + 7 : view.index("</style>")]
    rules = re.findall(r"([^{}]+)\{[^{}]*\}", re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL))
    selectors = [each.strip() for rule in rules for each in rule.split(",")]
    assert selectors
    assert [each for each in selectors if not each.startswith(".nnscratch-view")] == []
    assert view.count("<style") == 1
    assert len(view) < 100_000
    return parsed
