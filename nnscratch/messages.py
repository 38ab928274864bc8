"""Messages for people: one printable line of bounded length, whatever a file has put into them."""

from __future__ import annotations

LONGEST = 270  # characters; with the name of a program before them, a line stays under 300
_LEAST = 60  # characters of each part that are kept before the other one is cut


def printable(text: str) -> str:
    r"""`text` with line breaks and other control characters written as escapes.

    >>> print(printable("two\nlines"))
    two\nlines
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def shown(value: str, longest: int = 40) -> str:
    """`value` in quotes, for a message: a long one is cut, and its length is given.

    >>> shown("1.5")
    "'1.5'"
    >>> shown("12 " * 20, longest=6)
    "'12 12 ...' (60 characters)"
    """
    if len(value) <= longest:
        return f"'{value}'"
    return f"'{value[:longest]}...' ({len(value):,} characters)"


def described(value: object, longest: int = 60) -> str:
    """The repr of a value on one line, for a message: a long one is cut.

    >>> described({"lr": 0.1})
    "{'lr': 0.1}"
    >>> described(list(range(100)), longest=12)
    '[0, 1, 2, 3,...'
    """
    text = " ".join(repr(value).split())
    return text if len(text) <= longest else f"{text[:longest]}..."


def one_line(place: str, came: str, expected: str, fix: str) -> str:
    """ "PLACE: got CAME, expected EXPECTED; FIX", printable, of at most `LONGEST` characters.

    What is too long is cut: `place` at its beginning, `came` at its end.

    >>> one_line("a.csv", "5 pixels", "9,216", "add the others")
    'a.csv: got 5 pixels, expected 9,216; add the others'
    >>> len(one_line("folder/" * 100, "x" * 1000, "less", "cut it"))
    270
    """
    # An escape has up to ten characters: cut first, so that a megabyte is not escaped to be cut.
    place, came = printable(place[-LONGEST:]), printable(came[:LONGEST])
    expected, fix = printable(expected[:LONGEST]), printable(fix[:LONGEST])
    room = LONGEST - len(f": got , expected {expected}; {fix}")
    if len(place) + len(came) > room:
        place_room = max(_LEAST, room - min(len(came), _LEAST))
        place = place if len(place) <= place_room else f"...{place[len(place) - place_room + 3 :]}"
        came_room = max(_LEAST, room - len(place))
        came = came if len(came) <= came_room else f"{came[: came_room - 3]}..."
    message = f"{place}: got {came}, expected {expected}; {fix}"
    return message if len(message) <= LONGEST else f"{message[: LONGEST - 3]}..."
