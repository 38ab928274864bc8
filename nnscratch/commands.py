"""What `python -m nnscratch` can do: how a package offers a command, and the library's own ones.

A package that is directly in nnscratch offers commands by a module `commands` with a table
`COMMANDS`, as this one has. `__main__.py` finds them all, so the library need not know who offers
what.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """An argument parser that answers a mistake with one line and exit status 2.

    description : shown by --help as it is, line by line
    prog        : how the program is called; None: by its file's name
    """

    def __init__(self, description: str | None, prog: str | None = None) -> None:
        super().__init__(prog, description=description, formatter_class=argparse.RawDescriptionHelpFormatter)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}; see {self.prog} --help\n")


@dataclass(frozen=True)
class Command:
    """One command of `python -m nnscratch`.

    help : one line, for the list of commands
    main : takes the arguments behind the command's name, and prints; a ValueError or OSError from
        it is shown as one line. What it needs should be imported inside it: every command's table
        is read whenever one is run
    """

    help: str
    main: Callable[[list[str]], None]


COMMANDS: dict[str, Command] = {}  # of the library itself
