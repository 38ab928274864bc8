"""An exercise as data: what is right, what it is tried on, and what usually goes wrong."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

Arguments = tuple[Any, ...]


@dataclass(frozen=True)
class Mistake:
    """A usual mistake: what the right code becomes by it, and the hint for whoever made it.

    hint    : what is wrong and why, one or two sentences; it names no code of the solution
    changes : lines, or parts of lines, of the right code -> what stands there instead. Each must
        occur exactly once
    """

    hint: str
    changes: Mapping[str, str]


@dataclass(frozen=True)
class Exercise:
    """A function, or a class, that the reader writes.

    right    : does it right, in a few lines of plain NumPy; the exercise has its name
    returns  : the name of each array or number that comes out
    cases    : rng -> the arguments to try, one tuple per case: several sizes, equal sizes (so that
        a transposed array goes unnoticed by shape), and edge cases
    mistakes : the usual ones
    use      : use(answer, *arguments) gives what `returns` names; None calls answer(*arguments).
        A class needs it: make the layer, run forward and backward, return y, dx, ...
    tolerance : the largest relative difference that counts as equal (default 1e-7)

    >>> def double(x: np.ndarray) -> np.ndarray:
    ...     return 2 * x
    >>> Exercise(double, ("y",), lambda rng: [(rng.random(3),)]).name
    'double'
    """

    right: Callable[..., Any]
    returns: tuple[str, ...]
    cases: Callable[[np.random.Generator], Iterable[Arguments]]
    mistakes: tuple[Mistake, ...] = ()
    use: Callable[..., Any] | None = None
    tolerance: float = 1e-7

    @property
    def name(self) -> str:
        return self.right.__name__

    @cached_property
    def wrong_answers(self) -> tuple[tuple[Mistake, Callable[..., Any]], ...]:
        """Each mistake with the function, or the class, that makes it."""
        return tuple((mistake, self._made(mistake)) for mistake in self.mistakes)

    def source(self, mistake: Mistake | None = None) -> str:
        """The code of the right answer, or of one with a mistake, without its types.

        Raises
            ValueError : a change of the mistake does not occur exactly once
        """
        text = textwrap.dedent(inspect.getsource(self.right))
        for old, new in (mistake.changes if mistake else {}).items():
            if text.count(old) != 1:
                raise ValueError(
                    f"Mistake: got {old!r}, which occurs {text.count(old)} times in {self.name}, expected once; "
                    "copy it from the right code"
                )
            text = text.replace(old, new)
        return without_types(text)

    def called(self, answer: Callable[..., Any], arguments: Arguments) -> Any:
        """What `answer` gives for `arguments`."""
        return answer(*arguments) if self.use is None else self.use(answer, *arguments)

    def argument_names(self, arguments: Arguments) -> list[str]:
        """A name for each of `arguments`."""
        return list(inspect.signature(self.use or self.right).parameters)[-len(arguments) :]

    def _made(self, mistake: Mistake) -> Callable[..., Any]:
        namespace = dict(vars(sys.modules[self.right.__module__]))
        exec(self.source(mistake), namespace)
        made: Callable[..., Any] = namespace[self.name]
        return made


@dataclass(frozen=True)
class Question:
    """A value that the reader finds out: a number, a name, or a set of names.

    name     : of the exercise, and of the variable in the reader's cell
    right    : the value; a float is compared to `tolerance`, all else must be equal
    mistakes : usual wrong values, each with its hint
    choices  : what may be answered, if it is a choice; anything else is told so
    tolerance : the largest relative difference that counts as equal (default 1e-2)
    """

    name: str
    right: Any
    mistakes: tuple[tuple[Any, str], ...] = ()
    choices: tuple[Any, ...] = field(default=())
    tolerance: float = 1e-2


def without_types(code: str) -> str:
    """Python code as a reader would write it: without annotations.

    >>> print(without_types("def f(x: int) -> int:\\n    y: int = x\\n    return y"))
    def f(x):
        y = x
        return y
    """
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
    return ast.unparse(ast.fix_missing_locations(_Untyped().visit(tree)))


class _Untyped(ast.NodeTransformer):
    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt | None:
        return ast.Assign([node.target], node.value) if node.value else None
