"""Tables: the first column names the row, numbers stand below each other."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nnscratch.pages.markup import Html, element, joined

# What stands to the right: a number with or without sign and unit, or a dash for a missing one.
_NUMBER = re.compile(r"[-+−]?[\d,]*\.?\d+(e[-+]?\d+)?\s?(%|[kMGT]|px|ms|s|min|MB|kB)?|[-–—]|nan|inf|all|off|")


def table(
    headings: Sequence[object],
    rows: Sequence[Sequence[object]],
    *,
    caption: str,
    last_is_total: bool = False,
    show_caption: bool = False,
) -> Html:
    """A table that scrolls by itself where it is too wide.

    headings : of the columns, as text or Html
    rows     : cells, as text or Html, as many as headings; the first names the row
    caption  : what it is, for who cannot see it; shown above it if `show_caption`

    >>> made = table(["layer", "count"], [["Dense(2, 1)", "3"]], caption="Parameters")
    >>> '<th scope="row">Dense(2, 1)' in made
    True
    """
    words = [all(_is_words(row[column]) for row in rows) and rows != [] for column in range(len(headings))]
    head = joined(
        element("th", heading, scope="col", class_="text" if column == 0 or words[column] else None)
        for column, heading in enumerate(headings)
    )
    body = joined(
        element(
            "tr",
            element("th", row[0], scope="row"),
            joined(
                element("td", cell, class_="text" if words[column] else None) for column, cell in enumerate(row[1:], 1)
            ),
            class_="total" if last_is_total and number == len(rows) else None,
        )
        for number, row in enumerate(rows, 1)
    )
    inside = element(
        "table",
        element("caption", caption, class_=None if show_caption else "unseen"),
        element("thead", element("tr", head)),
        element("tbody", body),
    )
    return element("div", inside, class_="scroll", tabindex="0", role="region", aria_label=caption)


def _is_words(cell: object) -> bool:
    return not isinstance(cell, Html) and not _NUMBER.fullmatch(str(cell))


def facts(pairs: Sequence[tuple[object, object]]) -> Html:
    """Names and what they are, as a list of definitions.

    >>> "<dt>epochs</dt><dd>30</dd>" in facts([("epochs", 30)])
    True
    """
    told = (element("div", element("dt", name), element("dd", value)) for name, value in pairs)
    return element("dl", joined(told), class_="facts")


def bar(value: float, most: float, *, mark: float | None = None) -> Html:
    """A bar as wide as value / most of its place, and a line at `mark`; for the eye alone.

    Numbers that are not finite give an empty bar: whoever calls it writes the number beside it.

    >>> bar(1.0, 4.0, mark=2.0)[:44]
    '<span class="bar" aria-hidden="true"><span s'
    """
    filled = element("span", style=f"width:{_percent(value, most)}%", class_="filled")
    line = None if mark is None else element("span", style=f"left:{_percent(mark, most)}%", class_="mark")
    return element("span", filled, line, class_="bar", aria_hidden="true")


def _percent(value: float, most: float) -> str:
    share = value / most if most > 0 else 0.0
    return f"{100 * min(max(share, 0.0), 1.0):.1f}" if share == share else "0"
