"""The commands of `python -m nnscratch`: what a command is, and how a package offers some.

A package directly below nnscratch, such as keypoints, offers commands in a module `commands.py`
with a table `COMMANDS`, like the one at the end of this file. `__main__.py` finds all tables, so
the library need not know who offers what.
"""

from __future__ import annotations

import argparse
import os
import sys
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


def open_closed_streams() -> None:
    """Makes the null device of stdin, stdout and stderr where they are closed, as services do.

    Otherwise the next file that the program opens takes stderr's number, and what is said to the
    user is written into that file.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


@dataclass(frozen=True)
class Command:
    """One command of `python -m nnscratch`.

    help : one line, for the list of commands
    main : takes the arguments behind the command's name, and prints; a ValueError or OSError that
        it raises is shown as one line. It should import what it needs inside the function, because
        every table is read whenever any command runs
    """

    help: str
    main: Callable[[list[str]], None]


COMMANDS: dict[str, Command] = {}  # the library's own: none so far
