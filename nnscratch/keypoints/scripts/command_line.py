"""What programs share: numbers on the command line, a line of progress, how they end."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from nnscratch.checks import NotFiniteError
from nnscratch.commands import Parser as Parser  # scripts import it from here
from nnscratch.keypoints.kaggle.files import DataError


def add_number(parser: Parser, name: str, *, help: str, default: int | None = None) -> None:
    """Adds an argument that is a whole number from 1 up.

    default : its value if it is not given; None stands for the recipe's number
    """
    shown = "the recipe's" if default is None else "%(default)s"
    parser.add_argument(name, type=whole_number, default=default, metavar="N", help=f"{help} (default: {shown})")


def whole_number(text: str) -> int:
    """The number in an argument's text, from 1 up; ArgumentTypeError for anything else."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number from 1 up")
    return int(text)


def seed(text: str) -> int:
    """The number in an argument's text, from 0 up; ArgumentTypeError for anything else."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number from 0 up")
    return int(text)


def minutes(text: str) -> float:
    """The number in an argument's text, finite and above 0; ArgumentTypeError for anything else."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected minutes, a number above 0, such as 10 or 0.5")
    return value


def show(line: str) -> None:
    """Shows what is going on, each line over the one before; on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r{line[:78]:<78}\r", end="", file=sys.stderr, flush=True)


def run(main: Callable[[], None]) -> None:
    """Runs a program. Bad input or a file error ends it with a line and status 2, Ctrl-C with 130.

    Raises
        SystemExit : as said, after the line on stderr
    """
    program = Path(sys.argv[0]).name
    try:
        main()
    except (DataError, NotFiniteError) as error:
        sys.exit(_complain(program, str(error)))
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        sys.exit(_complain(program, f"{place}{error.strerror or error}"))
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        sys.exit(130)


def _complain(program: str, message: str) -> int:
    print(f"{program}: error: {message}", file=sys.stderr)
    return 2
