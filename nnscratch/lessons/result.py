"""What a check found, and how it is told: right, not done yet, or wrong and how."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

RIGHT, NOT_DONE, WRONG = "right", "not done yet", "wrong"
_WIDTH = 78


@dataclass(frozen=True)
class Result:
    """What `check` found.

    name    : of the exercise
    verdict : "right", "not done yet" or "wrong"
    hints   : what is wrong, one for each wrong thing; empty if nothing is
    text    : all of it for the reader; it is also the repr
    working : the reader's function or class if it is right, otherwise the lesson's own, so that the
        lesson can go on; the answer to a question as it was given
    """

    name: str
    verdict: str
    hints: tuple[str, ...]
    text: str
    working: Any

    def __bool__(self) -> bool:
        return self.verdict == RIGHT

    def __repr__(self) -> str:
        return self.text

    def _ipython_display_(self) -> None:
        """Shows nothing: `check` has printed it."""


def is_right(name: str, answer: Any, details: str = "") -> Result:
    """The result for a right answer."""
    return Result(name, RIGHT, (), f"{name}: right" + (f" ({details})" if details else ""), answer)


def not_done(name: str, working: Any, *, why: str = "Fill in its cell, run that cell") -> Result:
    """The result for a cell that was left as it is; `working` lets the lesson go on."""
    return Result(name, NOT_DONE, (), f"{name}: not done yet. {why}, then this one.", working)


def is_wrong(name: str, working: Any, hints: Sequence[str]) -> Result:
    """The result for a wrong answer; a hint of several lines has its details below."""
    lines = [f"{name}: wrong"]
    for hint in hints:
        for number, part in enumerate(hint.split("\n")):
            indent = "  " if not number else "    "
            lines += textwrap.wrap(part, _WIDTH, initial_indent=indent, subsequent_indent="    ")
    told = tuple(hint.replace("\n", " ") for hint in hints)
    return Result(name, WRONG, told, "\n".join(lines), working)
