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
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

_STATUSES = """exit status:
  0    done
  1    {failure}
  2    bad input, or a file that cannot be read or written: one line says which
  130, 143, 129    ended by Ctrl-C, SIGTERM, SIGHUP"""


def exit_statuses(failure: str = "a fault of the program: please report it, with its traceback") -> str:
    """What the exit status of a program says, for the end of its --help.

    failure : what 1 means
    """
    return _STATUSES.format(failure=failure)


def program(command: str = "") -> str:
    """How the main program, or a command of it, is called: as the user called it.

    >>> program("profile")
    'python -m nnscratch profile'
    """
    installed = bool(sys.argv) and Path(sys.argv[0]).stem == "nnscratch"  # the console script of setup.py
    return f"{'nnscratch' if installed else 'python -m nnscratch'} {command}".strip()


class Parser(argparse.ArgumentParser):
    """An argument parser that answers a mistake with one line and exit status 2.

    description : shown by --help as it is, line by line
    prog        : how the program is called; None: by its file's name
    statuses    : what the exit status says, behind all options; None: `exit_statuses()`
    """

    def __init__(self, description: str | None, prog: str | None = None, *, statuses: str | None = None) -> None:
        super().__init__(
            prog,
            description=description,
            epilog=exit_statuses() if statuses is None else statuses,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

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


def print_anything() -> None:
    """Lets stdout show `?` for what its encoding lacks, such as × in ASCII: no error ends it."""
    with suppress(AttributeError, ValueError):  # a stream of somebody's own, or a closed one
        if sys.stdout.errors == "strict":
            sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]


def write_nowhere() -> None:
    """Makes stdout the null device: its reader is gone, and Python would complain when it ends."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


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
