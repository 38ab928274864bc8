"""The pages of the reference: a folder per room, a page per name or per file, in reading order.

Order and words come from the maps that every room has in its own docstring, beginning with that of
nnscratch itself. So a new layer, a new file, a new room is on its page without a change here.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from dataclasses import dataclass, field
from types import ModuleType

from house.docstrings import prose, to_rst

# Rooms that a reader of the reference does not call; their files are linked where they are named.
INSIDE = {"messages", "files", "pages", "pictures", "commands", "command_output", "checks", "__main__"}
# Rooms that are read file by file.
BY_FILE = {
    "kernels": "loops choice threads",
    "keypoints": "faces metrics splits lookalikes start mirror_pass networks recipe predictors plots runs "
    "kaggle.training_file kaggle.submission drawn.faces geometry.augmentation geometry.affine_maps "
    "geometry.label_offset cascade.cascade cascade.regions cascade.blending cascade.training",
}
# Files whose code is the text: each function stands below its formula.
WITH_CODE = {"kernels.loops"}
_LINE = re.compile(r"^ *(\w+)(?:/|\.py) +(\S.*)$")


@dataclass
class Room:
    """A package or module below nnscratch, or a file of one.

    name : below nnscratch, such as "layers" or "kernels.loops"
    about : one line
    names : public name -> the object's dotted name, under which the reference has it
    parts : the rooms inside
    """

    name: str
    about: str
    module: ModuleType
    names: dict[str, str] = field(default_factory=dict)
    parts: list[Room] = field(default_factory=list)

    @property
    def title(self) -> str:
        return self.name.partition(".")[2] or self.name

    @property
    def page(self) -> str:
        """A part's file beside the room's."""
        return self.title.replace(".", "_")


def described(docstring: str | None) -> dict[str, str]:
    """The map in a docstring: name of a file or folder -> what it is, in its order.

    >>> described("A map.\\n\\n    dense.py   a weighted sum\\n    stages/    how it runs")
    {'dense': 'a weighted sum', 'stages': 'how it runs'}
    """
    matches = (_LINE.match(line) for line in (docstring or "").splitlines())
    return {match[1]: match[2] for match in matches if match}


def rooms() -> list[Room]:
    """All rooms with public names, in the order of nnscratch's own map, others behind them.

    A room whose extra is not installed is left out: `pip install -e '.[docs]'` installs all.
    """
    import nnscratch

    about = described(nnscratch.__doc__)
    found = [each.name for each in pkgutil.iter_modules(nnscratch.__path__)]
    ordered = [name for name in about if name in found] + sorted(set(found) - set(about))
    ordered = [name for name in ordered if name != "keypoints"] + ["keypoints"]
    made = []
    for name in ordered:
        if name in INSIDE or not _has_its_packages(name):
            continue
        module = importlib.import_module(f"nnscratch.{name}")
        if name in BY_FILE:
            parts = [_room(f"{name}.{each}", "") for each in BY_FILE[name].split()]
            made.append(Room(name, about.get(name, summary(module)), module, parts=parts))
        else:
            made.append(_room(name, about.get(name, "")))
    return [room for room in made if room.names or room.parts]


def _has_its_packages(name: str) -> bool:
    try:
        importlib.import_module(f"nnscratch.{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "nnscratch":
            raise
        return False
    return True


def _room(name: str, about: str) -> Room:
    module = importlib.import_module(f"nnscratch.{name}")
    names, parts = {}, []
    for each, value in public(module).items():
        if isinstance(value, ModuleType):
            parts.append(_room(value.__name__.removeprefix("nnscratch."), summary(value)))
        else:
            names[each] = best_name(module, each, value)
    return Room(name, about or summary(module), module, names, parts)


def public(module: ModuleType) -> dict[str, object]:
    """Public name -> object: `__all__`, or what the module defines itself, in reading order."""
    import nnscratch

    names = list(getattr(module, "__all__", []))
    if not names:
        names = [name for name, value in vars(module).items() if not name.startswith("_") and _is_of(module, value)]
    below = module.__name__ + "."
    for name in nnscratch.__all__:  # what is public at the top is public where it lives
        if name not in names and f"{getattr(getattr(nnscratch, name), '__module__', '')}.".startswith(below):
            names.append(name)
    files = list(described(module.__doc__))

    def place(name: str) -> tuple[int, int]:
        value = getattr(module, name, None)
        of: str = getattr(value, "__module__", None) or getattr(value, "__name__", None) or ""
        file = of.removeprefix(module.__name__ + ".").partition(".")[0]
        return files.index(file) if file in files else len(files), _line(value)

    return {name: getattr(module, name, getattr(nnscratch, name, None)) for name in sorted(names, key=place)}


def _is_of(module: ModuleType, value: object) -> bool:
    is_code = inspect.isclass(value) or inspect.isfunction(inspect.unwrap(getattr(value, "py_func", value)))  # type: ignore[arg-type]
    return is_code and getattr(value, "__module__", "") == module.__name__


def _line(value: object) -> int:
    try:
        return inspect.getsourcelines(inspect.unwrap(getattr(value, "py_func", value)))[1]  # type: ignore[arg-type]
    except (TypeError, OSError):
        return 0


def best_name(module: ModuleType, name: str, value: object) -> str:
    """What a user writes: nnscratch.Dense if that is the same object, else the room's own name."""
    import nnscratch

    short = getattr(nnscratch, name, None) is value and name in nnscratch.__all__
    return f"nnscratch.{name}" if short else f"{module.__name__}.{name}"


