"""HTML from Python: elements whose text is escaped, unless it is HTML already."""

from __future__ import annotations

import html
from collections.abc import Iterable

# Elements without an end tag.
_VOID = {"br", "hr", "img", "input", "link", "meta", "wbr"}


class Html(str):
    """Text that is HTML already. Only what makes HTML makes one."""

    __slots__ = ()


def escaped(text: object) -> Html:
    r"""`text` so that a page shows it letter by letter, whatever is in it.

    Line breaks stay. Other characters that cannot be seen, or that turn the direction of a line,
    are written as escapes; so are halves of characters, which no file can hold.

    >>> "<" in escaped("a <b>"), escaped("a\x00")
    (False, 'a\\x00')
    """
    if isinstance(text, Html):
        return text
    words = str(text)
    if not words.isprintable():
        words = "".join(letter if letter == "\n" or letter.isprintable() else _escape(letter) for letter in words)
    return Html(html.escape(words))


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape", "backslashreplace").decode()


def element(name: str, /, *inside: object, **attributes: object) -> Html:
    """An element with escaped text and attributes.

    inside     : text, or Html; None is left out
    attributes : `class_` and `for_` lose their underscore, others have hyphens for it; True stands
        without a value, None and False are left out

    >>> element("p", "It is ", element("b", "so"), class_="note", data_row=3)
    '<p class="note" data-row="3">It is <b>so</b></p>'
    >>> element("img", src="a.png", alt="a face")
    '<img src="a.png" alt="a face">'
    """
    told = "".join(
        _attribute(key, value) for key, value in attributes.items() if value is not None and value is not False
    )
    if name in _VOID:
        return Html(f"<{name}{told}>")
    return Html(f"<{name}{told}>{joined(inside)}</{name}>")


def joined(parts: Iterable[object]) -> Html:
    """The parts one after the other, escaped unless they are Html; None is left out.

    >>> joined([element("b", "a"), None, "c"])
    '<b>a</b>c'
    """
    return Html("".join(escaped(part) for part in parts if part is not None))


def _attribute(name: str, value: object) -> str:
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escaped(value)}"'
