"""python -m nnscratch COMMAND: finds and runs what the packages offer (commands.py)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

import nnscratch
from nnscratch.commands import Command, open_closed_streams

_PROGRAM = "python -m nnscratch"


def main(arguments: list[str] | None = None) -> None:
    """Runs a command.

    arguments : the command's name, then what it takes; None: from the command line

    Raises
        SystemExit : status 2, after one line, for bad input; 130 after Ctrl-C
    """
    open_closed_streams()
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    commands = find_commands()
    if name in ("-h", "--help"):
        print(_help(commands))
    elif name not in commands:
        came = f"the command {name!r}" if name else "no command"
        _end(f"got {came}, expected one of {', '.join(commands)}; see {_PROGRAM} --help")
    else:
        try:
            commands[name].main(rest)
        except (ValueError, OSError) as error:
            _end(str(error))
        except KeyboardInterrupt:
            print(f"{_PROGRAM}: interrupted", file=sys.stderr)
            sys.exit(130)


def find_commands() -> dict[str, Command]:
    """All commands, by name: first the library's own, then those of each package in it."""
    return {name: command for module in _modules() for name, command in import_module(module).COMMANDS.items()}


def _modules() -> Iterator[str]:
    yield "nnscratch.commands"
    for package in iter_modules(nnscratch.__path__, "nnscratch."):
        if package.ispkg and find_spec(f"{package.name}.commands"):
            yield f"{package.name}.commands"


def _help(commands: dict[str, Command]) -> str:
    width = max(map(len, commands))
    lines = [f"  {name:{width}}  {command.help}" for name, command in commands.items()]
    end = f"{_PROGRAM} COMMAND --help says what a command takes."
    return "\n".join([f"usage: {_PROGRAM} COMMAND ...", "", *lines, "", end])


def _end(message: str) -> None:
    print(f"{_PROGRAM}: error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