def summary(value: object) -> str:
    """The first paragraph of a docstring, on one line."""
    text = inspect.getdoc(value) or ""
    return " ".join(text.partition("\n\n")[0].split()).removesuffix(".")


def pages(all_rooms: list[Room]) -> dict[str, str]:
    """File below docs/api -> its reStructuredText."""
    made = {"index.rst": _index(all_rooms)}
    for room in all_rooms:
        made[f"{room.name}/index.rst"] = _room_page(room)
        for name, dotted in room.names.items():
            made[f"{room.name}/{name}.rst"] = _page(name, [_object(dotted)])
        for part in room.parts:
            made[f"{room.name}/{part.page}.rst"] = _part_page(part)
    return made


def _index(all_rooms: list[Room]) -> str:
    lines = [
        "All public names, room by room, in reading order. Each page is the docstring of the code itself, so that",
        "what you read here is what the tests run: every example is a doctest of the suite. ``[source]`` beside a",
        "name shows the code.",
        "",
        ".. toctree::",
        "   :maxdepth: 1",
        "   :hidden:",
        "",
        *(f"   {room.title} <{room.name}/index>" for room in all_rooms),
        "",
    ]
    for room in all_rooms:
        names = [f":py:obj:`~{dotted}`" for dotted in room.names.values()]
        names += [f":doc:`{part.title} <{room.name}/{part.page}>`" for part in room.parts]
        lines += [
            f":doc:`{room.title} <{room.name}/index>`",
            f"    {prose(room.about)}",
            "",
            "    " + ", ".join(names),
            "",
        ]
    return _page("Reference", lines)


def _room_page(room: Room) -> str:
    lines = [*to_rst(inspect.getdoc(room.module) or ""), ".. rubric:: On these pages", ""]
    for name, dotted in room.names.items():
        lines += [f":py:obj:`{name} <{dotted}>`", f"    {prose(summary(_value(dotted)))}", ""]
    for part in room.parts:
        lines += [f":doc:`{part.title} <{part.page}>`", f"    {prose(part.about)}", ""]
    tree = [*room.names, *(part.page for part in room.parts)]
    lines += [".. toctree::", "   :maxdepth: 1", "   :hidden:", "", *(f"   {each}" for each in tree), ""]
    return _page(f"nnscratch.{room.name}", lines)


def _part_page(part: Room) -> str:
    """A file on one page, with all of its names."""
    lines = [*to_rst(inspect.getdoc(part.module) or ""), ""]
    for name, dotted in part.names.items():
        lines += [name, "-" * len(name), "", _object(dotted)]
        if part.name in WITH_CODE:
            code = ("    " + line if line else "" for line in _code(_value(dotted)).splitlines())
            lines += [".. code-block:: python", "", *code, ""]
    return _page(part.title, lines)


def _object(dotted: str) -> str:
    value = _value(dotted)
    if inspect.isclass(value):
        kind = "exception" if issubclass(value, BaseException) else "class"
        return f".. auto{kind}:: {dotted}\n   :members:\n   :show-inheritance:\n"
    if callable(value) and (inspect.isroutine(value) or hasattr(value, "py_func")):
        return f".. autofunction:: {dotted}\n"
    return f".. py:data:: {dotted}\n   :value: {value!s}\n"


def _code(value: object) -> str:
    """The source of a function without its docstring, which stands above it."""
    tree = ast.parse(inspect.getsource(value))  # type: ignore[arg-type]
    lines = inspect.getsource(value).splitlines()  # type: ignore[arg-type]
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    if ast.get_docstring(function):
        first = function.body[0]
        del lines[first.lineno - 1 : first.end_lineno]
    return "\n".join(lines)


def _value(dotted: str) -> object:
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _page(title: str, lines: list[str]) -> str:
    return "\n".join([title, "=" * len(title), "", *lines]) + "\n"


def page_of(all_rooms: list[Room]) -> dict[str, str]:
    """Dotted name of a module -> the page that describes it."""
    made = {}
    for room in all_rooms:
        made[room.module.__name__] = f"api/{room.name}/index"
        made |= {part.module.__name__: f"api/{room.name}/{part.page}" for part in room.parts}
    return made


def missing(described: set[str]) -> list[str]:
    """The names of nnscratch.__all__ that are not described; a module counts by its own name."""
    import nnscratch

    left = []
    for name in nnscratch.__all__:
        value = getattr(nnscratch, name)
        full = value.__name__ if inspect.ismodule(value) else f"nnscratch.{name}"
        if full not in described:
            left.append(name)
    return left
