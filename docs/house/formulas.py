"""The house's formulas, plain text in docstrings, as MathML that a browser sets.

The text is set word for word and sign for sign: nothing is reordered, and no precedence is decided
but that of a fraction whose two sides are single things. So a typeset formula says what its text
says. What is not understood comes back as None, and stays plain.

    x[n,i]             a subscript            sum over n,h of    a sum sign with n, h below it
    w^2, xᵀ            a superscript          <-                 an arrow to the left
    a / b              a fraction             *                  a dot
    sqrt(x), floor(x)  a root, floor signs    c_in               c with the subscript "in"
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"(?P<number>\d+(?:,\d{3})+|\d+(?:\.\d+)?(?:e-?\d+)?%?)"
    r"|(?P<name>[^\W\d_][\w.]*\w'*|[^\W\d]'*)"
    r"|(?P<text>\"[^\"]*\")"
    r"|(?P<sign><-|->|=>|<=|>=|!=|\.\.\.|[-=+*/^<>|(){}\[\],;:.×·])"
)
_SIGNS = {"<-": "←", "->": "→", "=>": "⇒", "<=": "≤", ">=": "≥", "!=": "≠", "*": "·", "-": "−", "...": "…"}
_SUM = ' class="sum" largeop="false" movablelimits="false"'  # the style sheet makes it large, whatever the font has
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_BIG = {"sum": "∑", "max": "max", "min": "min", "mean": "mean", "product": "∏"}  # take "over ... of"


@dataclass
class _Token:
    kind: str
    text: str
    space: int  # blanks in front of it


@dataclass
class _Item:
    """A piece of a formula; an `atom` may be a side of a fraction, without parentheses `inside`."""

    mathml: str
    atom: bool = False
    inside: str = ""
    sign: str = ""
    space: int = 0


def mathml(text: str) -> str | None:
    """The formula in `text` as the inside of a <math>, or None if something in it is not known.

    >>> mathml("w^2 / M")
    '<mfrac><msup><mi>w</mi><mn>2</mn></msup><mi>M</mi></mfrac>'
    >>> mathml("np.sum(x) # a remark") is None
    True
    """
    tokens = _tokens(text)
    if tokens is None:
        return None
    try:
        items, end = _sequence(tokens, 0, None)
    except _NotUnderstood:
        return None
    return _joined(items) if end == len(tokens) else None


def math(text: str) -> str | None:
    """`mathml` as a whole element; its `alttext` is the plain text."""
    inside = mathml(text)
    return (
        None
        if inside is None
        else f'<math displaystyle="true" alttext="{html.escape(" ".join(text.split()))}">{inside}</math>'
    )


class _NotUnderstood(Exception):
    pass


def _tokens(text: str) -> list[_Token] | None:
    tokens, place = [], 0
    while place < len(text):
        space = len(text[place:]) - len(text[place:].lstrip())
        place += space
        if place == len(text):
            break
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            return None
        tokens.append(_Token(match.lastgroup, match[0], space))
        place = match.end()
    return tokens


def _sequence(tokens: list[_Token], place: int, closing: str | None) -> tuple[list[_Item], int]:
    """The items up to `closing`, which is left out; None: up to the end."""
    items: list[_Item] = []
    while place < len(tokens):
        token = tokens[place]
        if token.text == closing:
            return items, place + 1
        if token.text in (")", "]", "}"):
            raise _NotUnderstood
        item, place = _item(tokens, place)
        if token.kind == "number" and place < len(tokens) and tokens[place].kind == "number":
            raise _NotUnderstood  # a row of a matrix
        item.space = token.space
        items.append(item)
    if closing is not None:
        raise _NotUnderstood
    return items, place


def _item(tokens: list[_Token], place: int) -> tuple[_Item, int]:
    token = tokens[place]
    if token.kind == "sign" and token.text not in _CLOSING:
        if token.text == "^" or (token.text == "*" and _next(tokens, place) == "*"):
            raise _NotUnderstood
        return _Item(f"<mo>{html.escape(_SIGNS.get(token.text, token.text))}</mo>", sign=token.text), place + 1
    if token.text in _BIG and _next(tokens, place) in ("over", "of"):
        return _big(tokens, place)
    item, place = _atom(tokens, place)
    while place < len(tokens) and tokens[place].space == 0 and tokens[place].text in ("[", "^"):
        if tokens[place].text == "[":
            below, place = _sequence(tokens, place + 1, "]")
            item = _Item(f"<msub>{item.mathml}<mrow>{_joined(below, tight=True)}</mrow></msub>", atom=True)
        else:
            if place + 1 == len(tokens):
                raise _NotUnderstood
            minus = tokens[place + 1].text == "-"
            above, place = _atom(tokens, place + 1 + minus)
            power = f"<mrow><mo>−</mo>{above.mathml}</mrow>" if minus else above.inside or above.mathml
            item = _Item(f"<msup>{item.mathml}{power}</msup>", atom=True)
    item.inside = item.inside or item.mathml
    return item, place


def _next(tokens: list[_Token], place: int) -> str:
    return tokens[place + 1].text if place + 1 < len(tokens) else ""


def _big(tokens: list[_Token], place: int) -> tuple[_Item, int]:
    """A sum, a maximum, a mean, with what stands between "over" and "of" below it."""
    sign, name = _BIG[tokens[place].text], tokens[place].text
    upright = f"<mo{_SUM}>{sign}</mo>" if sign != name else f"<mo>{sign}</mo>"
    place += 1
    if tokens[place].text == "of":
        return _Item(upright, sign="sum"), place + 1
    ends = [i for i in range(place, len(tokens)) if tokens[i].text == "of"]
    if not ends:
        return _Item(f"<mi>{name}</mi>", sign="word"), place  # "mean over units", no formula follows
    below, _ = _sequence(tokens[place + 1 : ends[0]], 0, None)
    return _Item(f"<munder>{upright}<mrow>{_joined(below, tight=True)}</mrow></munder>", sign="sum"), ends[0] + 1


def _atom(tokens: list[_Token], place: int) -> tuple[_Item, int]:
    token = tokens[place]
    if token.kind == "number":
        return _Item(f"<mn>{token.text}</mn>", atom=True), place + 1
    if token.kind == "text":
        return _Item(f"<mtext>{html.escape(token.text)}</mtext>", atom=True), place + 1
    if token.text in _CLOSING:
        return _group(tokens, place, "")
    if token.kind != "name":
        raise _NotUnderstood
    called = place + 1 < len(tokens) and tokens[place + 1].text == "(" and tokens[place + 1].space == 0
    if called:
        return _group(tokens, place + 1, token.text)
    return _Item(_name(token.text), atom=True), place + 1


def _group(tokens: list[_Token], place: int, function: str) -> tuple[_Item, int]:
    """(...), or [i=j] or {...}, or a function and its arguments."""
    opening = tokens[place].text
    items, place = _sequence(tokens, place + 1, _CLOSING[opening])
    inside = f"<mrow>{_joined(items)}</mrow>"
    if function == "sqrt":
        return _Item(f"<msqrt>{inside}</msqrt>", atom=True), place
    if function == "floor":
        return _Item(f"<mrow><mo>⌊</mo>{inside}<mo>⌋</mo></mrow>", atom=True), place
    fenced = f"<mrow><mo>{opening}</mo>{inside}<mo>{_CLOSING[opening]}</mo></mrow>"
    if function:
        return _Item(f"<mrow>{_name(function)}{fenced}</mrow>", atom=True), place
    return _Item(fenced, atom=True, inside=inside if opening == "(" else ""), place


def _name(text: str) -> str:
    """A name: primes and ᵀ above it; behind an underscore, what stands below a single letter."""
    base = text.rstrip("'")
    primes = "′" * (len(text) - len(base))
    transposed = base.endswith("ᵀ")
    base = base.removesuffix("ᵀ")
    letter, _, below = base.partition("_")
    if below and letter == "sum":
        made = f"<munder><mo{_SUM}>∑</mo><mi>{below}</mi></munder>"
    elif below and len(letter) == 1 and "_" not in below:
        made = f"<msub><mi>{letter}</mi><mi>{below}</mi></msub>"
    else:
        made = f"<mi>{html.escape(base)}</mi>"
    if transposed:
        made = f"<msup>{made}<mi>T</mi></msup>"
    return f"<msup>{made}<mo>{primes}</mo></msup>" if primes else made


def _joined(items: list[_Item], tight: bool = False) -> str:
    """One after the other; words apart, and a fraction where both sides are single things."""
    items = _with_fractions(items)
    parts = []
    for before, item in zip([None, *items], items, strict=False):
        if before is not None and item.space:
            if before.sign in (",", ";"):
                parts.append('<mspace width="0.3em"/>' if item.space == 1 else '<mspace width="2em"/>')
            elif not item.sign or item.sign == "word":
                word = not before.sign or before.sign in ("word", ":") or item.space > 1
                parts.append('<mspace width="0.3em"/>' if word and item.space < 2 else "")
                parts.append('<mspace width="1em"/>' if item.space > 1 else "")
        parts.append(item.mathml)
    return "".join(parts) if not tight else "".join(parts).replace('<mspace width="2em"/>', "")


def _with_fractions(items: list[_Item]) -> list[_Item]:
    made: list[_Item] = []
    place = 0
    while place < len(items):
        item = items[place]
        if item.sign == "/" and made and place + 1 < len(items) and _is_fraction(made, items, place):
            above, below = made.pop(), items[place + 1]
            fraction = f"<mfrac>{above.inside or above.mathml}{below.inside or below.mathml}</mfrac>"
            made.append(_Item(fraction, atom=True, space=above.space))
            place += 2
            continue
        made.append(item)
        place += 1
    return made


def _is_fraction(made: list[_Item], items: list[_Item], place: int) -> bool:
    """Whether the slash at `place` has single things on both sides, and no other slash nearby."""
    above, below = made[-1], items[place + 1]
    if not (above.atom and below.atom):
        return False
    behind = items[place + 2] if place + 2 < len(items) else None
    before = made[-2] if len(made) > 1 else None
    if (behind is not None and behind.sign == "/") or (before is not None and before.sign == "/"):
        return False
    if items[place].space == 0 and below.space == 0:
        return True  # dL/dy, 1/M: written as one thing
    stands_alone = before is None or not (before.atom or before.sign == "word")
    return stands_alone and (behind is None or not (behind.atom or behind.sign == "word"))
