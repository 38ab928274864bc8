"""What `names` in backticks stand for: a page of the reference, or a file's source."""

from __future__ import annotations

import importlib
import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from house.documents import ROOT, file_named
from house.reference import Room


@dataclass(frozen=True)
class Names:
    """All names of the reference: the one that a user writes, and the dotted one."""

    dotted: frozenset[str]
    short: dict[str, str]

    @classmethod
    def of(cls, rooms: list[Room]) -> Names:
        """The names of all rooms; a short name that two objects have stands for nnscratch's own."""
        dotted: set[str] = set()
        short: dict[str, str] = {}
        for room in rooms:
            for each in (room, *room.parts):
                dotted |= set(each.names.values())
                for name, value in each.names.items():
                    if name not in short or value == f"nnscratch.{name}":
                        short[name] = value
        return cls(frozenset(dotted), short)

    def target(self, text: str) -> str | None:
        """The dotted name that `text` stands for; None if it is no public name.

        A lower-case word may be anything; it counts with an underscore, as a call, or behind "nn.".
        """
        match = re.fullmatch(r"(?:(nn|nnscratch)\.)?([A-Za-z_][\w.]*)(\(.*\))?", text)
        if match is None:
            return None
        module, name, call = match.groups()
        first, _, rest = name.partition(".")
        if module and f"nnscratch.{name}" in self.dotted:
            return f"nnscratch.{name}"
        if first in self.short and (module or call or rest or first[0].isupper() or "_" in first):
            return self.short[first] + (f".{rest}" if rest else "")
        return None


def source_page(path: str) -> str:
    """The page of a file's source: its path from the root, without the suffix of Python."""
    return f"source/{path.removesuffix('.py')}"


def source_of(text: str, page: str = "") -> str | None:
    """The file that `text` names on a page, if it does; a room's page names its own files."""
    return file_named(text, room=page.split("/")[1] if page.startswith("api/") and page.count("/") > 1 else "")


def code_of(module: str, name: str) -> tuple[str, int] | None:
    """File, from the root, and line of an object of a module; None if it is no code of ours.

    >>> code_of("nnscratch", "Dense")[0]
    'nnscratch/layers/dense.py'
    """
    if not module:
        return None
    value: Any = importlib.import_module(module)
    try:
        for part in name.split("."):
            value = inspect.getattr_static(value, part) if inspect.isclass(value) else getattr(value, part)
        for wrapped in ("fget", "py_func", "__func__"):  # of a property, a compiled function, a class method
            value = getattr(value, wrapped, None) or value
        value = inspect.unwrap(value)
        file, line = inspect.getsourcefile(value), inspect.getsourcelines(value)[1]
    except (AttributeError, TypeError, OSError):
        return None
    if file is None or not Path(file).is_relative_to(ROOT):
        return None
    return Path(file).relative_to(ROOT).as_posix(), line


_ADDRESS = r"[\"']?\s*((?:https?:)?//[^\"'\s)>]+)"
_LOADED = r"stylesheet|icon|load|prefetch|connect|manifest"
_RESOURCES = (
    re.compile(rf"<(?:script|img|iframe|source|audio|video|embed|input)\b[^>]*\bsrc={_ADDRESS}"),
    re.compile(rf"<(?:object\b[^>]*\bdata|use\b[^>]*\bhref|image\b[^>]*\bhref)={_ADDRESS}"),
    re.compile(rf"<link\b(?=[^>]*\brel=[\"']?[\w ]*(?:{_LOADED}))[^>]*\bhref={_ADDRESS}"),
    re.compile(rf"\burl\(\s*{_ADDRESS}"),
    re.compile(rf"@import\s+{_ADDRESS}"),
)


def outside_resources(text: str) -> list[str]:
    """What a page or a style sheet would load from elsewhere; links for readers are not among it.

    >>> outside_resources('<a href="https://a.org">a</a> <script src="https://b.org/x.js">')
    ['https://b.org/x.js']
    """
    return [address for pattern in _RESOURCES for address in pattern.findall(text)]
