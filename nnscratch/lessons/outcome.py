"""What a reader's function did when it was tried: what it returned, or where it stopped."""

from __future__ import annotations

import copy
import linecache
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnscratch.lessons.exercise import Arguments, Exercise
from nnscratch.messages import printable


@dataclass(frozen=True)
class Outcome:
    """One case: the arguments, as they were, and what came of them.

    returned    : what came back; None also if the function stopped
    error       : "ValueError: message" if it stopped
    place       : "line 3: `y = x @ w`", where it stopped in the reader's code
    overwritten : names of the arguments that the function has changed
    """

    arguments: Arguments
    returned: Any = None
    error: str = ""
    place: str = ""
    overwritten: tuple[str, ...] = ()
    not_implemented: bool = False

    @property
    def not_done(self) -> bool:
        """Whether nothing was returned at all."""
        if self.error:
            return self.not_implemented
        several = isinstance(self.returned, tuple | list)
        return all(_blank(value) for value in (self.returned if several else [self.returned]))


def _blank(value: object) -> bool:
    return value is None or value is Ellipsis


def tried(exercise: Exercise, answer: Callable[..., Any], arguments: Arguments) -> Outcome:
    """Runs `answer` on copies of `arguments`."""
    given = copy.deepcopy(arguments)
    try:
        with np.errstate(all="ignore"):  # NaN and infinity are told as such
            returned = exercise.called(answer, given)
    except Exception as error:
        message = printable(" ".join(str(error).split()))
        return Outcome(
            arguments,
            error=f"{type(error).__name__}: {message}" if message else type(error).__name__,
            place=_place(error, answer),
            not_implemented=isinstance(error, NotImplementedError),
        )
    names = exercise.argument_names(arguments)
    changed = [name for name, old, new in zip(names, arguments, given, strict=True) if _differ(old, new)]
    return Outcome(arguments, copy.deepcopy(returned), overwritten=tuple(changed))


def _differ(old: Any, new: Any) -> bool:
    if isinstance(old, tuple | list) and isinstance(new, tuple | list):
        return len(old) != len(new) or any(map(_differ, old, new))
    return isinstance(old, np.ndarray) and not np.array_equal(old, new, equal_nan=old.dtype.kind == "f")


def _place(error: Exception, answer: Callable[..., Any]) -> str:
    """The deepest line of the cell that holds `answer`; of NumPy's own lines nobody learns."""
    functions = [*vars(answer).values()] if isinstance(answer, type) else [answer]
    files = {function.__code__.co_filename for function in functions if hasattr(function, "__code__")}
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    if not own:
        return ""
    number = own[-1].lineno or 0
    line = printable(linecache.getline(own[-1].filename, number).strip())
    return f"line {number} of its cell" + (f", `{line}`" if line else "")


def shapes(exercise: Exercise, arguments: Arguments) -> str:
    """The arguments in short: shapes of arrays, values of what is short.

    "x (3, 2), stride 2"
    """
    names = exercise.argument_names(arguments)
    return ", ".join(f"{name} {_short(value)}" for name, value in zip(names, arguments, strict=True))


def _short(value: object) -> str:
    if isinstance(value, np.ndarray):
        return str(value.shape)
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    text = printable(repr(value))
    return text if len(text) <= 20 else type(value).__name__
