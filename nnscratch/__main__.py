"""python -m nnscratch COMMAND, or nnscratch COMMAND: runs what the packages offer (commands.py)."""

from __future__ import annotations

import difflib
import sys
import textwrap
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

import nnscratch
from nnscratch.commands import Command, exit_statuses, open_closed_streams, print_anything, program, write_nowhere
from nnscratch.messages import shown


def main(arguments: list[str] | None = None) -> None:
    """Runs a command.

    arguments : the command's name, then what it takes; None: from the command line

    Raises
        SystemExit : status 2, after one line, for bad input; 130 after Ctrl-C
    """
    open_closed_streams()
    print_anything()
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    commands = find_commands()
    if name in ("-h", "--help"):
        print(_help(commands))
    elif name == "--version":
        print(f"nnscratch {nnscratch.__version__}")
    elif name not in commands:
        came = f"the command {shown(name)}" if name else "no command"
        likely = difflib.get_close_matches(name, commands, n=3)
        fix = f"did you mean {' or '.join(likely)}?" if likely else f"see {program()} --help"
        _end(f"got {came}, expected one of {', '.join(commands)}; {fix}")
    else:
        try:
            commands[name].main(rest)
            if sys.stdout is not None:
                sys.stdout.flush()
        except BrokenPipeError:  # whoever read stdout has seen enough, as `| head` does
            write_nowhere()
        except (ValueError, OSError) as error:
            _end(str(error))
        except KeyboardInterrupt:
            print(f"{program()}: interrupted", file=sys.stderr)
            sys.exit(130)


def find_commands() -> dict[str, Command]:
    """All commands, by name: first the library's own, then those of each package in it."""
    return {name: command for module in _modules() for name, command in import_module(module).COMMANDS.items()}


def _modules() -> Iterator[str]:
    yield "nnscratch.commands"
    for package in iter_modules(nnscratch.__path__):
        # Looked for without an import: nnscratch.sklearn needs scikit-learn, which may be missing.
        folders = [f"{folder}/{package.name}" for folder in nnscratch.__path__]
        if package.ispkg and any(module.name == "commands" for module in iter_modules(folders)):
            yield f"nnscratch.{package.name}.commands"


def _help(commands: dict[str, Command]) -> str:
    width = max(map(len, commands))
    lines = [f"  {name:{width}}  {command.help}" for name, command in commands.items()]
    end = f"{program('COMMAND')} --help says what a command takes; {program('--version')} prints the version."
    return "\n".join([f"usage: {program('COMMAND')} ...", "", *lines, "", *textwrap.wrap(end, 79), "", exit_statuses()])


def _end(message: str) -> None:
    print(f"{program()}: error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
