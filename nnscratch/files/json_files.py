"""JSON that a program wrote earlier: every size is bounded, and every field has a type.

    read, parse    JSON -> Python, within stated limits
    Record         an object whose fields are taken by type and range: the one vocabulary for them

Limits: the file's bytes (an argument), 32 levels of lists and objects, 50 digits of a whole number,
400 characters of a fraction. NaN and infinity, which JSON does not have, and an object that has a
name twice are refused.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Sequence
from typing import Any

from nnscratch.files.stored_files import read_bytes, told
from nnscratch.messages import shown

MOST_BYTES = 1 << 22
DEEPEST = 32
_MOST_DIGITS = 50  # the state of a random generator is a whole number of 128 bits: 39 digits
_MOST_CHARACTERS = 400  # of a fraction: Python writes 25 at most
_REQUIRED: Any = object()


def read(path: str | os.PathLike[str], *, at_most: int = MOST_BYTES) -> Any:
    """The content of a JSON file, UTF-8, of at most `at_most` bytes.

    Raises
        OSError : there is no such file, or it cannot be opened
        ValueError : it is no JSON within the limits, or larger

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a.json").write_text('{"both_ways": true}')
    ...     read(Path(folder) / "a.json")
    {'both_ways': True}
    """
    with told(path, expected="JSON", fix="write it again"):
        return parse(read_bytes(path, at_most))


def parse(text: str | bytes) -> Any:
    """The content of a JSON text, UTF-8 if bytes.

    Raises
        ValueError : it is no JSON, or beyond the limits

    >>> parse('{"a": [1, 2.5, null]}')
    {'a': [1, 2.5, None]}
    >>> parse('{"a": NaN}')
    Traceback (most recent call last):
    ValueError: it holds NaN, which is no JSON
    """
    try:
        content = json.loads(
            text.decode() if isinstance(text, bytes) else text,
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_int=_whole_number,
            parse_float=_fraction,
        )
    except RecursionError:
        raise ValueError("its lists and objects are nested too deep") from None
    level: list[Any] = [content]
    for _ in range(DEEPEST + 1):
        level = [item for value in level for item in _items(value)]
        if not level:
            return content
    raise ValueError(f"its lists and objects are nested more than {DEEPEST} deep")


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("an object in it has a name twice")
    return result


def _constant(name: str) -> Any:
    raise ValueError(f"it holds {name}, which is no JSON")


def _whole_number(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"it holds a number of {len(digits):,} digits")
    return int(digits)


def _fraction(text: str) -> float:
    value = float(text) if len(text) <= _MOST_CHARACTERS else math.inf
    if math.isinf(value):
        raise ValueError(f"it holds the number {shown(text)}, which no float can hold")
    return value


class Record:
    """An object of a JSON file. Each method takes the field `name`, if it is of the type and range.

    value : what `parse` gave;  where : what it describes, for messages

    A field that is missing or null has the default of the call; without a default it is an error.
    Every error is a ValueError that says which field, what it is, and what it should be.

    >>> record = Record({"looks": 2, "rows": "all", "regions": [{"side": 24}]})
    >>> record.whole_number("looks", least=0, most=9), record.flag("both_ways", False)
    (2, False)
    >>> record.records("regions")[0].whole_number("side", least=1, most=9)
    Traceback (most recent call last):
    ValueError: its regions[0].side is '24', expected a whole number 1..9
    """

    def __init__(self, value: object, where: str = "its ") -> None:
        if not isinstance(value, dict):
            raise ValueError(f"{where.strip().rstrip('.')} is {_shown(value)}, expected an object {{...}}")
        self.fields: dict[str, Any] = value
        self.where = where

    def only(self, names: Iterable[str]) -> None:
        """Raises ValueError if there is a field that is not in `names`."""
        if unknown := [name for name in self.fields if name not in set(names)]:
            raise ValueError(f"{self.where}{shown(unknown[0])} is unknown, expected {', '.join(names)}")

    def flag(self, name: str, default: bool = _REQUIRED) -> bool:
        """true or false."""
        value = self._get(name, default)
        return value if isinstance(value, bool) else self._refuse(name, "true or false")

    def whole_number(self, name: str, default: int = _REQUIRED, *, least: int, most: int) -> int:
        """A whole number from `least` to `most`, written without a point."""
        value = self._get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            return self._refuse(name, f"a whole number {least}..{most}")
        return value

    def number(self, name: str, default: float = _REQUIRED, *, least: float, most: float) -> float:
        """A number from `least` to `most`, as a float."""
        value = self._get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            return self._refuse(name, f"a number {least:g}..{most:g}")
        return float(value)

    def text(self, name: str, default: str = _REQUIRED, *, among: Sequence[str] | None = None) -> str:
        """A text; one of `among`, if that is given."""
        value = self._get(name, default)
        if not isinstance(value, str) or (among is not None and value not in among and value is not default):
            return self._refuse(name, "a text" if among is None else " or ".join(map(repr, among)))
        return value

    def items(self, name: str, *, most: int) -> list[Any]:
        """A list of at most `most` values of any kind."""
        value = self._get(name, _REQUIRED)
        return value if isinstance(value, list) and len(value) <= most else self._refuse(name, f"a list of 0..{most}")

    def records(self, name: str, *, most: int = 1000) -> list[Record]:
        """A list of at most `most` objects."""
        values = self.items(name, most=most)
        return [Record(value, f"{self.where}{name}[{i}].") for i, value in enumerate(values)]

    def record(self, name: str) -> Record:
        """An object."""
        return Record(self._get(name, _REQUIRED), f"{self.where}{name}.")

    def _get(self, name: str, default: Any) -> Any:
        value = self.fields.get(name)
        if value is None and default is _REQUIRED:
            return self._refuse(name, "a value") if name in self.fields else self._miss(name)
        return default if value is None else value

    def _miss(self, name: str) -> Any:
        raise ValueError(f"{self.where}{name} is missing")

    def _refuse(self, name: str, expected: str) -> Any:
        raise ValueError(f"{self.where}{name} is {_shown(self.fields.get(name))}, expected {expected}")


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else f"a list of {len(value):,}"
    return "null" if value is None else shown(str(value))
