"""What programs share: numbers on the command line, a line of progress, how they end."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from nnscratch.checks import NotFiniteError
from nnscratch.command_output import STDOUT, check_writable
from nnscratch.command_output import add_json as add_json  # scripts import these from here, and Parser
from nnscratch.command_output import add_quiet as add_quiet
from nnscratch.command_output import muted as muted
from nnscratch.command_output import write_json as write_json
from nnscratch.commands import Parser as Parser
from nnscratch.commands import open_closed_streams, print_anything, write_nowhere
from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.scripts.interruption import STATUSES, Interrupted, Interruption, say
from nnscratch.training.checkpoint import CheckpointError


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
    if sys.stderr is not None and sys.stderr.isatty():
        print(f"\r{line[:78]:<78}\r", end="", file=sys.stderr, flush=True)


def command() -> str:
    """The command line of this program, ready to be pasted into a shell."""
    return shlex.join(["python", *sys.argv])


def tell(line: str) -> None:
    """Prints a line at once; work goes on if its reader went away, as `| head` does."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        write_nowhere()


def run(main: Callable[[], None]) -> None:
    """Runs a program. Bad input or a file error ends it with a line and status 2; Ctrl-C with 130.

    SIGTERM ends it with 143 and SIGHUP with 129, also after a line, and nothing is left half
    written.

    Raises
        SystemExit : as said, after the line on stderr
    """
    open_closed_streams()
    print_anything()
    program = Path(sys.argv[0]).name
    try:
        with Interruption() as interruption:
            try:
                main()
            except (Interrupted, SystemExit) as end:
                if isinstance(end, Interrupted) or end.code in STATUSES:
                    interruption.ignore_more()
                raise
        _flush()
    except (DataError, NotFiniteError, CheckpointError) as error:
        sys.exit(_complain(program, str(error)))
    except BrokenPipeError:
        write_nowhere()
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        sys.exit(_complain(program, f"{place}{error.strerror or error}"))
    except Interrupted as interrupted:
        say(f"interrupted{interrupted.then}")
        sys.exit(interrupted.status)
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(130)


def check_output(out: Path, inputs: Iterable[str | Path], *, option: str = "--out") -> None:
    """Stops before the work if a file could not be written after it, or is one that is read.

    option : which names it, for messages

    Raises
        DataError : says which
        OSError : the folder cannot be written
    """
    try:
        check_writable(out, option=option)
    except ValueError as error:
        raise DataError(str(error)) from None
    for path in inputs:
        if out.exists() and Path(path).exists() and out.samefile(path):
            raise DataError.at(
                str(out), came="a file that is read", expected="another one", fix=f"give another {option}"
            )


def check_outputs(outputs: Mapping[str, Path | None], inputs: Iterable[str | Path]) -> None:
    """Stops before the work if one of several files could not be written, or two are the same.

    outputs : option -> what it names; None, or `STDOUT`, is no file

    Raises
        DataError, OSError : as `check_output`
    """
    checked: dict[Path, str] = {}
    inputs = list(inputs)
    for option, path in outputs.items():
        if path is None or path is STDOUT:
            continue
        check_output(path, inputs, option=option)
        if other := checked.get(path.resolve()):
            came = f"the file of {other}"
            raise DataError.at(str(path), came=came, expected="another one", fix=f"give another {option}")
        checked[path.resolve()] = option


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _complain(program: str, message: str) -> int:
    with suppress(OSError, ValueError):
        print(f"{program}: error: {message}", file=sys.stderr)
    return 2
