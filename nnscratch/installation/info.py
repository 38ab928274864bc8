"""Versions, machine, threads, BLAS, what the environment overrides, the cache.

python -m nnscratch info
python -m nnscratch info --json            the same as JSON
python -m nnscratch info --json info.json  the same, in a file

That is what a report of a bug needs beside the command and what it printed.
Look through it first: it names folders of this machine. A fact that cannot be
found out is "not known", in JSON null.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

from nnscratch.command_output import STDOUT, muted, writable_or_stdout, write_json
from nnscratch.commands import Parser, program
from nnscratch.installation.facts import Facts, facts

_WIDTH = 79
_LABEL = 18  # characters before a value
_UNKNOWN = "not known"
# Those of LLVM's features that decide how numbers are computed.
_COMPUTES = re.compile(r"(sse|ssse|avx|fma|f16c|amx|neon|sve|sme|dotprod|fullfp16|bf16|i8mm|vsx|rvv|v$)")


def main(arguments: list[str]) -> None:
    """Prints the facts.

    Raises
        OSError : a file cannot be written
        SystemExit : an argument is wrong
    """
    parser = Parser(__doc__, program("info"))
    parser.add_argument(
        "--json", nargs="?", const=STDOUT, type=writable_or_stdout, metavar="FILE",
        help="write JSON to FILE, too; without FILE, to stdout in place of the text",
    )  # fmt: skip
    parsed = parser.parse_args(arguments)
    found = facts()
    with muted(parsed):
        print(text(found))
    write_json(parsed.json, found)


def text(found: dict[str, Facts]) -> str:
    """The facts of `facts` as a table, 80 columns wide; one blank line between topics."""
    machine, threads, places = found["machine"], found["threads"], found["places"]
    writable = {True: "can be written to", False: "cannot be written to"}.get(places["writable"], _UNKNOWN)
    topics = [
        found["versions"],
        {
            **machine,
            "features": _features(machine["features"]),
            "vector bits": machine["vector bits"],
            **threads,
            "BLAS": _libraries(found["BLAS"]["libraries"]),
        },
        {**places, "writable": writable},
        found["environment"] or {"environment": "no variable that overrides any of these"},
    ]
    return "\n\n".join("\n".join(line for fact in topic.items() for line in _lines(*fact)) for topic in topics)


def _features(features: list[str] | None) -> str | None:
    return None if features is None else " ".join(name for name in features if _COMPUTES.match(name)) or "none"


def _libraries(libraries: list[Facts] | None) -> str | None:
    def told(library: Facts) -> str:
        names = [library["internal_api"], library["version"], library["architecture"]]
        return f"{' '.join(str(name or _UNKNOWN) for name in names)}, threads {library['num_threads']}"

    return None if libraries is None else "; ".join(map(told, libraries))


def _lines(name: str, value: Any) -> list[str]:
    """A fact as `name    value`, the value on more lines if it is long."""
    shown = _UNKNOWN if value is None else str(value)
    if home := _home():
        shown = re.sub(rf"{re.escape(home)}(?=[/\\:;]|$)", "~", shown)  # shorter, and nobody's name
    label = f"{name:<{_LABEL - 1}} "
    indent = " " * _LABEL
    wrapped = textwrap.wrap(shown, _WIDTH, initial_indent=label, subsequent_indent=indent, break_on_hyphens=False)
    return wrapped or [label.rstrip()]


def _home() -> str:
    try:
        return str(Path.home()).rstrip("/")
    except RuntimeError:  # a user id without a name
        return ""
